public import PageModel

/// Pages of one process on one node.
public struct Placement: Hashable, Sendable {
    /// Nil where the kernel hid the frame or the node could not be told.
    public var node: NodeID?
    public var size: PageSize
    /// Unit: huge pages of `size`.
    public var pages: UInt64
    public init(node: NodeID?, size: PageSize, pages: UInt64) {
        (self.node, self.size, self.pages) = (node, size, pages)
    }
}

/// One address space that maps hugetlb pages. Threads and `vfork` children share one and are listed once.
public struct HugetlbProcess: Hashable, Sendable {
    public var pid: PID
    /// Other processes in the same address space.
    public var siblings: [PID]
    /// `comm`, at most 15 bytes, any bytes.
    public var name: ForeignText
    /// The arguments, separated by spaces, at most 4 KiB of them.
    public var command: ForeignText
    public var user: ForeignText
    public var cgroup: ForeignText
    /// `HugetlbPages` of `/proc/PID/status`. Unit: bytes. Only a hint where page tables are shared: 0 for a process that
    /// shares another's, and even negative.
    public var hugetlbBytes: Int64
    /// Empty where the page tables were refused; then the audit's `unread` says so.
    public var placements: [Placement]

    public init(
        pid: PID, siblings: [PID], name: ForeignText, command: ForeignText, user: ForeignText, cgroup: ForeignText,
        hugetlbBytes: Int64, placements: [Placement]
    ) {
        (self.pid, self.siblings, self.name, self.command) = (pid, siblings, name, command)
        (self.user, self.cgroup, self.hugetlbBytes, self.placements) = (user, cgroup, hugetlbBytes, placements)
    }
}

/// A mapped page whose frame lies on one node by memory blocks and zones and on another by libnuma.
public struct NodeDisagreement: Hashable, Sendable {
    public var size: PageSize
    public var byBlocks: NodeID
    public var byLibnuma: NodeID
    /// Unit: huge pages of `size`.
    public var pages: UInt64
    public init(size: PageSize, byBlocks: NodeID, byLibnuma: NodeID, pages: UInt64) {
        (self.size, self.byBlocks, self.byLibnuma, self.pages) = (size, byBlocks, byLibnuma, pages)
    }
}

/// What the page tables of all visible processes lead to.
public struct HugetlbWalk: Hashable, Sendable {
    public var processes: [HugetlbProcess]
    /// Distinct frames that were reached and that the census did not then find as a mapped hugetlb head.
    public var lostFrames: UInt64
    public var disagreements: [NodeDisagreement]
    /// Mapped pages whose node libnuma was asked for.
    public var pagesCompared: UInt64
    /// Processes that ended while they were read: normal on a living machine.
    public var vanished: UInt64
    public var processesSeen: UInt64
    /// Processes that hold no huge page by their status, might share another's page tables, and refused to be read.
    public var refusedSharers: UInt64

    public init(
        processes: [HugetlbProcess] = [], lostFrames: UInt64 = 0, disagreements: [NodeDisagreement] = [],
        pagesCompared: UInt64 = 0, vanished: UInt64 = 0, processesSeen: UInt64 = 0, refusedSharers: UInt64 = 0
    ) {
        (self.processes, self.lostFrames, self.disagreements) = (processes, lostFrames, disagreements)
        (self.pagesCompared, self.vanished, self.processesSeen) = (pagesCompared, vanished, processesSeen)
        self.refusedSharers = refusedSharers
    }
}
