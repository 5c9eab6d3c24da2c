import PageModel
import Testing

private func zone(_ frames: Range<UInt64>, _ node: Int) -> NodeRange { NodeRange(frames: frames, node: NodeID(node)) }

private func block(_ frames: Range<UInt64>, _ nodes: Int...) -> (frames: Range<UInt64>, nodes: [NodeID]) {
    (frames, nodes.map { NodeID($0) })
}

/// A layout of memory, and the node of single frames in it.
private struct Layout: CustomTestStringConvertible, Sendable {
    let testDescription: String
    var blocks: [(frames: Range<UInt64>, nodes: [NodeID])] = []
    var zones: [NodeRange] = []
    let nodes: [(UInt64, Int?)]
    let populated: [Range<UInt64>]
}

private let layouts = [
    Layout(testDescription: "no memory at all", nodes: [(0, nil), (.max, nil)], populated: []),
    Layout(
        testDescription: "blocks only", blocks: [block(0..<8, 0), block(8..<16, 1)],
        nodes: [(0, 0), (7, 0), (8, 1), (15, 1), (16, nil), (.max, nil)], populated: [0..<16]),
    Layout(
        testDescription: "blocks decide, whatever zones say", blocks: [block(0..<8, 0)], zones: [zone(0..<16, 5)],
        nodes: [(0, 0), (7, 0), (8, nil)], populated: [0..<8]),
    Layout(
        testDescription: "gaps in node numbers", blocks: [block(0..<8, 0), block(8..<16, 7), block(16..<24, 512)],
        nodes: [(7, 0), (8, 7), (15, 7), (16, 512), (23, 512), (24, nil)], populated: [0..<24]),
    Layout(
        testDescription: "a hole between blocks", blocks: [block(0..<8, 0), block(32..<40, 0)],
        nodes: [(7, 0), (8, nil), (31, nil), (32, 0), (39, 0), (40, nil)], populated: [0..<8, 32..<40]),
    Layout(
        testDescription: "blocks in any order", blocks: [block(8..<16, 1), block(0..<8, 0)],
        nodes: [(0, 0), (7, 0), (8, 1), (15, 1)], populated: [0..<16]),
    Layout(
        testDescription: "two nodes share a block: zones tell", blocks: [block(0..<8, 0), block(8..<16, 0, 1)],
        zones: [zone(1..<12, 0), zone(12..<16, 1)],
        nodes: [(0, 0), (8, 0), (11, 0), (12, 1), (15, 1), (16, nil)], populated: [0..<16]),
    Layout(
        testDescription: "three nodes share a block", blocks: [block(0..<16, 0, 1, 3)],
        zones: [zone(0..<4, 0), zone(4..<5, 1), zone(5..<16, 3)],
        nodes: [(3, 0), (4, 1), (5, 3), (15, 3)], populated: [0..<16]),
    Layout(
        testDescription: "a hole in a shared block", blocks: [block(0..<16, 0, 1)],
        zones: [zone(0..<4, 0), zone(8..<16, 1)],
        nodes: [(3, 0), (4, nil), (7, nil), (8, 1)], populated: [0..<16]),
    Layout(
        testDescription: "zones of both nodes overlap in a shared block: nobody can tell",
        blocks: [block(0..<8, 0), block(8..<16, 0, 1), block(16..<24, 1)], zones: [zone(0..<14, 0), zone(10..<24, 1)],
        nodes: [(9, 0), (10, nil), (13, nil), (14, 1), (16, 1)], populated: [0..<24]),
    Layout(
        testDescription: "zones of a node without a link to the block are not asked",
        blocks: [block(8..<16, 0, 1)], zones: [zone(0..<12, 0), zone(12..<16, 1), zone(0..<100, 2)],
        nodes: [(8, 0), (12, 1)], populated: [8..<16]),
    Layout(
        testDescription: "two zones of one node overlap: still its own", blocks: [block(0..<16, 0, 1)],
        zones: [zone(0..<8, 0), zone(4..<12, 0), zone(12..<16, 1)],
        nodes: [(0, 0), (6, 0), (11, 0), (12, 1)], populated: [0..<16]),
    Layout(
        testDescription: "a shared block and no zones", blocks: [block(0..<8, 0), block(8..<16, 0, 1)],
        nodes: [(7, 0), (8, nil), (15, nil)], populated: [0..<16]),
    Layout(
        testDescription: "no hotplug: zones alone", zones: [zone(1..<4, 0), zone(4..<16, 0), zone(16..<32, 1)],
        nodes: [(0, nil), (1, 0), (4, 0), (15, 0), (16, 1), (31, 1), (32, nil)], populated: [1..<32]),
    Layout(
        testDescription: "no hotplug, overlapping zones", zones: [zone(0..<20, 0), zone(10..<30, 1)],
        nodes: [(9, 0), (10, nil), (19, nil), (20, 1), (29, 1)], populated: [0..<30]),
    Layout(
        testDescription: "no hotplug, one zone inside another's span", zones: [zone(0..<30, 0), zone(10..<20, 1)],
        nodes: [(9, 0), (10, nil), (19, nil), (20, 0), (29, 0)], populated: [0..<30]),
    Layout(
        testDescription: "the last frame there is", zones: [zone(0..<1, 0), zone(UInt64.max - 1..<UInt64.max, 1)],
        nodes: [(0, 0), (UInt64.max - 1, 1), (.max, nil)], populated: [0..<1, UInt64.max - 1..<UInt64.max]),
]

@Test(arguments: layouts) private func nodeOfFrames(layout: Layout) {
    let map = NodeMap(blocks: layout.blocks, zones: layout.zones)
    for (frame, node) in layout.nodes {
        #expect(map[PFN(frame)] == node.map { NodeID($0) }, "frame \(frame)")
    }
    #expect(map.populated == layout.populated)
}

@Test func neighboursOfOneNodeAreOneRange() {
    let blocks = (UInt64(0)..<100).map { block($0 * 8..<($0 + 1) * 8, $0 < 50 ? 0 : 1) }
    let map = NodeMap(blocks: blocks, zones: [])
    #expect(map.ranges == [zone(0..<400, 0), zone(400..<800, 1)])
}
