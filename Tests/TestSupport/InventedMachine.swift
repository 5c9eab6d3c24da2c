public import Observations
public import PageModel

/// A machine that nobody ever had, for what no saved one shows: nodes with 100 pages of 2 MiB each, and who keeps which.
public struct InventedMachine {
    public static let size = PageSize(bytes: 2 << 20)!

    /// How many nodes it has.
    public var nodes: Int
    /// Pages in use on each node that have no name; missing nodes have none.
    public var nameless: [UInt64] = []
    public var files: [HugetlbFile] = []
    public var mounts: [Observations.HugetlbMount] = []
    public var privateMappings: [PrivateMapping] = []
    public var cgroups: [HugetlbCgroup] = []
    public var suspects: [PinSuspect] = []
    /// Those that map pages, as their placements say.
    public var processes: [HugetlbProcess] = []
    public var reserved: Int64 = 0
    public var requests: [PoolRequest] = []
    /// On each node, from node 0 on; missing nodes have none.
    public var surplus: [UInt64] = []
    public var freeBlocks: [NodeID: FreeBlock] = [:]
    /// On each node. Unit: bytes.
    public var freeBytes: UInt64 = 0
    /// Files were left alone.
    public var isPassive = false
    public var unread: [Unread] = []
    /// More pages of node 0 are in use each time that somebody looks.
    public var isMoving = false

    public init(nodes: Int = 2) { self.nodes = nodes }

    /// A file of which no page is mapped.
    /// - Parameter pages: on each node, from node 0 on.
    public static func file(
        _ name: String, inode: UInt64, _ pages: [UInt64], kind: HugetlbFile.Kind = .linked, since: Double = 0,
        openIn: [Int32] = [], owner: String = "root"
    ) -> HugetlbFile {
        var file = HugetlbFile(
            identity: .init(device: DeviceNumber(major: 0, minor: 40), inode: inode), kind: kind,
            name: ForeignText(name), path: kind == .linked ? ForeignText(name) : nil, size: size,
            length: size.bytes * pages.reduce(0, +), pages: pages.reduce(0, +), owner: ForeignText(owner),
            modifiedAt: since)
        file.uses = openIn.map { .init(PID($0), .descriptor(3)) }
        file.descriptors = UInt64(openIn.count)
        file.frames = .init(unmapped: placements(pages))
        return file
    }

    /// A file without pages, long enough for so many, that nobody uses.
    public static func sparse(
        _ name: String, inode: UInt64, length: UInt64, kind: HugetlbFile.Kind = .linked, ipcNamespace: UInt64? = nil
    ) -> HugetlbFile {
        var file = file(name, inode: inode, [], kind: kind)
        (file.length, file.identity.ipcNamespace) = (length * size.bytes, ipcNamespace)
        return file
    }

    /// - Parameter pages: on each node, from node 0 on.
    public static func process(_ pid: Int32, _ name: String, _ pages: [UInt64]) -> HugetlbProcess {
        HugetlbProcess(
            pid: PID(pid), siblings: [], name: ForeignText(name), command: ForeignText(name),
            user: ForeignText("root"), cgroup: ForeignText("/"),
            hugetlbBytes: Int64(size.bytes * pages.reduce(0, +)), placements: placements(pages))
    }

    private static func placements(_ pages: [UInt64]) -> [Placement] {
        pages.enumerated().filter { $0.element > 0 }
            .map { Placement(node: NodeID($0.offset), size: size, pages: $0.element) }
    }

    /// What an audit sees of it that looks three times, and as far as it can.
    public var observation: MachineObservation {
        var observation = MachineObservation(
            host: HostObservation(
                name: ForeignText("invented"), release: ForeignText("6.18.0"), basePageSize: .fourKiB),
            takenAt: 1_800_000_000, durationSeconds: 1.25,
            nodes: (0..<nodes).map { node in
                NodeObservation(
                    id: NodeID(node), memoryBytes: 1 << 30, freeBytes: freeBytes, cpus: [node],
                    distances: (0..<nodes).map { $0 == node ? 10 : 20 })
            },
            passes: (0..<3).map(pass), unread: unread)
        (observation.cgroups, observation.requests, observation.freeBlocks) = (cgroups, requests, freeBlocks)
        return observation
    }

    private func pass(_ number: Int) -> HugetlbPass {
        var search = HolderSearch(depth: .suspects)
        (search.files, search.suspects, search.isPassive) = (files, suspects, isPassive)
        (search.mounts, search.privateMappings) = (mounts, privateMappings)
        var census = HugetlbCensus()
        let add = { (pages: UInt64, node: Int, head: PageFlags, isReached: Bool) in
            guard pages > 0 else { return }
            census.add(pages, of: .init(node: NodeID(node), size: Self.size, head: head, isReached: isReached))
        }
        for node in 0..<nodes {
            let mapped = Self.sum(of: processes.flatMap(\.placements), on: node)
            add(mapped, node, [.huge, .compoundHead, .mmap], true)
            add(100 - mapped, node, [.huge, .compoundHead], false)
        }
        return HugetlbPass(
            before: ledger(number), walk: HugetlbWalk(processes: processes, processesSeen: 90), search: search,
            census: census, after: ledger(number), unread: [], at: Double(number) * 0.6)
    }

    private func ledger(_ number: Int) -> Ledger {
        var ledger = Ledger(global: [:], nodes: [:])
        var sum = NodeHugepages(nrHugepages: 0, freeHugepages: 0, surplusHugepages: 0)
        for node in 0..<nodes {
            let placements = processes.flatMap(\.placements) + files.flatMap { $0.frames?.unmapped ?? [] }
            let moving = isMoving && node == 0 ? UInt64(number) : 0
            let used =
                Self.sum(of: placements, on: node) + moving + (node < nameless.count ? nameless[node] : 0)
            let counts = NodeHugepages(
                nrHugepages: 100, freeHugepages: 100 - used,
                surplusHugepages: node < surplus.count ? surplus[node] : 0)
            ledger.nodes[Pool(node: NodeID(node), size: Self.size)] = counts
            sum.nrHugepages += counts.nrHugepages
            sum.freeHugepages += counts.freeHugepages
            sum.surplusHugepages += counts.surplusHugepages
        }
        ledger.global[Self.size] = GlobalHugepages(counts: sum, reservedHugepages: reserved)
        return ledger
    }

    private static func sum(of placements: [Placement], on node: Int) -> UInt64 {
        placements.filter { $0.node == NodeID(node) }.reduce(0) { $0 + $1.pages }
    }
}
