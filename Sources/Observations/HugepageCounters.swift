public import PageModel

/// The kernel's ledger of one hugetlb page size on one node. Unit: pages of that size.
/// Source: `/sys/devices/system/node/nodeN/hugepages/hugepages-SIZEkB/`.
public struct NodeHugepages: Hashable, Sendable {
    /// All pages of the pool there, surplus and poisoned ones included.
    public var nrHugepages: UInt64
    /// Not in use; those reserved and not yet touched are among them.
    public var freeHugepages: UInt64
    /// Allocated beyond the persistent pool. A count: no single page is "the" surplus page.
    public var surplusHugepages: UInt64

    public init(nrHugepages: UInt64, freeHugepages: UInt64, surplusHugepages: UInt64) {
        (self.nrHugepages, self.freeHugepages, self.surplusHugepages) = (nrHugepages, freeHugepages, surplusHugepages)
    }
}

/// The kernel's ledger of one hugetlb page size on the whole machine. Unit: pages of that size.
/// Source: `/sys/kernel/mm/hugepages/hugepages-SIZEkB/`.
public struct GlobalHugepages: Hashable, Sendable {
    public var counts: NodeHugepages
    /// Promised to mappings and files and not yet touched. A machine-wide figure: reservations have no node.
    /// Signed, because 6.12 and newer let it fall below zero: the file then reads 2^64−1.
    public var reservedHugepages: Int64
    /// How many surplus pages may be added; nil where the kernel does not have the file.
    public var nrOvercommitHugepages: UInt64?
    /// Reads as `nr_hugepages` does; nil on a kernel without NUMA.
    public var nrHugepagesMempolicy: UInt64?
    /// The size that `demote` splits a page into; nil before 6.1 and for the smallest size.
    public var demoteSize: PageSize?

    public init(
        counts: NodeHugepages, reservedHugepages: Int64, nrOvercommitHugepages: UInt64? = nil,
        nrHugepagesMempolicy: UInt64? = nil, demoteSize: PageSize? = nil
    ) {
        self.counts = counts
        self.reservedHugepages = reservedHugepages
        self.nrOvercommitHugepages = nrOvercommitHugepages
        self.nrHugepagesMempolicy = nrHugepagesMempolicy
        self.demoteSize = demoteSize
    }
}

/// One node and one hugetlb page size: the key of every row of the equation.
public struct Pool: Hashable, Comparable, Sendable {
    public let node: NodeID
    public let size: PageSize
    public init(node: NodeID, size: PageSize) { (self.node, self.size) = (node, size) }
    public static func < (left: Self, right: Self) -> Bool { (left.node, left.size) < (right.node, right.size) }
}

/// Every counter of huge pages, read in one go. Counters are read one after another, so two of them can disagree while
/// pages move.
public struct Ledger: Hashable, Sendable {
    public var global: [PageSize: GlobalHugepages]
    /// Empty where the kernel has no per-node files for a node, as 5.10 has none for a node without memory.
    public var nodes: [Pool: NodeHugepages]
    /// `nr_hugetlb` of the node's vmstat: hugetlb memory in use there, all sizes together, mapped or not. Unit: bytes.
    /// Without an entry before 6.16.
    public var nodeHugetlb: [NodeID: UInt64]
    /// Pools whose files could not be read: sums over nodes say nothing of their sizes.
    public var unreadPools: Set<Pool> = []
    /// The machine-wide counters of every size could be read.
    public var isGlobalComplete = true
    /// `Hugetlb` of `/proc/meminfo`: all sizes together. Unit: bytes. Nil where the line is missing.
    public var hugetlbBytes: UInt64?

    public init(
        global: [PageSize: GlobalHugepages], nodes: [Pool: NodeHugepages], nodeHugetlb: [NodeID: UInt64] = [:],
        hugetlbBytes: UInt64? = nil
    ) {
        (self.global, self.nodes, self.nodeHugetlb) = (global, nodes, nodeHugetlb)
        self.hugetlbBytes = hugetlbBytes
    }
}
