/// Looks up the nodes of frames, of which the next mostly lies where the last one did.
package struct NodeCursor {
    private let map: NodeMap
    private var last: NodeRange?

    package init(_ map: NodeMap) { self.map = map }

    /// The frames around `frame` that are on its node, and that node; nil, of the frames of a hole.
    package mutating func stretch(around frame: UInt64) -> (frames: Range<UInt64>, node: NodeID?) {
        if let last, last.frames.contains(frame) { return (last.frames, last.node) }
        let ranges = map.ranges
        let index = ranges.partitioningIndex { $0.frames.upperBound > frame }
        if index < ranges.count, ranges[index].frames.contains(frame) {
            last = ranges[index]
            return (ranges[index].frames, ranges[index].node)
        }
        let start = index > 0 ? ranges[index - 1].frames.upperBound : 0
        return (start..<(index < ranges.count ? ranges[index].frames.lowerBound : .max), nil)
    }
}
