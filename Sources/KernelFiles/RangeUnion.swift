import PageModel

/// What a number of ranges cover together.
struct RangeUnion {
    /// Disjoint and ascending; neighbours are joined.
    private(set) var ranges: [Range<UInt64>] = []

    init(_ ranges: some Sequence<Range<UInt64>> = []) {
        for range in ranges { insert(range) }
    }

    var isEmpty: Bool { ranges.isEmpty }
    var count: UInt64 { ranges.reduce(0) { $0 &+ ($1.upperBound - $1.lowerBound) } }

    mutating func insert(_ range: Range<UInt64>) {
        guard !range.isEmpty else { return }
        var joined = range
        let first = ranges.partitioningIndex { $0.upperBound >= range.lowerBound }
        var end = first
        while end < ranges.count, ranges[end].lowerBound <= range.upperBound {
            let lower = min(joined.lowerBound, ranges[end].lowerBound)
            joined = lower..<max(joined.upperBound, ranges[end].upperBound)
            end += 1
        }
        ranges.replaceSubrange(first..<end, with: [joined])
    }

    func overlaps(_ range: Range<UInt64>) -> Bool {
        let index = ranges.partitioningIndex { $0.upperBound > range.lowerBound }
        return index < ranges.count && ranges[index].lowerBound < range.upperBound
    }

    /// Whether all of `range` is covered.
    func contains(_ range: Range<UInt64>) -> Bool {
        let index = ranges.partitioningIndex { $0.upperBound > range.lowerBound }
        return index < ranges.count && ranges[index].lowerBound <= range.lowerBound
            && ranges[index].upperBound >= range.upperBound
    }
}
