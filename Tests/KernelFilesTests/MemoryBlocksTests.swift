import KernelFiles
import PageModel
import TestSupport
import Testing

@testable import KernelFiles

private func span(_ frames: Range<UInt64>, _ node: Int) -> NodeRange { NodeRange(frames: frames, node: NodeID(node)) }

private func tree(blockSize: String, links: [String]) throws -> ScratchTree {
    try ScratchTree(
        ["sys/devices/system/memory/block_size_bytes": bytes(blockSize)],
        folders: ["node0", "node1"].map { "sys/devices/system/node/\($0)" }
            + links.map { "sys/devices/system/node/\($0)" })
}

private let nodes = [NodeID(0), NodeID(1)]
private let most = PFN.most

/// Block size, links, zones, and what they come to.
private let machines: [(String, [String], [NodeRange], [NodeRange])] = [
    ("8000000\n", ["node0/memory0", "node1/memory1"], [], [span(0..<0x8000, 0), span(0x8000..<0x10000, 1)]),
    ("8000000", ["node0/memory10", "node0/memory9"], [], [span(0x48000..<0x58000, 0)]),  // by number, not by name
    ("80000000", ["node0/memory1"], [], [span(0x80000..<0x100000, 0)]),  // 2 GiB blocks
    (
        "8000000", ["node0/memory0", "node0/memory1", "node1/memory1"],
        [span(1..<0xc000, 0), span(0xc000..<0x10000, 1)],
        [span(0..<0xc000, 0), span(0xc000..<0x10000, 1)]
    ),
    ("8000000", ["node0/memory0", "node0/memory_failure", "node0/memory", "node0/memoryX"], [], [span(0..<0x8000, 0)]),
    ("8000000", ["node0/memory0", "node0/memory18446744073709551616"], [], [span(0..<0x8000, 0)]),  // no number
    ("8000000", ["node0/memory0", "node1/memory00"], [], [span(0..<0x8000, 0)]),  // no number of the kernel's
    ("8000000", [], [span(1..<100, 1)], [span(1..<100, 1)]),  // no links: zones alone
    ("1000", ["node0/memory\(most - 2)"], [], [span(most - 2..<most - 1, 0)]),
]

@Test(arguments: machines)
func nodeMap(blockSize: String, links: [String], zones: [NodeRange], ranges: [NodeRange]) throws {
    let tree = try tree(blockSize: blockSize, links: links)
    #expect(try tree.root.nodeMap(of: nodes, base: .fourKiB, zones: zones).ranges == ranges)
}

private let refused: [(String, String, String)] = [
    ("8000000", "node1/memory18446744073709551615", "the number of a memory block of 134217728 bytes"),
    ("8000000", "node1/memory137438953472", "the number of a memory block of 134217728 bytes"),
    ("ffffffffffffffff", "node1/memory1", "the number of a memory block of 18446744073709551615 bytes"),
]

@Test(arguments: refused) func memoryBlockRefuses(blockSize: String, link: String, expected: String) throws {
    let tree = try tree(blockSize: blockSize, links: [link])
    let error = try #require(
        fileError { () throws(KernelFileError) in
            try tree.root.nodeMap(of: nodes, base: .fourKiB, zones: [])
        })
    #expect(error.path == tree.root.path("sys/devices/system/node/node1"))
    guard case .malformed(let format) = error.problem else { throw error }
    #expect(format.expected == expected)
}

@Test(arguments: ["", "\n", "0x8000000", "8000000 0", "-1", "8000000G", "10000000000000000", "FF", "0", "800", "fff"])
func blockSizeRefuses(text: String) throws {
    let tree = try tree(blockSize: text, links: [])
    let error = try #require(
        fileError { () throws(KernelFileError) in try tree.root.nodeMap(of: nodes, base: .fourKiB, zones: []) })
    #expect(error.path == tree.root.path("sys/devices/system/memory/block_size_bytes"))
    guard case .malformed(let format) = error.problem else { throw error }
    #expect((format.line, format.expected) == (1, "a block size in hexadecimal bytes, at least a base page"))
}

@Test func withoutHotplugZonesDecide() throws {
    let tree = try ScratchTree(folders: ["sys/devices/system/node/node0"])
    let zones = [span(1..<0x1000, 0), span(0x1000..<0x2000, 0)]
    #expect(try tree.root.nodeMap(of: [NodeID(0)], base: .fourKiB, zones: zones).ranges == [span(1..<0x2000, 0)])
}

@Test func basePageSizeScalesBlocks() throws {
    let base = try #require(PageSize(bytes: 64 << 10))
    let tree = try tree(blockSize: "8000000", links: ["node1/memory1"])
    let map = try tree.root.nodeMap(of: nodes, base: base, zones: [])
    #expect(map.ranges == [span(0x800..<0x1000, 1)])
}

/// The boundary of nodes 1 and 2 lies in the middle of memory block 11, to which both have a link.
@Test func straddlingBlockOfTheFixture() throws {
    let tree = try FixtureTree("straddle-6.1")
    let map = try tree.root.nodeMap(of: tree.root.nodeIDs(), base: .fourKiB, zones: tree.root.zoneinfo().spans)
    let nodes: [(UInt64, Int)] = [
        (0, 0), (0x1ffff, 0), (0x20000, 1), (0x57fff, 1), (0x58000, 1), (0x5bfff, 1), (0x5c000, 2), (0x5ffff, 2),
        (0x60000, 2), (0x7ffff, 2),
    ]
    for (frame, node) in nodes { #expect(map[PFN(frame)] == NodeID(node), "frame \(frame)") }
    #expect(map[PFN(0x80000)] == nil)
    #expect(map.populated == [0..<0x80000])
}

@Test func liveBlocks() throws {
    let root = KernelRoot.live
    let zones = try root.zoneinfo()
    let map = try root.nodeMap(of: root.nodeIDs(), base: .fourKiB, zones: zones.spans)
    for zone in zones.spans { #expect(map[PFN(zone.frames.lowerBound)] == zone.node) }
    #expect(zones.spans.allSatisfy { zone in map.populated.contains { $0.overlaps(zone.frames) } })
}
