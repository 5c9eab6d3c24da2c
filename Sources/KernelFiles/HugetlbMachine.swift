import BitCollections
import Glibc
public import Observations
public import PageModel
import SystemPackage

/// The machine, or a saved tree of one, as the hugetlb audit reads it.
public struct HugetlbMachine: Sendable {
    let root: KernelRoot
    public let host: HostObservation
    /// Ascending.
    public let nodes: [NodeObservation]
    /// The hugetlb page sizes of the kernel, ascending, never empty.
    public let sizes: [PageSize]
    let map: NodeMap
    let libnuma: Libnuma?
    let users: [UInt32: ForeignText]
    private let nodeIDs: [NodeID]
    private let unread: [Unread]
    private let started: Double
    private let clock: ContinuousClock.Instant

    var base: PageSize { host.basePageSize }
    /// The first frame past all memory.
    var end: PFN { PFN(min(map.populated.last?.upperBound ?? 0, 1 << 40)) }

    /// Throws where the kernel has no hugetlb at all, or `root` is no tree of one.
    public init(_ root: KernelRoot) throws(KernelFileError) {
        (clock, started) = (.now, Double(time(nil)))
        sizes = try root.hugepageSizes()
        guard !sizes.isEmpty else {
            throw KernelFileError("find a page size in", root.path(KernelRoot.hugepages), Errno.noSuchFileOrDirectory)
        }
        var unread: [Unread] = []
        var ids: [NodeID] = []
        var zones: Zoneinfo?
        unread.collect(.topology, "the nodes") { () throws(KernelFileError) in ids = try root.nodeIDs() }
        unread.collect(.topology, "the zones, which place frames on nodes") { () throws(KernelFileError) in
            zones = try root.zoneinfo()
        }
        let host = root.host(zones: zones)
        guard sizes[0] > host.basePageSize else {
            let expected = "a size above that of base pages, \(host.basePageSize)"
            let folder = sizes[0].hugepagesFolder
            throw KernelFileError(
                root.path(KernelRoot.hugepages), FormatError(line: 1, bytes: folder.utf8, expected: expected))
        }
        libnuma = root.isLive ? Libnuma() : nil
        var nodes = libnuma?.nodes() ?? []
        if libnuma == nil {
            for id in ids {
                unread.collect(.topology, "node \(id)") { () throws(KernelFileError) in nodes.append(try root.node(id))
                }
            }
        }
        if ids.isEmpty, nodes.isEmpty {
            unread.collect(.topology, "the machine's memory and CPUs") { () throws(KernelFileError) in
                nodes = [try root.onlyNode()]
            }
        }
        var map = NodeMap(blocks: [], zones: zones?.spans ?? [])
        unread.collect(.topology, "the memory blocks, which place frames on nodes") { () throws(KernelFileError) in
            map = try root.nodeMap(of: ids, base: host.basePageSize, zones: zones?.spans ?? [])
        }
        (self.root, self.host, self.nodes, self.map, self.unread) = (root, host, nodes, map, unread)
        (users, nodeIDs) = (root.userNames(), ids)
    }

    /// Whether the process is there, as far as this PID namespace shows.
    public func has(_ process: PID) -> Bool { root.exists("proc/\(process)/status") }

    /// The processes whose status says that they hold huge pages, ascending.
    public var holders: [PID] {
        var buffer: [UInt8] = []
        return ((try? root.processes()) ?? []).filter { pid in
            (try? root.status("\(pid)", buffer: &buffer))?.hugetlbBytes ?? 0 != 0
        }
    }

    /// Takes passes until `isEnough` of them or the tenth, with a pause between two so that what is on its way can arrive.
    public func observe(until isEnough: ([HugetlbPass]) -> Bool) -> MachineObservation {
        let most = 10
        var passes = [pass(isThorough: false)]
        while !isEnough(passes), passes.count < most {
            if root.isLive { usleep(20_000) }
            passes.append(pass(isThorough: passes.last?.census?.mappedHeads(reached: false) ?? 0 > 0))
        }
        return MachineObservation(
            host: host, takenAt: started, durationSeconds: clock.duration(to: .now).inSeconds, nodes: nodes,
            passes: passes, unread: unread)
    }

    /// Counters, page tables, frames, counters: each is read as close to the next as it goes.
    /// - Parameter isThorough: looks for processes that only share page tables, though none was seen that could.
    private func pass(isThorough: Bool) -> HugetlbPass {
        var unread: [Unread] = []
        let before = root.ledger(sizes: sizes, nodes: nodeIDs, base: base, unread: &unread)
        var walker = HugetlbWalker(self)
        walker.walkAll(isThorough: isThorough)
        var walk = walker.walk
        unread += walker.unread
        let census = census(reached: walker.reached, learned: walker.learned, unread: &unread)
        if let census {
            let reached = UInt64(walker.reached.count)
            walk.lostFrames += reached - min(census.mappedHeads(reached: true), reached)
        }
        let after = root.ledger(sizes: sizes, nodes: nodeIDs, base: base, unread: &unread)
        return HugetlbPass(before: before, walk: walk, census: census, after: after, unread: unread)
    }

    /// Nil where physical memory could not be read; `unread` then says why.
    private func census(reached: BitSet, learned: [PFN: NodeID], unread: inout [Unread]) -> HugetlbCensus? {
        let what = "the physical census: which huge pages are mapped or poisoned"
        guard !map.populated.isEmpty else {
            unread.append(
                Unread(
                    .census, what: what, path: ForeignText(root.path("proc/zoneinfo")),
                    reason: "neither memory blocks nor zones say where memory is",
                    remedy: "Save the tree with proc/zoneinfo and sys/devices/system/memory"))
            return nil
        }
        let frames = HugetlbFrames(
            root: root, map: map, sizes: sizes, base: base, reached: reached, learned: learned)
        let begun = ContinuousClock.now
        do {
            var census = try frames.census(shares: shares)
            census.durationSeconds = begun.duration(to: .now).inSeconds
            return census
        } catch {
            unread.note(.census, what, error)
            return nil
        }
    }

    /// One CPU up to 64 GiB of memory; beyond, all that this process may use.
    private var shares: Int {
        let pages = map.populated.reduce(0) { $0 + UInt64($1.count) }
        return pages > (64 << 30) / base.bytes ? libnuma?.allowedCPUs ?? 1 : 1
    }
}

extension Duration {
    fileprivate var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}
