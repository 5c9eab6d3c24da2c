public import PageModel

/// How many pages of each pool were in use while something ran. Sampled: what came and went between two looks is missed.
/// Unit: huge pages of the pool's size.
public struct PoolUsage: Hashable, Sendable {
    /// The most that a look found.
    public private(set) var peak: [Pool: UInt64] = [:]
    /// The same, all nodes together.
    public private(set) var peakOfSize: [PageSize: UInt64] = [:]
    /// What the last look found.
    public private(set) var last: [Pool: UInt64] = [:]
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
        last = used
        looks += 1
    }

    /// What the last look found, all nodes together; nil where it found nothing of that size.
    public func last(of size: PageSize) -> UInt64? {
        let pages = last.filter { $0.key.size == size }.values
        return pages.isEmpty ? nil : pages.reduce(0, &+)
    }
}
