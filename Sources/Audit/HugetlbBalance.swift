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
    /// Poisoned pages that the kernel does not count as free.
    public let poisoned: UInt64?
    /// In no page table, and kept by something that has a name: 0 as long as nobody has looked. Nil also where holders are
    /// known and not how much of theirs is on this node.
    public internal(set) var held: UInt64?
    /// Of these, pages that are held by what can only be suspected: io_uring, a socket, the kernel.
    public internal(set) var suspected: UInt64 = 0
    /// Poisoned pages that are still counted free, as where all free pages are reserved when the memory error comes.
    public let poisonedFree: UInt64
    /// Poisoned pages that page tables still lead to.
    public let poisonedMapped: UInt64
    /// Mapped, but by no process that was seen.
    public let unseen: UInt64
    /// The page-table mappings that kpagecount counts of the pages in `unseen`.
    public let unseenMappings: UInt64
    /// Anonymous and mapped by nobody: kept by a reference of the kernel alone.
    public let keptByKernel: UInt64

    /// - Parameter tallies: what the census found on this node and of this size; nil where there was no census.
    init(_ pool: Pool, counts: NodeHugepages?, tallies: [(kind: HugetlbCensus.Kind, tally: HugetlbCensus.Tally)]?) {
        self.pool = pool
        self.counts = counts
        func sum(
            _ part: KeyPath<HugetlbCensus.Tally, UInt64> = \.pages, where isMeant: (HugetlbCensus.Kind) -> Bool
        ) -> UInt64 {
            tallies?.reduce(0) { isMeant($1.kind) ? $0 &+ $1.tally[keyPath: part] : $0 } ?? 0
        }
        func use(_ kind: HugetlbCensus.Kind) -> HugetlbUse { HugetlbUse(head: kind.head) }
        let isUnseen = { (kind: HugetlbCensus.Kind) in use(kind) == .mapped && !kind.isReached }
        let mapped = sum { use($0) == .mapped }
        let bad = sum { use($0) == .poisoned }
        poisonedMapped = sum { use($0) == .poisoned && $0.head.contains(.mmap) }
        // Flags do not tell whether a poisoned page is in the free list; the counters do.
        let used = counts.map { Int64(clamping: $0.nrHugepages) - Int64(clamping: $0.freeHugepages) }
        let excess = used.map { Int64(clamping: mapped) + Int64(clamping: bad) - $0 } ?? 0
        poisonedFree = excess > 0 && excess <= bad - poisonedMapped ? UInt64(excess) : 0
        heads = tallies == nil ? nil : sum { _ in true }
        self.mapped = tallies == nil ? nil : mapped
        poisoned = tallies == nil ? nil : bad - poisonedFree
        held = tallies == nil ? nil : 0
        unseen = sum(where: isUnseen)
        unseenMappings = sum(\.mappings, where: isUnseen)
        keptByKernel = sum { use($0) == .keptByKernel }
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

    /// In use and in no page table, named or not.
    var unmapped: Int64? { unexplained.map { $0 + Int64(clamping: held ?? 0) } }

    /// The row as the counters and the frames alone show it.
    var withoutHolders: Self {
        var row = self
        (row.held, row.suspected) = (heads == nil ? nil : 0, 0)
        return row
    }
}

extension HugetlbPass {
    /// The rows of all nodes and sizes before anything is held, ascending.
    func bareBalances(of nodes: [NodeID]) -> [HugetlbBalance] {
        let kinds = Dictionary(grouping: census?.tallies.map { (kind: $0, tally: $1) } ?? []) { entry in
            entry.kind.node.map { Pool(node: $0, size: entry.kind.size) }
        }
        let pools = Set(nodes.flatMap { node in after.global.keys.map { Pool(node: node, size: $0) } })
            .union(after.nodes.keys).union(kinds.keys.compactMap { $0 })
        return pools.sorted().map { pool in
            HugetlbBalance(pool, counts: after.nodes[pool], tallies: census.map { _ in kinds[pool] ?? [] })
        }
    }

    /// Heads on frames that no node claims, by size.
    var headsWithoutNode: [PageSize: UInt64] {
        (census?.tallies ?? [:]).reduce(into: [:]) { sums, entry in
            if entry.key.node == nil { sums[entry.key.size, default: 0] += entry.value.pages }
        }
    }
}
