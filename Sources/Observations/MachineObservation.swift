public import PageModel

/// One node as libnuma describes it; in a saved tree, as its sysfs files do.
public struct NodeObservation: Hashable, Sendable {
    public var id: NodeID
    /// 0 on a node without memory.
    public var memoryBytes: UInt64
    public var freeBytes: UInt64
    /// Ascending; empty on a node that has memory only.
    public var cpus: [Int]
    /// To each node of the machine, in the order of `MachineObservation.nodes`; 10 is the node itself.
    public var distances: [Int]
    /// Whether the audit's own cpuset lets it allocate there; nil in a saved tree.
    public var isAllowed: Bool?

    public init(
        id: NodeID, memoryBytes: UInt64, freeBytes: UInt64, cpus: [Int], distances: [Int], isAllowed: Bool? = nil
    ) {
        (self.id, self.memoryBytes, self.freeBytes, self.cpus) = (id, memoryBytes, freeBytes, cpus)
        (self.distances, self.isAllowed) = (distances, isAllowed)
    }
}

/// One sandwich: counters, page tables, frames, counters again.
public struct HugetlbPass: Hashable, Sendable {
    public var before: Ledger
    public var walk: HugetlbWalk
    /// Nil where no search was asked for, and in a saved tree.
    public var search: HolderSearch?
    /// Nil where `/proc/kpageflags` could not be read; `unread` then says why.
    public var census: HugetlbCensus?
    public var after: Ledger
    public var unread: [Unread]
    /// When it ended. Unit: seconds since the audit began.
    public var at: Double

    public init(
        before: Ledger, walk: HugetlbWalk, search: HolderSearch? = nil, census: HugetlbCensus?, after: Ledger,
        unread: [Unread], at: Double
    ) {
        (self.before, self.walk, self.search, self.census, self.after) = (before, walk, search, census, after)
        (self.unread, self.at) = (unread, at)
    }
}

/// What the next pass is asked for.
public struct NextPass: Hashable, Sendable {
    /// How long to wait before it. Unit: seconds.
    public var pause: Double
    /// How far to look for holders; nil for not at all.
    public var search: HolderSearch.Depth?
    public init(pause: Double, search: HolderSearch.Depth?) { (self.pause, self.search) = (pause, search) }
}

/// The running kernel's release and the host's name, as the kernel gives them.
public struct HostObservation: Hashable, Sendable {
    public var name: ForeignText
    public var release: ForeignText
    public var basePageSize: PageSize
    public init(name: ForeignText, release: ForeignText, basePageSize: PageSize) {
        (self.name, self.release, self.basePageSize) = (name, release, basePageSize)
    }
}

/// Everything that one audit saw: the input of every judgement.
public struct MachineObservation: Hashable, Sendable {
    public var host: HostObservation
    /// When the audit began. Unit: seconds since 1970, UTC.
    public var takenAt: Double
    public var durationSeconds: Double
    /// Ascending by number.
    public var nodes: [NodeObservation]
    /// In the order taken; never empty.
    public var passes: [HugetlbPass]
    /// Those in which huge pages are reserved under a limit, or some were refused.
    public var cgroups: [HugetlbCgroup] = []
    /// What was asked of the pools, in the order in which a starting machine comes to it.
    public var requests: [PoolRequest] = []
    /// Empty where nothing was asked of the pools. A node of which it is not known is missing.
    public var freeBlocks: [NodeID: FreeBlock] = [:]
    public var unread: [Unread]

    public init(
        host: HostObservation, takenAt: Double, durationSeconds: Double, nodes: [NodeObservation],
        passes: [HugetlbPass], unread: [Unread]
    ) {
        (self.host, self.takenAt, self.durationSeconds) = (host, takenAt, durationSeconds)
        (self.nodes, self.passes, self.unread) = (nodes, passes, unread)
    }
}
