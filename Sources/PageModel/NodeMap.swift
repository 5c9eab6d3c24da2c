/// One contiguous run of page frames and the node they belong to.
public struct NodeRange: Hashable, Sendable {
    public let frames: Range<UInt64>
    public let node: NodeID
    public init(frames: Range<UInt64>, node: NodeID) { (self.frames, self.node) = (frames, node) }
}

/// Which node a page frame lies on: from memory blocks, and from zone spans where blocks leave it open.
/// Source: kernel `Documentation/admin-guide/mm/memory-hotplug.rst`; `/proc/zoneinfo`.
public struct NodeMap: Hashable, Sendable {
    /// Disjoint and ascending. A frame in none of them is a hole or cannot be told.
    public let ranges: [NodeRange]
    /// Where memory may be, whoever's it is: disjoint, ascending, neighbours joined. Unit: PFN.
    public let populated: [Range<UInt64>]

    /// - Parameters:
    ///   - blocks: the frames of each memory block, by its number, with every node that has a link to it; empty
    ///     where the kernel lacks memory hotplug, and then zone spans alone decide.
    ///   - zones: the span of each populated zone. Spans may contain holes.
    public init(blocks: [(frames: Range<UInt64>, nodes: [NodeID])], zones: [NodeRange]) {
        var found: [NodeRange] = []
        for block in blocks {
            if block.nodes.count == 1 {
                found.append(NodeRange(frames: block.frames, node: block.nodes[0]))
            } else {
                let spans = zones.filter { block.nodes.contains($0.node) }
                found += Self.undisputed(spans).compactMap { span in
                    let frames = span.frames.clamped(to: block.frames)
                    return frames.isEmpty ? nil : NodeRange(frames: frames, node: span.node)
                }
            }
        }
        ranges = Self.joined(blocks.isEmpty ? Self.undisputed(zones) : found)
        populated = Self.union(blocks.isEmpty ? zones.map(\.frames) : blocks.map(\.frames))
    }

    /// The node of `frame`; nil in a hole, past the last node's memory, or where two nodes' zones overlap.
    public subscript(frame: PFN) -> NodeID? {
        let index = ranges.partitioningIndex { $0.frames.upperBound > frame.rawValue }
        return index < ranges.count && ranges[index].frames.contains(frame.rawValue) ? ranges[index].node : nil
    }

    /// The parts of `spans` that only one node claims.
    private static func undisputed(_ spans: [NodeRange]) -> [NodeRange] {
        let edges = Set(spans.flatMap { [$0.frames.lowerBound, $0.frames.upperBound] }).sorted()
        return zip(edges, edges.dropFirst()).compactMap { low, high in
            let owners = Set(spans.lazy.filter { $0.frames.contains(low) }.map(\.node))
            return owners.count == 1 ? owners.first.map { NodeRange(frames: low..<high, node: $0) } : nil
        }
    }

    private static func joined(_ ranges: [NodeRange]) -> [NodeRange] {
        var result: [NodeRange] = []
        for range in ranges.sorted(by: { $0.frames.lowerBound < $1.frames.lowerBound }) {
            if let last = result.last, last.node == range.node, last.frames.upperBound == range.frames.lowerBound {
                result[result.count - 1] = NodeRange(
                    frames: last.frames.lowerBound..<range.frames.upperBound, node: range.node)
            } else {
                result.append(range)
            }
        }
        return result
    }

    private static func union(_ ranges: [Range<UInt64>]) -> [Range<UInt64>] {
        var result: [Range<UInt64>] = []
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if let last = result.last, range.lowerBound <= last.upperBound {
                result[result.count - 1] = last.lowerBound..<max(last.upperBound, range.upperBound)
            } else {
                result.append(range)
            }
        }
        return result
    }
}
