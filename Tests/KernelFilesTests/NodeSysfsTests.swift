import KernelFiles
import Observations
import PageModel
import TestSupport
import Testing

@testable import KernelFiles

private let lists: [(String, [Int])] = [
    ("", []),  // a node that has memory only
    ("\n", []),
    ("0\n", [0]),
    ("0-3\n", [0, 1, 2, 3]),
    ("0-1,8,10-11\n", [0, 1, 8, 10, 11]),
    ("5-5", [5]),
    ("65535", [65535]),
]

@Test(arguments: lists) func cpuList(text: String, cpus: [Int]) throws {
    #expect(try KernelFiles.cpuList(parsing: bytes(text)) == cpus)
}

private let refusedLists = [
    "-", "0-", "-3", "3-0", "a", "0 1", "0-3-5", "0;1", "65536", "0-99999999999999999999", "18446744073709551616",
    "0\n1", "0\r\n", "0,\u{0}",
    // The kernel's lists ascend. One that repeats itself could grow without limit.
    "0-3,2", "5,4", "1,1", "0-65535,0-65535,0-65535",
]

@Test(arguments: refusedLists) func cpuListRefuses(text: String) throws {
    let error = try #require(formatError { () throws(FormatError) in try KernelFiles.cpuList(parsing: bytes(text)) })
    #expect((error.line, error.expected) == (1, "a list of CPUs such as 0-3,8"))
}

private let distances: [(String, [Int])] = [
    ("10\n", [10]),
    ("10 16 22 28\n", [10, 16, 22, 28]),
    ("10 255", [10, 255]),
    ("", []),
]

@Test(arguments: distances) func nodeDistances(text: String, distances: [Int]) throws {
    #expect(try KernelFiles.nodeDistances(parsing: bytes(text)) == distances)
}

@Test(arguments: ["x", "-10", "10,20", "10 20\n30", "9223372036854775808", "10\u{0}", "10 20\r\n"])
func nodeDistancesRefuses(text: String) throws {
    let error = try #require(
        formatError { () throws(FormatError) in try KernelFiles.nodeDistances(parsing: bytes(text)) })
    #expect((error.line, error.expected) == (1, "distances such as 10 20"))
}

private let folders: [([String], [Int])] = [
    ([], []),
    (["node0"], [0]),
    (["node10", "node2", "node0"], [0, 2, 10]),  // gaps, and by number rather than by name
    (["node0", "has_cpu", "power", "node", "nodes", "nodeX", "node-1", "xnode1"], [0]),
    (["node0", "node00", "node01"], [0]),  // the kernel writes no leading zeros: these are none of its nodes
    (["node18446744073709551615", "node9223372036854775808", "node1"], [1]),
]

@Test(arguments: folders) func nodeFolders(names: [String], nodes: [Int]) throws {
    let tree = try ScratchTree(folders: names.map { "sys/devices/system/node/\($0)" })
    #expect(try tree.root.nodeIDs() == nodes.map { NodeID($0) })
}

private let observed: [(Int, UInt64, UInt64, [Int], [Int])] = [
    (0, 514_640, 479_356, [0], [10, 16, 22, 28]),
    (1, 483_264, 446_276, [1], [16, 10, 16, 22]),
    (2, 515_676, 466_904, [2], [22, 16, 10, 16]),
    (3, 515_512, 487_756, [3], [28, 22, 16, 10]),
]

@Suite struct NodesOfFixture {
    let tree: FixtureTree
    init() throws { tree = try FixtureTree("four-nodes-6.1") }

    @Test(arguments: observed)
    func node(number: Int, total: UInt64, free: UInt64, cpus: [Int], distances: [Int]) throws {
        let node = NodeObservation(
            id: NodeID(number), memoryBytes: total << 10, freeBytes: free << 10, cpus: cpus, distances: distances)
        #expect(try tree.root.node(NodeID(number)) == node)
    }

    @Test func all() throws { #expect(try tree.root.nodeIDs().map(\.rawValue) == [0, 1, 2, 3]) }
}
