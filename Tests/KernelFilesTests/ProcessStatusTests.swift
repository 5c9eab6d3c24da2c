import KernelFiles
import PageModel
import SystemPackage
import TestSupport
import Testing

@testable import KernelFiles

private let amounts: [(String, Int64?)] = [
    ("HugetlbPages:\t    8192 kB", 8 << 20),
    ("HugetlbPages:\t       0 kB", 0),
    ("HugetlbPages:\t18446744073709549568 kB", -2_097_152),  // credited by an unmap of what another was charged for
    ("HugetlbPages:\t18446744073709551615 kB", -1024),
    ("HugetlbPages:\t9007199254740991 kB", 9_007_199_254_740_991 << 10),
    ("VmHWM:\t8192 kB", nil),  // none: a kernel thread or a zombie
    ("", nil),
]

@Test(arguments: amounts) func hugetlbBytes(text: String, bytes: Int64?) throws {
    #expect(try ProcessStatus(parsing: KernelFilesTests.bytes("Name:\tx\n\(text)\n")).hugetlbBytes == bytes)
}

/// A line, and what it says of `VmLck` and `VmPin`.
private let kept: [(String, Int64?, Int64?)] = [
    ("VmLck:\t       0 kB", 0, nil),
    ("VmPin:\t    4104 kB", nil, 4_202_496),
    ("VmLck:\t       8 kB\nVmPin:\t      16 kB", 8192, 16384),
    ("VmPin:\t18446744073709551612 kB", nil, -4096),  // given back more than was taken
    ("VmPeak:\t 100 kB\nVmLib:\t 100 kB\nVmExe:\t 100 kB\nVmPTE:\t 100 kB\nVm\nV\nVmL\nVmLi\n", nil, nil),
    ("Name:\tVmPin:\t4 kB", nil, nil),
]

@Test(arguments: kept) func bytesThatAreKept(text: String, locked: Int64?, pinned: Int64?) throws {
    let status = try ProcessStatus(parsing: KernelFilesTests.bytes("\(text)\n"))
    #expect((status.lockedBytes, status.pinnedBytes) == (locked, pinned))
}

/// A line, and what it says of `THP_enabled`.
private let ofTransparent: [(String, Bool?)] = [
    ("VmSwap:\t       0 kB\nTHP_enabled:\t1", true),
    ("THP_enabled:\t0", false),
    ("Threads:\t1\nTgid:\t7\nTracerPid:\t0\nVmSize:\t 8 kB\nVmHWM:\t 8 kB\nT\nVmw", nil),  // before 5.0
    ("Name:\tTHP_enabled:\t1", nil),
]

@Test(arguments: ofTransparent) func transparent(text: String, isEnabled: Bool?) throws {
    #expect(try ProcessStatus(parsing: bytes("\(text)\n")).isTransparentEnabled == isEnabled)
}

private let states: [(String, Bool)] = [
    ("State:\tZ (zombie)", true),
    ("State:\tS (sleeping)", false),
    ("State:\tI (idle)", false),
    ("State:\tD (disk sleep)", false),
    ("State:\tX (dead)", false),
    ("State:", false),
    ("State:\n", false),
    ("Name:\tState:\tZ (zombie)", false),  // a process may be called anything
]

@Test(arguments: states) func zombie(text: String, isZombie: Bool) throws {
    #expect(try ProcessStatus(parsing: bytes(text)).isZombie == isZombie)
}

@Test func linesOfStatus() throws {
    let text =
        "Name:\tdb server\nState:\tS (sleeping)\nTgid:\t7\nPid:\t7\nPPid:\t42\nTracerPid:\t0\n"
        + "Uid:\t1000\t1001\t1002\t1003\nGid:\t5\t5\t5\t5\nThreads:\t12\nTHP_enabled:\t1\n"
    let status = try ProcessStatus(parsing: bytes(text))
    #expect(status.parent == PID(42))
    #expect(status.user == 1000)
    #expect(status.threads == 12)
    #expect(!status.isZombie)
}

@Test func nothingIsNeeded() throws {
    let status = try ProcessStatus(parsing: [])
    #expect((status.threads, status.user, status.parent.rawValue, status.isZombie) == (1, 0, 0, false))
    #expect(status.hugetlbBytes == nil)
}

private let refused: [(String, String)] = [
    ("PPid:", "PPid: and a PID"),
    ("PPid:\t-1", "PPid: and a PID"),
    ("PPid:\t2147483648", "PPid: and a PID"),
    ("PPid:\t1 2", "PPid: and a PID"),
    ("Threads:\tx", "Threads: and a count"),
    ("Threads:\t18446744073709551616", "Threads: and a count"),
    ("Uid:", "Uid: and four user ids"),
    ("Uid:\t-1\t0\t0\t0", "Uid: and four user ids"),
    ("Uid:\t4294967296\t0\t0\t0", "Uid: and four user ids"),
    ("HugetlbPages:\t8192", "HugetlbPages: and an amount in kB"),
    ("HugetlbPages:\t-2048 kB", "HugetlbPages: and an amount in kB"),
    ("HugetlbPages:\t9007199254740992 kB", "HugetlbPages: and an amount in kB"),
    ("HugetlbPages:\t18446744073709551616 kB", "HugetlbPages: and an amount in kB"),
    ("VmPin:\t1", "VmPin: and an amount in kB"),
    ("VmLck:\t-1 kB", "VmLck: and an amount in kB"),
    ("THP_enabled:\t2", "THP_enabled: and 0 or 1"),
    ("THP_enabled:", "THP_enabled: and 0 or 1"),
    ("HugetlbPages:\t kB", "HugetlbPages: and an amount in kB"),
]

@Test(arguments: refused) func statusRefuses(text: String, expected: String) throws {
    let content = bytes("Name:\tx\nState:\tS\n\(text)\nUid:\t0\t0\t0\t0\n")
    let error = try #require(formatError { () throws(FormatError) in try ProcessStatus(parsing: content) })
    #expect((error.line, error.expected) == (3, expected))
}

private let fixture: [(String, String, Int32, UInt64, Int64?, Bool)] = [
    ("four-nodes-6.1", "2", 0, 1, nil, false),  // a kernel thread
    ("four-nodes-6.1", "132", 131, 1, 8 << 20, false),
    ("four-nodes-6.1", "136", 134, 1, 6 << 20, false),
    ("zombie-leader-6.1", "134", 131, 2, nil, true),
    ("zombie-leader-6.1", "134/task/134", 131, 2, nil, true),
    ("zombie-leader-6.1", "134/task/137", 131, 2, 6 << 20, false),
]

@Test(arguments: fixture)
func statusOfFixture(
    name: String, process: String, parent: Int32, threads: UInt64, hugetlb: Int64?, isZombie: Bool
) throws {
    let tree = try FixtureTree(name)
    var buffer: [UInt8] = []
    let status = try tree.root.status(process, buffer: &buffer)
    #expect(status.parent == PID(parent))
    #expect(status.threads == threads)
    #expect(status.hugetlbBytes == hugetlb)
    #expect(status.isZombie == isZombie)
}

@Test func processesAndThreads() throws {
    let tree = try ScratchTree(
        folders: ["1", "10", "9", "self", "sys", "-3", "2147483648", "7x", "9/task/9", "9/task/11"].map { "proc/\($0)" }
    )
    #expect(try tree.root.processes().map(\.rawValue) == [1, 9, 10])
    #expect(try tree.root.threads(of: PID(9)).map(\.rawValue) == [9, 11])
    let error = try #require(fileError { () throws(KernelFileError) in try tree.root.threads(of: PID(1)) })
    #expect(error.problem == .system(action: "list", .noSuchFileOrDirectory))
}
