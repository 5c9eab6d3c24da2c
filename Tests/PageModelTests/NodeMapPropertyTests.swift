import PageModel
import TestSupport
import Testing

/// A random machine of a few hundred frames: blocks of one size with one, two or three owners, zones anywhere.
private struct Machine {
    static let frames: UInt64 = 256
    let blocks: [(frames: Range<UInt64>, nodes: [NodeID])]
    let zones: [NodeRange]

    init(seed: UInt64) {
        var dice = Dice(seed: seed)
        let ids = [0, 1, 2, 5, 64].map { NodeID($0) }.shuffled(using: &dice)
        let size = UInt64([1, 4, 16, 64].randomElement(using: &dice) ?? 1)
        let hasHotplug = Int.random(in: 0..<4, using: &dice) > 0
        let numbers = hasHotplug ? 0..<Self.frames / size : 0..<0
        blocks = numbers.filter { _ in Int.random(in: 0..<5, using: &dice) > 0 }.shuffled(using: &dice).map { number in
            let owners = [1, 1, 1, 2, 2, 3].randomElement(using: &dice) ?? 1
            return (number * size..<(number + 1) * size, Array(ids.shuffled(using: &dice).prefix(owners)))
        }
        zones = (0..<Int.random(in: 0..<9, using: &dice)).map { _ in
            let start = UInt64.random(in: 0..<Self.frames, using: &dice)
            let end = UInt64.random(in: start + 1...min(start + 80, Self.frames), using: &dice)
            return NodeRange(frames: start..<end, node: ids.randomElement(using: &dice) ?? NodeID(0))
        }
    }

    /// The node of one frame, told the slow way: who links the block, and whose zones have the frame.
    func node(of frame: UInt64) -> NodeID? {
        let inZones = Set(zones.filter { $0.frames.contains(frame) }.map(\.node))
        guard !blocks.isEmpty else { return inZones.count == 1 ? inZones.first : nil }
        guard let block = blocks.first(where: { $0.frames.contains(frame) }) else { return nil }
        let claimants = block.nodes.count == 1 ? Set(block.nodes) : inZones.intersection(block.nodes)
        return claimants.count == 1 ? claimants.first : nil
    }

    func isPopulated(_ frame: UInt64) -> Bool {
        blocks.isEmpty
            ? zones.contains { $0.frames.contains(frame) } : blocks.contains { $0.frames.contains(frame) }
    }
}

@Test(arguments: UInt64(0)..<400) func mapAgreesWithEveryFrame(seed: UInt64) {
    let machine = Machine(seed: seed)
    let map = NodeMap(blocks: machine.blocks, zones: machine.zones)
    let frames = 0..<Machine.frames + 8
    #expect(frames.filter { map[PFN($0)] != machine.node(of: $0) } == [])
    let inPopulated = frames.filter { frame in map.populated.contains { $0.contains(frame) } }
    #expect(inPopulated == frames.filter(machine.isPopulated))
}

@Test(arguments: UInt64(0)..<400) func rangesAreDisjointAscendingAndJoined(seed: UInt64) {
    let machine = Machine(seed: seed)
    let map = NodeMap(blocks: machine.blocks, zones: machine.zones)
    for (left, right) in zip(map.ranges, map.ranges.dropFirst()) {
        #expect(left.frames.upperBound <= right.frames.lowerBound)
        #expect(left.frames.upperBound < right.frames.lowerBound || left.node != right.node, "not joined")
    }
    for (left, right) in zip(map.populated, map.populated.dropFirst()) {
        #expect(left.upperBound < right.lowerBound)
    }
    #expect(map.ranges.allSatisfy { !$0.frames.isEmpty } && map.populated.allSatisfy { !$0.isEmpty })
}

@Test func generatedMachinesAreOfEveryKind() {
    let machines = (UInt64(0)..<400).map { Machine(seed: $0) }
    #expect(machines.filter(\.blocks.isEmpty).count > 40)
    #expect(machines.filter { $0.blocks.contains { $0.nodes.count > 1 } }.count > 100)
    let disputed = machines.filter { machine in
        (0..<Machine.frames).contains { machine.isPopulated($0) && machine.node(of: $0) == nil }
    }
    #expect(disputed.count > 100)
}
