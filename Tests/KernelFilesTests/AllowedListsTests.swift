import KernelFiles
import PageModel
import Testing

@testable import KernelFiles

private let lists: [(String, [Int]?, [Int]?)] = [
    ("Cpus_allowed:\tff\nCpus_allowed_list:\t0-7\nMems_allowed:\t3\nMems_allowed_list:\t0-1\n", Array(0...7), [0, 1]),
    ("Cpus_allowed_list:\t0-3,8\n", [0, 1, 2, 3, 8], nil),
    ("Mems_allowed_list:\t0,2,5-6", nil, [0, 2, 5, 6]),
    ("Cpus_allowed_list:\t\nMems_allowed_list:\t\n", [], []),
    ("Cpus_allowed:\tff\nMems_allowed:\t1\nMemsX\nC\nM\n", nil, nil),
    ("Name:\tCpus_allowed_list:\t1\n", nil, nil),
    ("", nil, nil),
]

@Test(arguments: lists) func allowedLists(text: String, cpus: [Int]?, nodes: [Int]?) throws {
    let lists = try AllowedLists(parsing: bytes(text))
    #expect(lists.cpus == cpus)
    #expect(lists.nodes == nodes?.map { NodeID($0) })
}

private let refused: [(String, String)] = [
    ("Cpus_allowed_list:\t3-1", "Cpus_allowed_list: and a list of CPUs such as 0-3,8"),
    ("Cpus_allowed_list:\t0-65536", "Cpus_allowed_list: and a list of CPUs such as 0-3,8"),
    ("Cpus_allowed_list:\t0,0", "Cpus_allowed_list: and a list of CPUs such as 0-3,8"),
    ("Mems_allowed_list:\t-1", "Mems_allowed_list: and a list of nodes such as 0-3,8"),
    ("Mems_allowed_list:\t0 1", "Mems_allowed_list: and a list of nodes such as 0-3,8"),
]

@Test(arguments: refused) func allowedListsRefuse(text: String, expected: String) throws {
    let content = bytes("Name:\tx\n\(text)\n")
    let error = try #require(formatError { () throws(FormatError) in try AllowedLists(parsing: content) })
    #expect((error.line, error.expected) == (2, expected))
}

/// The kernel prints the same CPUs as a mask, too.
@Test func liveListsAreThoseOfTheMask() throws {
    var buffer: [UInt8] = []
    let lists = try KernelRoot.live.allowedLists(of: "self", buffer: &buffer)
    var digits: [UInt8] = []
    try buffer.eachLine { line throws(FormatError) in
        if let value = line.value(after: "Cpus_allowed:") { digits = value.filter { $0 > UInt8(ascii: ",") } }
    }
    var cpus: [Int] = []
    for (place, digit) in digits.reversed().enumerated() {
        let bits = try #require(UInt8(digits: [digit], radix: 16))
        for bit in 0..<4 where bits >> bit & 1 == 1 { cpus.append(place * 4 + bit) }
    }
    #expect(lists.cpus == cpus && !cpus.isEmpty)
    let nodes = try KernelRoot.live.nodeIDs()
    #expect(Set(lists.nodes ?? []).isSubset(of: nodes.isEmpty ? [NodeID(0)] : Set(nodes)))
}
