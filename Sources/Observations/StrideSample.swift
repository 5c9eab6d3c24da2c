/// Every n-th of the addresses that were added, where n grows with them: evenly spread, the same each time, and never more
/// than a limit.
public struct StrideSample: Hashable, Sendable {
    public private(set) var addresses: [UInt64] = []
    /// All that were added.
    public private(set) var count: UInt64 = 0
    private var stride: UInt64 = 1
    private let limit: Int

    /// - Parameter limit: at least 2.
    public init(limit: Int) { self.limit = limit }

    public mutating func add(_ address: UInt64) {
        if count % stride == 0 {
            if addresses.count == limit { thin() }
            if count % stride == 0 { addresses.append(address) }
        }
        count += 1
    }

    /// Adds a sample of others, as densely as this one is then.
    public mutating func merge(_ other: Self) {
        var other = other
        while stride < other.stride { thin() }
        while other.stride < stride { other.thin() }
        addresses += other.addresses
        while addresses.count > limit { thin() }
        count += other.count
    }

    private mutating func thin() {
        addresses = addresses.indices.filter { $0 % 2 == 0 }.map { addresses[$0] }
        stride *= 2
    }
}
