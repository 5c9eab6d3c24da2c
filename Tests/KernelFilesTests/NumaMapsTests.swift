import KernelFiles
import Observations
import PageModel
import TestSupport
import Testing

@testable import KernelFiles

/// A line, its policy, whether it is of a hugetlb mapping, its page size and the pages on each node.
private let lines: [(String, String, Bool, UInt64?, [Int: UInt64])] = [
    (
        #"7fac40400000 bind:2 file=/anon_hugepage\040(deleted) huge anon=4 dirty=4 N2=4 kernelpagesize_kB=2048"#,
        "bind:2", true, 2 << 20, [2: 4]
    ),
    (
        #"7f8dc0000000 bind:1 file=/anon_hugepage\040(deleted) huge anon=1 dirty=1 N1=1 kernelpagesize_kB=1048576"#,
        "bind:1", true, 1 << 30, [1: 1]
    ),
    (
        "7e0000000000 interleave:0-3 file=/mnt/a huge dirty=3 N0=1 N2=2 kernelpagesize_kB=2048", "interleave:0-3", true,
        2 << 20, [0: 1, 2: 2]
    ),
    (#"7e0b00000000 bind:2 file=/memfd:shared\040(deleted) huge"#, "bind:2", true, nil, [:]),  // nothing mapped
    ("7ffe587c4000 bind:2", "bind:2", false, nil, [:]),
    (
        "00400000 default file=/bin/holder mapped=2 N0=2 N64=1 kernelpagesize_kB=4", "default", false, 4096,
        [0: 2, 64: 1]
    ),
    (
        "7ffe5879a000 default stack anon=5 dirty=5 active=1 N1=2 N2=3 kernelpagesize_kB=4", "default", false, 4096,
        [1: 2, 2: 3]
    ),
    ("7f00 bind=static:0-1 anon=1 N0=1 kernelpagesize_kB=64", "bind=static:0-1", false, 65536, [0: 1]),
    ("7f00 prefer (many):1 anon=1 N1=1 kernelpagesize_kB=4", "prefer (many):1", false, 4096, [1: 1]),
    ("7f00 prefer (many)=relative:0-1 huge", "prefer (many)=relative:0-1", true, nil, [:]),
    ("7f00 weighted interleave:0-1 huge N0=1 kernelpagesize_kB=2048", "weighted interleave:0-1", true, 2 << 20, [0: 1]),
    ("7f00 prefer:1 anon=1 N1=1 kernelpagesize_kB=4", "prefer:1", false, 4096, [1: 1]),
    (#"7f00 default file=/huge\040N0=7 huge N1=1 kernelpagesize_kB=2048"#, "default", true, 2 << 20, [1: 1]),
    ("7f00 default file=/tmp/huge anon=1", "default", false, nil, [:]),  // only called so
]

@Test(arguments: lines)
func numaMapsLine(text: String, policy: String, isHuge: Bool, pageSize: UInt64?, pages: [Int: UInt64]) throws {
    let mapping = try NumaMapping(parsing: line(text))
    #expect(mapping.policy == ForeignText(policy))
    #expect(mapping.isHuge == isHuge)
    #expect(mapping.pageSize?.bytes == pageSize)
    #expect(Dictionary(uniqueKeysWithValues: mapping.pages.map { ($0.rawValue, $1) }) == pages)
}

private let refused: [(String, String)] = [
    ("", "an address, a policy and fields"),
    ("7f00", "an address, a policy and fields"),
    ("x default", "an address, a policy and fields"),
    ("-7f00 default", "an address, a policy and fields"),
    ("10000000000000000 default", "an address, a policy and fields"),
    ("7f00 default N0=", "N0= and a count of pages, at most 2^52"),
    ("7f00 default N0=-1", "N0= and a count of pages, at most 2^52"),
    ("7f00 default N3=18446744073709551616", "N3= and a count of pages, at most 2^52"),
    ("7f00 default N3=18446744073709551615", "N3= and a count of pages, at most 2^52"),
    ("7f00 default N3=4503599627370497", "N3= and a count of pages, at most 2^52"),
    ("7f00 default kernelpagesize_kB=", "kernelpagesize_kB= and a size"),
    ("7f00 default kernelpagesize_kB=-4", "kernelpagesize_kB= and a size"),
    ("7f00 default kernelpagesize_kB=0", "kernelpagesize_kB= and a power of two"),
    ("7f00 default kernelpagesize_kB=3000", "kernelpagesize_kB= and a power of two"),
    ("7f00 default kernelpagesize_kB=18446744073709551615", "kernelpagesize_kB= and a power of two"),
]

@Test(arguments: refused) func numaMapsRefuses(text: String, expected: String) throws {
    let error = try #require(formatError { () throws(FormatError) in try NumaMapping(parsing: line(text)) })
    #expect((error.line, error.expected) == (1, expected))
}

@Test func numaMappingsOfFixture() throws {
    let tree = try FixtureTree("four-nodes-6.1")
    var huge: [NumaMapping] = []
    try tree.root.numaMappings(of: "136") { if $0.isHuge { huge.append($0) } }
    #expect(huge.map(\.start) == [0x7f1e_e340_0000])
    #expect(huge.map(\.pages) == [[NodeID(1): 3]])
}

@Test func liveNumaMappings() throws {
    var pages: [NodeID: UInt64] = [:]
    try KernelRoot.live.numaMappings(of: "self") { pages.merge($0.pages) { $0 + $1 } }
    #expect(Set(pages.keys).isSubset(of: try KernelRoot.live.nodeIDs()))
    #expect(pages.values.contains { $0 > 100 })
}
