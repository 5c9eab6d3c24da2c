import BitCollections
import Glibc
public import Observations
public import PageModel
import SystemPackage

/// The machine, or a saved tree of one, as the hugetlb audit reads it.
public struct HugetlbMachine: Sendable {
    private let topology: Topology
    /// The hugetlb page sizes of the kernel, ascending, never empty.
    public let sizes: [PageSize]
    /// Empty in a saved tree.
    let internalDevices: [DeviceNumber: PageSize]

    var root: KernelRoot { topology.root }
    public var host: HostObservation { topology.host }
    /// Ascending.
    public var nodes: [NodeObservation] { topology.nodes }
    var map: NodeMap { topology.map }
    var libnuma: Libnuma? { topology.libnuma }
    var users: [UInt32: ForeignText] { topology.users }
    var base: PageSize { host.basePageSize }
    /// The places where the smallest huge page can start.
    var index: FrameIndex { FrameIndex(populated: map.populated, step: sizes[0].count(of: base)) }

    /// Throws where the kernel has no hugetlb at all, or `root` is no tree of one.
    public init(_ root: KernelRoot) throws(KernelFileError) {
        sizes = try root.hugepageSizes()
        guard !sizes.isEmpty else {
            throw KernelFileError("find a page size in", root.path(KernelRoot.hugepages), Errno.noSuchFileOrDirectory)
        }
        topology = Topology(root)
        guard sizes[0] > topology.host.basePageSize else {
            let expected = "a size above that of base pages, \(topology.host.basePageSize)"
            let folder = sizes[0].hugepagesFolder
            throw KernelFileError(
                root.path(KernelRoot.hugepages), FormatError(line: 1, bytes: folder.utf8, expected: expected))
        }
        internalDevices = root.isLive ? internalHugetlbDevices(sizes: sizes) : [:]
    }

    /// Whether the process is there, as far as this PID namespace shows. False for a thread's id.
    public func has(_ process: PID) -> Bool { (try? root.processes())?.contains(process) ?? false }

    /// The processes whose status says that they hold huge pages, ascending.
    public var holders: [PID] {
        var buffer: [UInt8] = []
        return ((try? root.processes()) ?? []).filter { pid in
            (try? root.status("\(pid)", buffer: &buffer))?.hugetlbBytes ?? 0 != 0
        }
    }

    /// A quick look at how many pages of each pool are in use now: two small files for each. A pool that cannot be read is
    /// missing.
    public func usedPages() -> [Pool: UInt64] {
        var used: [Pool: UInt64] = [:]
        for size in sizes {
            for node in topology.nodeIDs {
                used[Pool(node: node, size: size)] = try? root.usedHugepages(of: size, on: node)
            }
            if topology.nodeIDs.isEmpty {
                used[Pool(node: NodeID(0), size: size)] = try? root.usedHugepages(of: size, on: nil)
            }
        }
        return used
    }

    /// Takes passes until `next` has enough of them. A saved tree stands still: its passes count as an hour apart, and none
    /// of them looks for holders, which only system calls show.
    /// - Parameters:
    ///   - isPassive: leaves files alone: what they hold is then counted and not placed.
    ///   - readsRequests: also reads what was asked of the pools.
    ///   - next: from all passes so far, what the next one is to do; nil for no more.
    public func observe(
        isPassive: Bool = false, readsRequests: Bool = true, next: ([HugetlbPass]) -> NextPass?
    ) -> MachineObservation {
        var passes = [pass(isThorough: false, search: nil)]
        var waited = 0.0
        while let wanted = next(passes) {
            if root.isLive { usleep(UInt32(wanted.pause * 1e6)) } else { waited += 3600 }
            let search = wanted.search.flatMap { root.isLive ? ($0, isPassive) : nil }
            var pass = pass(
                isThorough: passes.last?.census?.mappedHeads(reached: false) ?? 0 > 0, search: search)
            pass.at += waited
            passes.append(pass)
        }
        var unread = topology.unread
        let counted = sizes.filter { passes.last?.after.canHavePages(of: $0) ?? false }
        let cgroups = root.hugetlbCgroups(sizes: counted, unread: &unread)
        let requests = readsRequests ? root.poolRequests(release: host.release, unread: &unread) : []
        var freeBlocks: [NodeID: FreeBlock] = [:]
        if !requests.isEmpty {
            unread.collect(.configuration, "the largest free blocks of memory") { () throws(KernelFileError) in
                freeBlocks = try root.freeBlocks(base: base)
            }
        }
        var observation = MachineObservation(
            host: host, takenAt: topology.started, durationSeconds: topology.secondsIn, nodes: nodes, passes: passes,
            unread: unread)
        (observation.cgroups, observation.requests, observation.freeBlocks) = (cgroups, requests, freeBlocks)
        return observation
    }

    /// Counters, page tables, frames, counters: each is read as close to the next as it goes.
    /// - Parameters:
    ///   - isThorough: looks for processes that only share page tables, though none was seen that could.
    ///   - search: how far to look for holders, and whether to leave their files alone.
    private func pass(isThorough: Bool, search: (depth: HolderSearch.Depth, isPassive: Bool)?) -> HugetlbPass {
        var unread: [Unread] = []
        let before = ledger(unread: &unread)
        var walker = HugetlbWalker(self)
        walker.walkAll(isThorough: isThorough)
        var walk = walker.walk
        unread += walker.unread
        let found = search.map { wanted in
            var searcher = HolderSearcher(
                self, after: walker, depth: wanted.depth, isPassive: wanted.isPassive,
                isAboutReservations: before.global.values.contains { $0.reservedHugepages != 0 })
            searcher.search()
            unread += searcher.unread
            return searcher.found
        }
        let census = census(reached: walker.reached, learned: walker.learned, unread: &unread)
        if let census {
            let reached = UInt64(walker.reached.count)
            walk.lostFrames += reached - min(census.mappedHeads(reached: true), reached)
        }
        let after = ledger(unread: &unread)
        return HugetlbPass(
            before: before, walk: walk, search: found, census: census, after: after, unread: unread,
            at: topology.secondsIn)
    }

    private func ledger(unread: inout [Unread]) -> Ledger {
        let memoryless = Set(nodes.filter { $0.memoryBytes == 0 }.map(\.id))
        return root.ledger(sizes: sizes, nodes: topology.nodeIDs, memoryless: memoryless, base: base, unread: &unread)
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
