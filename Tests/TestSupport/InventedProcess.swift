public import Observations
public import PageModel

/// A process that never ran, for what no process here can show, on a machine of several nodes, each with two CPUs.
public enum InventedProcess {
    public static let pmd = PageSize(bytes: 2 << 20)!
    public static let gibibyte = PageSize(bytes: 1 << 30)!

    /// Process 4711 (postgres): transparent huge pages are on for all, and it may run everywhere.
    /// - Parameter memoryOnly: nodes without CPUs.
    public static func observation(
        nodes: Int = 2, memoryOnly: Set<Int> = [], _ mappings: [MappingObservation] = []
    ) -> ProcessObservation {
        let host = HostObservation(name: ForeignText("host"), release: ForeignText("6.18.0"), basePageSize: .fourKiB)
        let all = (0..<nodes).map { node in
            NodeObservation(
                id: NodeID(node), memoryBytes: 64 << 30, freeBytes: 32 << 30,
                cpus: memoryOnly.contains(node) ? [] : [2 * node, 2 * node + 1],
                distances: (0..<nodes).map { $0 == node ? 10 : 20 + abs($0 - node) })
        }
        var process = ProcessObservation(host: host, nodes: all, takenAt: 1_700_000_000, pid: PID(4711))
        process.name = ForeignText("postgres")
        process.isTransparentEnabled = true
        process.transparent.enabled = "always"
        process.transparent.shmemEnabled = "never"
        process.transparent.pmdSize = pmd
        process.range.cpusAllowed = all.flatMap(\.cpus)
        process.range.cpusLastUsed = [0: 1]
        process.range.nodesAllowed = all.map(\.id)
        process.mappings = mappings
        return process
    }

    /// The `index`th mapping, 64 GiB behind the one before it.
    /// - Parameters:
    ///   - name: of a file where it starts with `/`.
    ///   - permissions: the last letter is `s` where it is shared.
    public static func mapping(
        _ index: UInt64 = 0, name: String = "", policy: String? = "default", flags: String? = nil,
        hugetlb: PageSize? = nil, permissions: String = "rw-p", length: UInt64 = 32 << 30, room: UInt64 = 0,
        _ amounts: [PageAmount] = []
    ) -> MappingObservation {
        let start = 0x7f00_0000_0000 + index << 36
        var mapping = MappingObservation(
            Mapping(
                addresses: start..<(start + length), permissions: ForeignText(permissions),
                inode: name.hasPrefix("/") ? 7 : 0, name: ForeignText(name)))
        mapping.policy = policy.map { ForeignText($0) }
        mapping.vmFlags = flags.map { $0.split(separator: " ").map(String.init) }
        mapping.hugetlbSize = hugetlb
        for amount in amounts { mapping.pages.add(amount) }
        mapping.pages.roomForHuge = room
        return mapping
    }

    /// Whole pages of `size`.
    /// - Parameter node: nil where it cannot be told.
    public static func pages(
        _ pages: UInt64, _ kind: PageKind?, _ size: PageSize = .fourKiB, on node: Int?,
        _ content: PageContent? = .anonymous
    ) -> PageAmount {
        PageAmount(
            node: node.map { NodeID($0) }, kind: kind, size: size, content: content, pages: pages,
            bytes: pages * size.bytes)
    }
}
