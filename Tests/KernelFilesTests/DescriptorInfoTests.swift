import CStates
import Glibc
import KernelFiles
import Observations
import SystemPackage
import Testing

@testable import KernelFiles

/// An io_uring of 6.18 with two hugetlb buffers and one of base pages, after the first two were unmapped.
private let ring618 = """
    pos:	0
    flags:	02000002
    mnt_id:	17
    ino:	151623
    SqMask:	0x3
    SqHead:	0
    SQEs:	0
    CQEs:	0
    SqThread:	-1
    SqThreadCpu:	-1
    SqTotalTime:	0
    SqWorkTime:	0
    UserFiles:	0
    UserBufs:	3
        0: 0x7f7562c00000/2097152
        1: 0x7f7562e00000/2097152
        2: 0x7f75633da000/8192
    PollList:
    CqOverflowList:
    NAPI:	disabled

    """

/// One with three slots, of which one is used.
private let sparse618 = """
    mnt_id:	17
    ino:	151630
    SqMask:	0x3
    UserFiles:	2
        0: /dev/null
    UserBufs:	3
        0: <none>
        1: 0x7f75633da000/4096
        2: <none>
    PollList:
      op=6, task_works=0
    CqOverflowList:
      user_data=7, res=0, flags=0

    """

/// As 6.1 prints an empty slot, a request and the credentials: lines that begin with blanks stand elsewhere, too.
private let sparse61 = """
    mnt_id:	15
    SqMask:	0x3
    SQEs:	1
        0: opcode:READV, fd:0, flags:0, off:0, addr:0x0, rw_flags:0x0, buf_index:0 user_data:0
    CQEs:	0
    SqThread:	-1
    SqThreadCpu:	-1
    UserFiles:	2
        0: null
        1: <none>
    UserBufs:	2
        0: 0xffffffffffffffff/1
        1: 0x7f0000200000/2097152
    Personalities:
        1
    	Uid:	0		0		0		0
    	CapEff:	000001ffffffffff
    PollList:
    CqOverflowList:

    """

/// A text, how many slots for buffers there are, the buffers, and whether every slot was listed.
private let rings: [(String, [Range<UInt64>], Bool)] = [
    (
        ring618,
        [
            0x7f75_62c0_0000..<0x7f75_62e0_0000, 0x7f75_62e0_0000..<0x7f75_6300_0000,
            0x7f75_633d_a000..<0x7f75_633d_c000,
        ], true
    ),
    (sparse618, [0x7f75_633d_a000..<0x7f75_633d_b000], true),
    (sparse61, [0x7f00_0020_0000..<0x7f00_0040_0000], true),
    ("UserBufs:\t0\nPollList:\n", [], true),
    ("UserBufs:\t2\nPollList:\nCqOverflowList:\n", [], false),  // the ring was busy
    ("pos:\t0\nflags:\t02\nmnt_id:\t17\nino:\t3\n", [], false),  // the same on a newer kernel
    ("UserBufs:\t1\n    0: 0x0/1048576\n", [], true),  // lent by a driver
    ("UserBufs:\t1\n    0: 0x1000/0\n", [], true),
    ("UserBufs:\t1\n    0: 0xffffffffffff0000/4294967295\n", [], true),
    // A file of that name, in a ring of 6.1: the kernel's own line comes last.
    ("UserFiles:\t1\n    0: a\nUserBufs:\t7\n    0: 0x7f00/4\nUserBufs:\t0\nPollList:\n", [], true),
]

@Test(arguments: rings) func ringsBuffers(text: String, buffers: [Range<UInt64>], isComplete: Bool) throws {
    let info = try DescriptorInfo(parsing: bytes(text))
    #expect(info.buffers == buffers)
    #expect(info.areBuffersComplete == isComplete)
    #expect(info.scmFds == nil)
}

@Test func socketWithDescriptorsUnderWay() throws {
    let info = try DescriptorInfo(parsing: bytes("pos:\t0\nflags:\t02\nmnt_id:\t10\nino:\t151634\nscm_fds: 2\n"))
    #expect(info.scmFds == 2)
    let old = try DescriptorInfo(parsing: bytes("pos:\t0\nflags:\t0100002\nmnt_id:\t18\n"))  // 5.10 has no ino
    #expect(old.scmFds == nil)
}

@Test func buffersAreBounded() throws {
    let most = DescriptorInfo.mostBuffers
    let lines = (0..<most + 9).map { "\($0): 0x\(String(4096 + $0, radix: 16))/1" }
    let info = try DescriptorInfo(parsing: bytes("UserBufs:\t\(most + 9)\n " + lines.joined(separator: "\n ") + "\n"))
    #expect(info.buffers.count == most)
    #expect(info.areBuffersComplete)
}

private let refused: [(String, String)] = [
    ("scm_fds: 18446744073709551616", "scm_fds: and a count"),
    ("UserBufs:\t-1", "UserBufs: and a count"),
    ("UserBufs:\t1\n    0: 0x7f00", "a number, a colon and 0xADDRESS/LENGTH or <none>"),
    ("UserBufs:\t1\n    0: 7f00/4", "a number, a colon and 0xADDRESS/LENGTH or <none>"),
    ("UserBufs:\t1\n    x: 0x7f00/4", "a number, a colon and 0xADDRESS/LENGTH or <none>"),
    ("UserBufs:\t1\n    0: 0x7f00/4 more", "a number, a colon and 0xADDRESS/LENGTH or <none>"),
    ("UserBufs:\t1\n    0 0x7f00/4", "a number, a colon and 0xADDRESS/LENGTH or <none>"),
]

@Test(arguments: refused) func descriptorInfoRefuses(text: String, expected: String) throws {
    let error = try #require(formatError { () throws(FormatError) in try DescriptorInfo(parsing: bytes(text)) })
    #expect(error.expected == expected)
    #expect(error.line == text.count { $0 == "\n" } + 1)
}

private func info(of descriptor: Int32) throws -> DescriptorInfo {
    try KernelRoot.live.descriptorInfo(of: descriptor, of: "self")
}

@Test func liveDescriptorUnderWay() throws {
    var ends: [Int32] = [0, 0]
    try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
    defer { for end in ends { close(end) } }
    #expect(try ends.map { try info(of: $0).scmFds } == [0, 0])
    #expect(states_send(ends[0], ends[0]) == 0 && states_send(ends[0], ends[1]) == 0)
    #expect(try ends.map { try info(of: $0).scmFds } == [0, 2])
}

@Test func liveRing() throws {
    let room = UnsafeMutableRawPointer.allocate(byteCount: 4 * 4096, alignment: 4096)
    defer { room.deallocate() }
    let start = UInt64(UInt(bitPattern: room))
    let ring = states_io_uring(room, 8192, 2)
    if ring < 0 { return }  // kernel.io_uring_disabled, or no room to pin
    defer { close(ring) }
    let link = try KernelRoot.live.link(ofDescriptor: ring, of: "self")
    #expect(SuspectKind(link: link) == .ioUring)
    let buffers = try info(of: ring)
    #expect(buffers.buffers == [start..<start + 8192, start + 8192..<start + 16384])
    #expect(buffers.areBuffersComplete)
    let sparse = states_sparse_io_uring(room, 4096, 5, 3)
    if sparse < 0 { return }  // before 5.19
    defer { close(sparse) }
    let slots = try info(of: sparse)
    #expect(slots.buffers == [start..<start + 4096])
    #expect(slots.areBuffersComplete)
}
