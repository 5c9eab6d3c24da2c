import Observations
public import PageModel

/// One sample, held against the one before.
public struct TrackStep: Hashable, Sendable {
    /// What is in RAM on one node.
    public struct Resident: Hashable, Sendable {
        /// Nil where it cannot be told.
        public let node: NodeID?
        public var count: PageCount
    }

    /// Counted from 1.
    public let number: UInt64
    /// When the sample began. Unit: seconds since 1970, UTC; seconds since the first sample.
    public let takenAt: Double
    public let secondsIn: Double
    public let durationSeconds: Double
    /// Ascending by node. A huge page counts where its first page is.
    public let resident: [Resident]
    /// Unit: base pages.
    public let swapped: UInt64
    /// Nil for the first sample.
    public let change: FrameChange?

    init(number: UInt64, _ sample: FrameSample, _ change: FrameChange?, base: PageSize, map: NodeMap) {
        (self.number, takenAt, secondsIn) = (number, sample.takenAt, sample.secondsIn)
        (durationSeconds, self.change) = (sample.durationSeconds, change)
        swapped = sample.runs.reduce(0) { $0 + ($1.isSwapped ? $1.pages : 0) }
        var nodes = NodeStretches(map)
        var counts: [NodeID?: PageCount] = [:]
        for run in sample.runs where run.frame != nil {
            let size = run.hugePageSize?.count(of: base)
            var page = run.start
            while page < run.end {
                let (node, end) = nodes.next(run, from: page)
                var count = PageCount(pages: end - page)
                if let size, size > 0 {
                    count.hugePages = (end - run.start + size - 1) / size - (page - run.start + size - 1) / size
                }
                counts[node, default: PageCount()] += count
                page = end
            }
        }
        resident = counts.map { Resident(node: $0.key, count: $0.value) }
            .sorted { $0.node?.rawValue ?? .max < $1.node?.rawValue ?? .max }
    }

    /// On all nodes.
    public var residentCount: PageCount { resident.reduce(into: PageCount()) { $0 += $1.count } }
}
