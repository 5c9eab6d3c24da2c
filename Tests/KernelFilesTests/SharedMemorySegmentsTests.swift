import Glibc
import KernelFiles
import Observations
import PageModel
import SystemPackage
import Testing

@testable import KernelFiles

/// As 6.18 prints it: two of the three pages of 2 MiB of the first segment are there, and the second is of base pages.
private let header =
    "       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid      atime      dtime"
    + "      ctime                   rss                  swap\n"
private let huge =
    "-847269989          1   600               6291456 20090 20091      1     5     0     0     0 1795272284          0"
    + " 1795272283            2147483648                     0"
private let small =
    "         0          2  1600                 10000 20090 20090      0     0     0     0     0 1795272284          0"
    + " 1795272284                 12288                     0"

@Test func fieldsOfSegments() throws {
    let tree = try ScratchTree(["proc/sysvipc/shm": bytes(header + huge + "\n" + small + "\n")])
    var segments: [SharedMemorySegment] = []
    try tree.root.sharedMemorySegments { segments.append($0) }
    try #require(segments.count == 2)
    let (first, second) = (segments[0], segments[1])
    #expect((first.key, first.id, first.length) == (-847_269_989, 1, 6_291_456))
    #expect((first.creator, first.lastUser, first.attached) == (PID(20090), PID(20091), 1))
    #expect((first.owner, first.changedAt, first.rss) == (5, 1_795_272_283, 2_147_483_648))
    #expect((second.key, second.id, second.attached) == (0, 2, 0))
    #expect((second.length, second.rss) == (10000, 12288))
}

private let (miB, giB): (UInt64, UInt64) = (1 << 20, 1 << 30)
private let twoMiB = PageSize(bytes: 2 * miB)!
private let oneGiB = PageSize(bytes: giB)!
private let (v5, v6, v67, v618, v72) = (
    KernelRelease(5, 10), KernelRelease(6, 1), KernelRelease(6, 7), KernelRelease(6, 18), KernelRelease(7, 2)
)

/// Length and `rss` of a segment, the size of page asked for, the kernel, and the pages that it then has.
private let amounts: [(UInt64, UInt64, PageSize, KernelRelease?, UInt64?)] = [
    (8 * miB, 8 * miB, twoMiB, v6, 4),
    (8 * miB, 4 * miB, twoMiB, v5, 2),
    (8 * miB, 0, twoMiB, v5, 0),
    (8 * miB, 4 * giB, twoMiB, v618, 4),
    (8 * miB, giB, twoMiB, v618, 1),
    (8 * miB, 0, twoMiB, v618, 0),
    (8 * miB, giB, twoMiB, nil, 1),  // longer than the segment: no other reading
    (4 * giB, giB, twoMiB, v618, 1),  // fits into the segment, and is a product all the same
    (4 * giB, giB, twoMiB, v67, 1),
    (4 * giB, giB, twoMiB, v6, 512),
    (4 * giB, giB, twoMiB, nil, 512),
    (4 * giB, 3 * miB, twoMiB, v72, nil),  // no number of such pages
    (4 * giB, 4096, twoMiB, v72, nil),
    (4 * giB, 6 * miB, twoMiB, v72, 3),  // a kernel that prints it right
    (2 * giB, giB, oneGiB, v6, 1),
    (2 * giB, giB, oneGiB, v72, 1),
    (2 * giB, 2 * giB * 262144, oneGiB, v72, 2),
    (3 * miB, 4 * miB, twoMiB, v6, 2),  // the length is not rounded
    (3 * miB, 2 * giB, twoMiB, v72, 2),
    (4 * miB, 16 * miB, twoMiB, v6, 0),  // longer than the segment, and no product either
    (4 * miB, 4 * giB, twoMiB, v72, 2),  // never more than the segment is long
    (0, 4 * miB, twoMiB, v72, 0),
    (.max, .max - 2 * miB + 1, twoMiB, v6, (1 << 43) - 1),
    (.max, .max, twoMiB, v72, nil),
]

@Test(arguments: amounts)
func hugePagesOfSegment(length: UInt64, rss: UInt64, size: PageSize, release: KernelRelease?, pages: UInt64?) throws {
    let segment = try SharedMemorySegment(
        parsing: line("0 7 600 \(length) 1 1 0 0 0 0 0 0 0 0 \(rss) 0"))
    #expect(segment.hugePages(of: size, base: .fourKiB, release: release) == pages)
}

private let fields = ["0", "7", "600", "4096", "1", "1", "0", "0", "0", "0", "0", "0", "0", "0", "4096", "0"]

@Test(arguments: [0, 1, 2, 3, 4, 5, 6, 7, 13, 14], ["x", "-", "1.5", "99999999999999999999", "1-"])
func segmentRefuses(field: Int, text: String) throws {
    var fields = fields
    fields[field] = text
    let error = try #require(
        formatError { () throws(FormatError) in
            try SharedMemorySegment(parsing: line(fields.joined(separator: " ")))
        })
    #expect(error.expected == "the 16 fields of a segment, from key to swap")
}

private let keys: [(String, Int32?)] = [
    ("2147483647", .max), ("-2147483648", .min), ("2147483648", nil), ("-2147483649", nil), ("--1", nil), ("-0", 0),
]

@Test(arguments: keys) func keyOfSegment(text: String, key: Int32?) {
    let line = line(([text] + fields.dropFirst()).joined(separator: " "))
    #expect((try? SharedMemorySegment(parsing: line))?.key == key)
}

@Test func newFieldsAreNoError() throws {
    let segment = try SharedMemorySegment(parsing: line((fields + ["5", "new"]).joined(separator: "\t ")))
    #expect(segment.rss == 4096)
    #expect(throws: FormatError.self) {
        try SharedMemorySegment(parsing: line(fields.dropLast().joined(separator: " ")))
    }
}

@Test func otherFirstLineIsRefused() throws {
    let tree = try ScratchTree(["proc/sysvipc/shm": bytes(huge + "\n")])
    let error = try #require(
        fileError { () throws(KernelFileError) in
            try tree.root.sharedMemorySegments { _ in Issue.record("not as the kernel writes it") }
        })
    #expect(error.path == tree.root.path("proc/sysvipc/shm"))
}

@Test func liveSegment() throws {
    let id = shmget(0, 3 * 4096, Int32(0o600) | 0o1000)  // IPC_PRIVATE, IPC_CREAT
    try #require(id >= 0)
    defer { shmctl(id, 0, nil) }  // IPC_RMID
    var segments: [SharedMemorySegment] = []
    try KernelRoot.live.sharedMemorySegments { segments.append($0) }
    let segment = try #require(segments.first { $0.id == id })
    #expect((segment.key, segment.length, segment.attached) == (0, 3 * 4096, 0))
    #expect((segment.creator, segment.owner) == (PID(getpid()), geteuid()))
    #expect(abs(segment.changedAt - Double(time(nil))) < 60)
}
