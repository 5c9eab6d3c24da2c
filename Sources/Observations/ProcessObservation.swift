public import PageModel

/// One mapping: what was asked for, and where its pages are.
public struct MappingObservation: Hashable, Sendable {
    public var mapping: Mapping
    /// As numa_maps prints it: `bind:0-1`; that of the thread that leads the process where the mapping has none. Nil where it
    /// was not read.
    public var policy: ForeignText?
    /// Of a hugetlb mapping; nil of any other.
    public var hugetlbSize: PageSize?
    /// The two-letter words of `VmFlags` in smaps: `hg` for MADV_HUGEPAGE. Nil where smaps was not read.
    public var vmFlags: [String]?
    /// `THPeligible` of smaps: the kernel's own word. Nil where it was not read, and before 5.0.
    public var isEligible: Bool?
    public var pages: PageTally

    public init(_ mapping: Mapping, pages: PageTally = PageTally()) { (self.mapping, self.pages) = (mapping, pages) }
}

/// How the walk of a process went.
public enum ProcessCourse: String, Hashable, Sendable {
    case complete
    /// The process ended while it was read.
    case ended
    /// It became another program by execve(2) while it was read.
    case replaced
    /// A kernel thread, or a process that has ended and was not fetched.
    case withoutMemory
    /// The kernel refused its page tables: `unread` says why.
    case refused
}

/// Why a process has no memory.
public enum WithoutMemory: String, Hashable, Sendable {
    case kernelThread
    /// It has ended, and its parent has not fetched its exit status: state `Z`.
    case zombie
}

/// A device that a process has open or has mapped, and the node that it is attached to.
public struct OpenDevice: Hashable, Sendable {
    /// The descriptor's or the mapping's path: `/dev/vfio/12`, `eth0` for a packet socket.
    public var name: ForeignText
    /// The device's folder in sysfs, below the root: `/sys/devices/pci0000:00/0000:00:03.0`.
    public var path: ForeignText
    /// `numa_node` there; nil where the firmware does not tell (-1).
    public var node: NodeID?
    public init(name: ForeignText, path: ForeignText, node: NodeID?) {
        (self.name, self.path, self.node) = (name, path, node)
    }
}

/// Where a process may run and take memory, and where it ran.
public struct ProcessRange: Hashable, Sendable {
    /// `Cpus_allowed_list` of all its threads together, ascending.
    public var cpusAllowed: [Int] = []
    /// On which CPU each thread ran last, by CPU: a number of threads.
    public var cpusLastUsed: [Int: UInt64] = [:]
    /// `Mems_allowed_list`: what its cpuset lets it have, ascending.
    public var nodesAllowed: [NodeID] = []
    public var devices: [OpenDevice] = []
    public init() {}
}

/// What `/sys/kernel/mm/transparent_hugepage` says.
public struct TransparentSettings: Hashable, Sendable {
    /// The word in brackets: `always`, `madvise`, `never`; nil where the file is not there.
    public var enabled: String?
    /// `always`, `within_size`, `advise`, `never`, `deny`, `force`.
    public var shmemEnabled: String?
    /// `hugepages-NkB/enabled`, 6.8 and newer: `always`, `inherit`, `madvise`, `never`.
    public var sizes: [PageSize: String] = [:]
    /// `hpage_pmd_size`; nil on a kernel without transparent huge pages.
    public var pmdSize: PageSize?
    public init() {}
}

/// What was found in a sample of transparent huge pages whose content was looked at.
public struct ContentSample: Hashable, Sendable {
    /// Huge pages that were looked at, and base pages in them.
    public var hugePages: UInt64 = 0
    public var basePages: UInt64 = 0
    /// Of `basePages` those with nothing but zeros.
    public var zeroFilled: UInt64 = 0
    /// Transparent huge pages that could have been looked at: anonymous ones that one table entry maps whole.
    public var candidates: UInt64 = 0
    public init() {}

    /// Those that could not: mapped in parts. Unit: bytes.
    /// - Parameter size: of a huge page.
    public func unsampled(of pages: PageTally, size: PageSize) -> UInt64 {
        let (all, whole) = (pages.anonymousTHP, size.amount(of: candidates).bytes)
        return all > whole ? all - whole : 0
    }
}

/// Everything that one look at a process saw: the input of every judgement about it.
public struct ProcessObservation: Hashable, Sendable {
    public var host: HostObservation
    /// Ascending by number.
    public var nodes: [NodeObservation]
    /// When it began. Unit: seconds since 1970, UTC.
    public var takenAt: Double
    public var durationSeconds: Double = 0
    public var pid: PID
    public var name = ForeignText("")
    public var command = ForeignText("")
    public var user = ForeignText("")
    public var cgroup = ForeignText("")
    public var course = ProcessCourse.complete
    /// Nil of one with memory, and of one that has given it back and has not ended yet.
    public var withoutMemoryAs: WithoutMemory?
    /// `HugetlbPages` and `VmRSS` of its status. Unit: bytes; nil where it was not read.
    public var hugetlbBytes: Int64?
    public var residentBytes: Int64?
    /// `THP_enabled` of its status; nil where the kernel does not tell (before 5.0).
    public var isTransparentEnabled: Bool?
    public var range = ProcessRange()
    public var transparent = TransparentSettings()
    /// In ascending order of their addresses.
    public var mappings: [MappingObservation] = []
    /// Whether the frames' flags were read: otherwise pages have a node and no kind.
    public var isClassified = true
    public var frames = FrameWords()
    /// One page of each mapping on each node was held against libnuma: those that it sees elsewhere.
    public var disagreements: [NodeDisagreement] = []
    public var pagesCompared: UInt64 = 0
    /// Whether smaps, and with it VmFlags of all mappings, was left out for what it costs: of a large process, or a gentle look.
    public var isSmapsLeftOut = false
    /// Nil where nobody asked for it.
    public var content: ContentSample?
    /// The longest that one read of the page tables, numa_maps or smaps took. Unit: seconds.
    public var longestReadSeconds = 0.0
    public var unread: [Unread] = []

    public init(host: HostObservation, nodes: [NodeObservation], takenAt: Double, pid: PID) {
        (self.host, self.nodes, self.takenAt, self.pid) = (host, nodes, takenAt, pid)
    }
}
