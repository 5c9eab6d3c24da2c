public import Observations
import PageModel

/// One row of the equation before and after something, and what was in use in between. Unit: pages of the pool's size.
public struct PoolChange: Hashable, Sendable {
    public let pool: Pool
    /// Nil where the pool was not there then.
    public let before: HugetlbBalance?
    public let after: HugetlbBalance?
    /// The most in use, sampled; nil where nobody looked.
    public let peak: UInt64?
    /// In use when it ended; nil where nobody looked.
    public let atExit: UInt64?

    public var usedBefore: UInt64? { before?.used }
    public var usedAfter: UInt64? { after?.used }
    public var nr: Int64? { change { $0.counts?.nrHugepages } }
    public var free: Int64? { change { $0.counts?.freeHugepages } }
    public var mapped: Int64? { change(\.mapped) }
    public var held: Int64? { change(\.held) }
    public var poisoned: Int64? { change(\.poisoned) }
    public var unexplained: Int64? {
        guard let old = before?.unexplained, let new = after?.unexplained else { return nil }
        return new &- old
    }

    private func change(_ part: (HugetlbBalance) -> UInt64?) -> Int64? {
        guard let old = before.flatMap(part), let new = after.flatMap(part) else { return nil }
        return Int64(clamping: new) - Int64(clamping: old)
    }

    /// What nothing with a certain name keeps: unexplained, or laid to suspects; nil where it is not known.
    var nameless: Int64? {
        guard let unexplained, let before, let after else { return nil }
        return unexplained &+ (Int64(clamping: after.suspected) - Int64(clamping: before.suspected))
    }

    /// The rows of both reports, ascending.
    static func changes(from before: AuditReport, to after: AuditReport, usage: PoolUsage?) -> [PoolChange] {
        Set((before.pools + after.pools).map(\.pool)).sorted().map { pool in
            PoolChange(
                pool: pool, before: before.pools.first { $0.pool == pool },
                after: after.pools.first { $0.pool == pool },
                peak: usage?.peak[pool], atExit: usage?.atEnd[pool])
        }
    }
}

extension Scope {
    /// Of what a look at all pools found, what is meant.
    public func limited(_ used: [Pool: UInt64]) -> [Pool: UInt64] {
        used.filter { includes(node: $0.key.node) && includes(size: $0.key.size) }
    }
}

extension HugetlbBalance {
    /// Pages in use, whatever for.
    var used: UInt64? { counts.map { $0.nrHugepages - min($0.freeHugepages, $0.nrHugepages) } }
}
