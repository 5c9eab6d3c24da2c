public import Observations
public import PageModel
import Synchronization

/// How a process is to be read.
public struct ProcessReading: Hashable, Sendable {
    /// Reads frames: otherwise numa_maps alone tells of nodes, and nothing of kinds.
    public var isClassified = true
    /// Reads the flags of every frame, also of pages that one table entry maps whole.
    public var readsAllWords = false
    /// Reads smaps, for VmFlags, whatever the size of the process. The kernel holds its lock for long.
    public var readsSmaps = false
    /// Rests between reads, and leaves out what the kernel reads in one go of a large process.
    public var isGentle = false
    /// Looks into a sample of transparent huge pages for zeros.
    public var inspectsContent = false
    public init() {}

    /// Up to so much in RAM smaps costs next to nothing. Unit: bytes.
    static let mostForSmaps: Int64 = 1 << 30
    /// Up to so much threads cost more than they bring. Unit: bytes.
    static let mostForOneThread: Int64 = 256 << 20
    /// Beyond this a gentle look leaves out numa_maps, too. Unit: bytes.
    static let mostForGentleNumaMaps: Int64 = 4 << 30
}

/// The machine, or a saved tree of one, as processes are looked at on it.
public struct ProcessMachine: Sendable {
    let topology: Topology
    /// Ascending; empty where the kernel has no hugetlb.
    let hugetlbSizes: [PageSize]
    let transparent: TransparentSettings
    /// What of all this could not be read.
    let unread: [Unread]

    var root: KernelRoot { topology.root }
    public var host: HostObservation { topology.host }
    /// Ascending.
    public var nodes: [NodeObservation] { topology.nodes }
    var map: NodeMap { topology.map }
    var libnuma: Libnuma? { topology.libnuma }
    var base: PageSize { host.basePageSize }

    public init(_ root: KernelRoot) {
        topology = Topology(root)
        hugetlbSizes = (try? root.hugepageSizes()) ?? []
        var unread = topology.unread
        var settings = TransparentSettings()
        unread.collect(.configuration, "the settings of transparent huge pages") { () throws(KernelFileError) in
            settings = try root.transparentSettings()
        }
        (transparent, self.unread) = (settings, unread)
    }

    /// The processes of this PID namespace, ascending. Throws where `/proc` cannot be listed.
    public func processes() throws(KernelFileError) -> [PID] { try root.processes() }

    /// What a process is chosen by. Both are empty where it has ended.
    public func identity(of process: PID) -> (name: ForeignText, cgroup: ForeignText) {
        (root.name(of: process), root.cgroup(of: process))
    }

    /// Looks at one process, whatever becomes of it meanwhile.
    public func observe(_ process: PID, _ reading: ProcessReading = ProcessReading()) -> ProcessObservation {
        observe(process, reading, isAlone: true)
    }

    /// The same for many, on as many threads as there are CPUs, in the order of `processes`.
    /// - Parameter body: what is kept of each.
    public func observe<Value: Sendable>(
        _ processes: [PID], _ reading: ProcessReading, keeping body: @escaping @Sendable (ProcessObservation) -> Value
    ) -> [Value] {
        let kept = Mutex<[Int: Value]>([:])
        let machine = self
        inParallel(processes.count) { index in
            let value = body(machine.observe(processes[index], reading, isAlone: processes.count == 1))
            kept.withLock { $0[index] = value }
        }
        return kept.withLock { kept in processes.indices.compactMap { kept[$0] } }
    }

    private func observe(_ process: PID, _ reading: ProcessReading, isAlone: Bool) -> ProcessObservation {
        var observer = ProcessObserver(self, process, reading, isAlone: isAlone)
        observer.observe()
        return observer.seen
    }
}
