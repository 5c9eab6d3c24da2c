import Observations
import PageModel
import Testing

@testable import KernelFiles

private let four = " 0 0 0 0 0 0 0 1 1 0"
private let texts: [(String, [Int: FreeBlock])] = [
    ("", [:]),
    ("Node 0, zone   Normal      1      0      3      0 \n", [0: FreeBlock(largest: 16 << 10, limit: 32 << 10)]),
    ("Node 1, zone DMA 0 0\n", [1: FreeBlock(largest: 0, limit: 8192)]),
    // The largest of all zones of a node.
    ("Node 3, zone DMA\(four) 0\nNode 3, zone Normal\(four) 9\n", [3: FreeBlock(largest: 4 << 20, limit: 4 << 20)]),
    (
        "Node 0, zone DMA 1 1\nNode 2, zone DMA 1 0",
        [0: .init(largest: 8192, limit: 8192), 2: .init(largest: 4096, limit: 8192)]
    ),
    ("Node 0, zone DMA 18446744073709551615", [0: FreeBlock(largest: 4096, limit: 4096)]),
]

@Test(arguments: texts) func buddyinfo(text: String, blocks: [Int: FreeBlock]) throws {
    let nodes = try Buddyinfo(parsing: bytes(text), base: .fourKiB).nodes
    #expect(nodes == Dictionary(uniqueKeysWithValues: blocks.map { (NodeID($0), $1) }))
}

private let refused: [(String, Int)] = [
    ("\n", 1), ("Node 0, zone DMA", 1), ("Node 0 zone DMA 1", 1), ("Node x, zone DMA 1", 1), ("Node -1, zone DMA 1", 1),
    ("Node 0, zone DMA 1\nNode 0, zone Normal 1 x", 2), ("Node 0, zone DMA 18446744073709551616", 1),
    ("Node 0, area DMA 1", 1), ("Node 0, zone DMA" + String(repeating: " 1", count: 52), 1),
]

@Test(arguments: refused) func buddyinfoRefuses(text: String, line: Int) throws {
    let error = try #require(
        formatError { () throws(FormatError) in try Buddyinfo(parsing: bytes(text), base: .fourKiB) })
    #expect((error.line, error.expected) == (line, "Node N, zone NAME and a count for each order"))
}

@Test func largestOrdersDoNotOverflow() throws {
    let text = "Node 0, zone DMA" + String(repeating: " 1", count: 51)
    #expect(
        try Buddyinfo(parsing: bytes(text), base: .fourKiB).nodes[NodeID(0)]
            == FreeBlock(largest: 1 << 62, limit: 1 << 62))
}

@Test func liveBuddyinfo() throws {
    let blocks = try KernelRoot.live.freeBlocks(base: .fourKiB)
    #expect(!blocks.isEmpty)
    #expect(blocks.values.allSatisfy { $0.largest <= $0.limit && $0.limit >= 4096 })
}
