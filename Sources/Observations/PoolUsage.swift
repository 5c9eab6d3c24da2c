public import PageModel

/// How many pages of each pool were in use while something ran. Sampled: what came and went between two looks is missed.
/// Unit: huge pages of the pool's size.
public struct PoolUsage: Hashable, Sendable {
    /// The most that a look found, the one at the end included.
    public private(set) var peak: [Pool: UInt64] = [:]
    /// The same, all nodes together.
    public private(set) var peakOfSize: [PageSize: UInt64] = [:]
    /// What the first look found, all nodes together.
    public private(set) var startOfSize: [PageSize: UInt64] = [:]
    /// What was in use when it ended, as far as is known: what the last look found while it ran, and no less than was in use
    /// right afterwards.
    public private(set) var atEnd: [Pool: UInt64] = [:]
    public private(set) var looks: UInt64 = 0

    public init() {}

    /// Adds one look at all pools. A pool that could not be read is missing from it.
    public mutating func add(_ used: [Pool: UInt64]) {
        var sums: [PageSize: UInt64] = [:]
        for (pool, pages) in used {
            peak[pool] = max(peak[pool] ?? 0, pages)
            sums[pool.size, default: 0] &+= pages
        }
        for (size, pages) in sums { peakOfSize[size] = max(peakOfSize[size] ?? 0, pages) }
        if looks == 0 { startOfSize = sums }
        atEnd = used
        looks += 1
    }

    /// Adds the look that was taken when it had just ended: ending only gives back, so that it had no less before.
    public mutating func add(afterEnd used: [Pool: UInt64]) {
        let before = atEnd
        add(used)
        atEnd.merge(before, uniquingKeysWith: max)
    }

    /// How many more than at the start were in use at the peak, all nodes together, by size.
    public var growth: [PageSize: UInt64] {
        peakOfSize.reduce(into: [:]) { growth, entry in
            growth[entry.key] = startOfSize[entry.key].map { entry.value - min($0, entry.value) }
        }
    }

    /// `atEnd` of all nodes together; nil for a size that was not looked at.
    public func atEnd(of size: PageSize) -> UInt64? {
        let pages = atEnd.filter { $0.key.size == size }.values
        return pages.isEmpty ? nil : pages.reduce(0, &+)
    }
}
