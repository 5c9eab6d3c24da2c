import KernelFiles
import PageModel
import SystemPackage
import TestSupport
import Testing

@testable import KernelFiles

private let lines: [(String, String, UInt64)] = [
    ("MemTotal:        2029092 kB", "MemTotal", 2_029_092 << 10),
    ("Node 2 MemTotal:         515676 kB", "MemTotal", 515_676 << 10),
    ("Node 0 Active(anon):          4 kB", "Active(anon)", 4096),
    ("HugePages_Total:      40", "HugePages_Total", 40),
    ("Node 1 HugePages_Free:     5", "HugePages_Free", 5),
    ("HugePages_Rsvd:    18446744073709551615", "HugePages_Rsvd", .max),  // the reservation that went below zero
    ("VmallocTotal:   34359738367 kB", "VmallocTotal", 34_359_738_367 << 10),
    ("Empty: 0 kB", "Empty", 0),
    ("Dirty:\t8 kB", "Dirty", 8192),
    ("A: 9007199254740991 kB", "A", 9_007_199_254_740_991 << 10),  // 2^53 − 1: the most that fits a signed 64 bits
]

@Test(arguments: lines) func meminfoLine(text: String, name: String, value: UInt64) throws {
    #expect(try Meminfo(parsing: bytes(text)).fields == [name: value])
    #expect(try Meminfo(parsing: bytes("First: 1 kB\n\(text)\n")).fields == ["First": 1024, name: value])
}

private let refused: [(String, Int, String)] = [
    ("MemTotal", 1, "a field such as MemTotal: 1024 kB"),
    ("A: 1 kB\n\nB: 1 kB", 2, "a field such as MemTotal: 1024 kB"),
    (": 1 kB", 1, "a field such as MemTotal: 1024 kB"),
    ("A: kB", 1, "an amount in kB"),
    ("A: -1 kB", 1, "an amount in kB"),
    ("A: 1kB", 1, "an amount in kB"),
    ("A: 9007199254740992 kB", 1, "an amount in kB"),
    ("A: 18446744073709551615 kB", 1, "an amount in kB"),
    ("A: 18446744073709551616 kB", 1, "an amount in kB"),
    ("A: 1\nB: \nC: 1", 2, "a count or an amount in kB"),
    ("A: 0x10", 1, "a count or an amount in kB"),
    ("A: 1 MB", 1, "a count or an amount in kB"),
    ("A: 1 kB\r\n", 1, "a count or an amount in kB"),
    ("A: 18446744073709551616", 1, "a count or an amount in kB"),
]

@Test(arguments: refused) func meminfoRefuses(text: String, line: Int, expected: String) throws {
    let error = try #require(formatError { () throws(FormatError) in try Meminfo(parsing: bytes(text)) })
    #expect((error.line, error.expected) == (line, expected))
}

@Suite struct MemoryOfFixture {
    let tree: FixtureTree
    init() throws { tree = try FixtureTree("four-nodes-6.1") }

    @Test func machine() throws {
        let fields = try tree.root.meminfo().fields
        #expect(fields["MemTotal"] == 2_029_092 << 10)
        #expect(fields["Hugetlb"] == 81920 << 10)
        #expect(fields["HugePages_Free"] == 33)
        #expect(fields["Hugepagesize"] == 2 << 20)
    }

    @Test(arguments: [(0, 514_640, 8), (1, 483_264, 5), (2, 515_676, 12), (3, 515_512, 8)] as [(Int, UInt64, UInt64)])
    func node(number: Int, total: UInt64, free: UInt64) throws {
        let fields = try tree.root.meminfo(of: NodeID(number)).fields
        #expect(fields["MemTotal"] == total << 10)
        #expect(fields["HugePages_Free"] == free)
    }

    @Test func vmstatOfNode() throws {
        let counters = try tree.root.vmstat(of: NodeID(0))
        #expect(counters["nr_free_pages"] == 119_839)
        #expect(counters["nr_foll_pin_released"] == 0)
        #expect(counters["nr_hugetlb"] == nil)  // from 6.16 on
    }

    @Test func missingNode() throws {
        let error = try #require(fileError { () throws(KernelFileError) in try tree.root.meminfo(of: NodeID(9)) })
        #expect(error.path.string.hasSuffix("/sys/devices/system/node/node9/meminfo"))
    }
}

private let vmstats: [(String, [String: UInt64])] = [
    ("", [:]),
    ("nr_hugetlb 1536\n", ["nr_hugetlb": 1536]),
    ("a 1\nb 2", ["a": 1, "b": 2]),
    ("a 18446744073709551615\n", ["a": .max]),
    ("a 1\na 2\n", ["a": 2]),
]

@Test(arguments: vmstats) func vmstat(text: String, counters: [String: UInt64]) throws {
    #expect(try vmstatCounters(parsing: bytes(text)) == counters)
}

private let refusedVmstats: [(String, Int, String)] = [
    ("a 1\nb\n", 2, "a name and a count"),
    ("\n", 1, "a name and a count"),
    ("a -1", 1, "a count after the name"),
    ("a 1 2", 1, "a count after the name"),
    ("a 18446744073709551616", 1, "a count after the name"),
    ("a \n", 1, "a count after the name"),
]

@Test(arguments: refusedVmstats) func vmstatRefuses(text: String, line: Int, expected: String) throws {
    let error = try #require(formatError { () throws(FormatError) in try vmstatCounters(parsing: bytes(text)) })
    #expect((error.line, error.expected) == (line, expected))
}

@Test func liveMeminfo() throws {
    let fields = try KernelRoot.live.meminfo().fields
    let total = try #require(fields["MemTotal"])
    #expect(total > 64 << 20)
    #expect(try #require(fields["MemFree"]) < total)
    for node in try KernelRoot.live.nodeIDs() {
        #expect(try KernelRoot.live.meminfo(of: node).fields["MemTotal"] != nil)
        #expect(try KernelRoot.live.vmstat(of: node)["nr_free_pages"] ?? 0 > 0)
    }
}
