public import Observations
import PageModel

/// One row of the equation nr = free + mapped + held + poisoned + unexplained. Unit: pages of the pool's size.
/// The ledger's figures are nil where the kernel has or shows none, the census's where frames could not be read.
public struct HugetlbBalance: Hashable, Sendable {
    public let pool: Pool
    public let counts: NodeHugepages?
    /// Hugetlb heads in physical memory.
    public let heads: UInt64?
    /// Of these, those that some page table leads to.
    public let mapped: UInt64?
    public let poisoned: UInt64?
    /// In use by nobody's page tables, and kept by something that has a name.
    public let held: UInt64?
    /// Mapped, but by no process that was seen.
    public let unseen: UInt64
    /// The page-table mappings that kpagecount counts of the pages in `unseen`.
    public let unseenMappings: UInt64
    /// Anonymous and mapped by nobody: kept by a reference of the kernel alone.
    public let keptByKernel: UInt64

    /// - Parameter tallies: what the census found on this node and of this size; nil where there was no census.
    init(_ pool: Pool, counts: NodeHugepages?, tallies: [(use: HugetlbUse, isReached: Bool, HugetlbCensus.Tally)]?) {
        self.pool = pool
        self.counts = counts
        func sum(_ isMeant: (HugetlbUse, Bool) -> Bool, _ part: (HugetlbCensus.Tally) -> UInt64) -> UInt64 {
            tallies?.reduce(0) { isMeant($1.use, $1.isReached) ? $0 &+ part($1.2) : $0 } ?? 0
        }
        heads = tallies == nil ? nil : sum({ _, _ in true }, \.pages)
        mapped = tallies == nil ? nil : sum({ use, _ in use == .mapped }, \.pages)
        poisoned = tallies == nil ? nil : sum({ use, _ in use == .poisoned }, \.pages)
        held = tallies == nil ? nil : 0
        unseen = sum({ use, isReached in use == .mapped && !isReached }, \.pages)
        unseenMappings = sum({ use, isReached in use == .mapped && !isReached }, \.mappings)
        keptByKernel = sum({ use, _ in use == .keptByKernel }, \.pages)
    }

    /// What is left of the pool when everything that has a name is taken away; below zero where witnesses disagree.
    public var unexplained: Int64? {
        guard let counts, let mapped, let held, let poisoned else { return nil }
        return Int64(clamping: counts.nrHugepages) - Int64(clamping: counts.freeHugepages) - Int64(clamping: mapped)
            - Int64(clamping: held) - Int64(clamping: poisoned)
    }

    /// Every witness agrees and nothing is left over.
    var isClosed: Bool {
        unexplained ?? 0 == 0 && unseen == 0 && (counts == nil || heads == nil || counts?.nrHugepages == heads)
    }
}

extension HugetlbPass {
    /// The rows of all nodes and sizes, ascending.
    func balances(of nodes: [NodeID], on release: KernelRelease) -> [HugetlbBalance] {
        let kinds = Dictionary(grouping: census?.tallies.map { ($0, $1) } ?? []) { kind, _ in
            kind.node.map { Pool(node: $0, size: kind.size) }
        }
        let pools = Set(nodes.flatMap { node in after.global.keys.map { Pool(node: node, size: $0) } })
            .union(after.nodes.keys).union(kinds.keys.compactMap { $0 })
        return pools.sorted().map { pool in
            let tallies = census.map { _ in
                (kinds[pool] ?? []).map { (use: HugetlbUse($0, on: release), isReached: $0.isReached, $1) }
            }
            return HugetlbBalance(pool, counts: after.nodes[pool], tallies: tallies)
        }
    }

    /// Heads on frames that no node claims, by size.
    var headsWithoutNode: [PageSize: UInt64] {
        (census?.tallies ?? [:]).reduce(into: [:]) { sums, entry in
            if entry.key.node == nil { sums[entry.key.size, default: 0] += entry.value.pages }
        }
    }
}
