import PageModel

/// Numbers the places where a huge page can start, from 0 and without gaps, so that a set of them is as small as memory
/// is, wherever in the address space it lies.
struct FrameIndex {
    private let ranges: [(frames: Range<UInt64>, first: UInt64)]
    /// Base pages from one place to the next.
    let step: UInt64

    /// - Parameter populated: disjoint and ascending.
    init(populated: [Range<UInt64>], step: UInt64) {
        var first: UInt64 = 0
        ranges = populated.map { range in
            defer { first += (range.upperBound - 1) / step - range.lowerBound / step + 1 }
            return (range, first)
        }
        self.step = step
    }

    /// Nil for a frame where no memory is, as a saved tree could claim.
    subscript(frame: PFN) -> Int? {
        let index = ranges.partitioningIndex { $0.frames.upperBound > frame.rawValue }
        guard index < ranges.count, ranges[index].frames.contains(frame.rawValue) else { return nil }
        return Int(ranges[index].first + frame.rawValue / step - ranges[index].frames.lowerBound / step)
    }
}
