import BitCollections
import Observations
import PageModel
import SystemPackage

/// Walks the page tables of the processes that hold hugetlb pages: one pass over all of them.
struct HugetlbWalker: ~Copyable {
    private let machine: HugetlbMachine
    private let flags: WordFile?
    /// Distinct frames over all processes, by their number in units of the smallest hugetlb size: a page that many map
    /// counts once.
    private(set) var reached = BitSet()
    /// The node of frames for which libnuma said otherwise than the map.
    private(set) var learned: [PFN: NodeID] = [:]
    private(set) var walk = HugetlbWalk()
    private(set) var unread: [Unread] = []
    /// Some mapping was seen that other processes could share the page tables of.
    private var canBeShared = false
    private var disagreements: [NodeDisagreement: UInt64] = [:]

    init(_ machine: HugetlbMachine) {
        self.machine = machine
        flags = try? machine.root.kpageflags()
    }

    /// Reads the status of every process and walks those that hold hugetlb pages; then, where page tables may be shared
    /// or `isThorough`, the others too: the kernel counts a page for the process that touched it first, not for sharers.
    mutating func walkAll(isThorough: Bool) {
        let root = machine.root
        let processes: [PID]
        do { processes = try root.processes() } catch { return unread.note(.pageTables, "the processes", error) }
        walk.processesSeen = UInt64(processes.count)
        var others: [Owner] = []
        var buffer: [UInt8] = []
        for pid in processes {
            do {
                guard let owner = try owner(pid, buffer: &buffer) else { continue }
                if owner.status.hugetlbBytes == 0 {
                    others.append(owner)
                } else if let sibling = walk.processes.firstIndex(where: { $0.pid == owner.status.parent }),
                    root.isLive, shareAddressSpace(owner.pid, owner.status.parent)
                {
                    walk.processes[sibling].siblings.append(pid)
                } else {
                    try add(owner, isCounted: true)
                }
            } catch { note(error, pid) }
        }
        if canBeShared || isThorough {
            for owner in others {
                do { try add(owner, isCounted: false) } catch {
                    walk.refusedSharers += error.isVanished ? 0 : 1
                }
            }
        }
        walk.disagreements = disagreements.map { disagreement, pages in
            var disagreement = disagreement
            disagreement.pages = pages
            return disagreement
        }
    }

    /// A process with an address space, and the folder below `proc` through which it can be read.
    private struct Owner {
        let pid: PID
        let folder: String
        let status: ProcessStatus
    }

    /// Nil for kernel threads and for processes that have ended. A leader that ended before its threads is an empty
    /// shell; a thread that lives leads to the address space.
    private func owner(_ pid: PID, buffer: inout [UInt8]) throws(KernelFileError) -> Owner? {
        let status = try machine.root.status("\(pid)", buffer: &buffer)
        if status.hugetlbBytes != nil { return Owner(pid: pid, folder: "\(pid)", status: status) }
        guard status.isZombie, status.threads > 1 else { return nil }
        for thread in try machine.root.threads(of: pid) where thread != pid {
            let folder = "\(pid)/task/\(thread)"
            if let living = try? machine.root.status(folder, buffer: &buffer), living.hugetlbBytes != nil {
                return Owner(pid: pid, folder: folder, status: living)
            }
        }
        return nil
    }

    private mutating func note(_ error: KernelFileError, _ pid: PID) {
        if error.isVanished {
            walk.vanished += 1
        } else {
            unread.note(.pageTables, "the huge pages of process \(pid)", error)
        }
    }

    /// Walks one process and lists it where it holds anything.
    /// - Parameter isCounted: its status says that it holds huge pages; otherwise it can only share page tables.
    private mutating func add(_ owner: Owner, isCounted: Bool) throws(KernelFileError) {
        var pages = ProcessPages()
        do {
            try walkMappings(of: owner, isCounted: isCounted, into: &pages)
        } catch {
            if isCounted, !error.isVanished { list(owner, pages) }
            throw error
        }
        if isCounted || !pages.counts.isEmpty { list(owner, pages) }
    }

    private mutating func list(_ owner: Owner, _ pages: ProcessPages) {
        let (root, pid) = (machine.root, owner.pid)
        let user = owner.status.user
        walk.processes.append(
            HugetlbProcess(
                pid: pid, siblings: [], name: root.name(of: pid), command: root.command(of: pid),
                user: machine.users[user] ?? ForeignText("\(user)"), cgroup: root.cgroup(of: pid),
                hugetlbBytes: owner.status.hugetlbBytes ?? 0, placements: pages.placements))
    }

    /// The distinct huge pages of one process so far.
    private struct ProcessPages {
        var seen = BitSet()
        var counts: [Placement: UInt64] = [:]
        var isHidden = false

        mutating func add(_ pages: UInt64, of size: PageSize, on node: NodeID?) {
            counts[Placement(node: node, size: size, pages: 0), default: 0] += pages
        }

        var placements: [Placement] {
            counts.map { Placement(node: $0.node, size: $0.size, pages: $1) }
                .sorted { ($0.size, $0.node ?? NodeID(.max)) < ($1.size, $1.node ?? NodeID(.max)) }
        }
    }

    private mutating func walkMappings(
        of owner: Owner, isCounted: Bool, into pages: inout ProcessPages
    ) throws(KernelFileError) {
        var mappings: [Mapping] = []
        let smallest = machine.sizes[0].bytes
        try machine.root.mappings(of: owner.folder) { mapping in
            let isCandidate =
                mapping.hasFile && mapping.addresses.lowerBound % smallest == 0
                && mapping.addresses.upperBound % smallest == 0 && mapping.addresses.upperBound <= 1 << 62
            if isCandidate, isCounted || canShareTables(mapping) { mappings.append(mapping) }
        }
        guard !mappings.isEmpty else { return }
        let pagemap = try machine.root.pagemap(of: owner.folder)
        for mapping in mappings {
            let isHugetlb = try walk(mapping, pagemap, owner, &pages)
            if pages.isHidden { return try place(owner, byNumaMapsInto: &pages) }
            if isHugetlb, canShareTables(mapping) { canBeShared = true }
        }
    }

    /// Whether the kernel may share the page tables of this mapping between processes: it is MAP_SHARED and covers the
    /// whole aligned range of a table of some hugetlb size. Source: kernel `mm/hugetlb.c`, `want_pmd_share`.
    private func canShareTables(_ mapping: Mapping) -> Bool {
        let entriesPerTable = machine.base.bytes / 8
        let (span, isTooBig) = machine.sizes[0].bytes.multipliedReportingOverflow(by: entriesPerTable)
        guard mapping.isShared, !isTooBig, mapping.addresses.lowerBound > 0 else { return false }
        return mapping.addresses.upperBound / span > (mapping.addresses.lowerBound - 1) / span + 1
    }

    /// Adds the huge pages of one mapping. Returns whether there are any.
    private mutating func walk(
        _ mapping: Mapping, _ pagemap: borrowing WordFile, _ owner: Owner, _ pages: inout ProcessPages
    ) throws(KernelFileError) -> Bool {
        var size: PageSize?
        var isOrdinary = false
        var batch: [(address: UInt64, frame: PFN)] = []
        let smallest = machine.sizes[0].bytes
        try pagemap.forEachPresentRange(in: mapping.addresses) { range throws(KernelFileError) in
            var address = range.lowerBound / smallest * smallest
            while address < range.upperBound, !isOrdinary, !pages.isHidden {
                guard let word = try pagemap.word(at: address / machine.base.bytes) else { return }
                switch PagemapEntry(word: word).location {
                case .present(let frame):
                    if size == nil {
                        size = try sizeOfHugetlbPage(at: frame)
                        isOrdinary = size == nil
                    }
                    if size != nil { batch.append((address, frame)) }
                case .hidden: pages.isHidden = true
                case .swapped, .absent: break
                }
                if let size, batch.count == 4096 { add(&batch, size, pagemap, owner, &pages) }
                address += size?.bytes ?? smallest
            }
        }
        if let size { add(&batch, size, pagemap, owner, &pages) }
        return size != nil
    }

    /// The size of the hugetlb page that starts at `frame`; nil where none does. Without kpageflags it cannot be told.
    private func sizeOfHugetlbPage(at frame: PFN) throws(KernelFileError) -> PageSize? {
        func word(_ frame: UInt64) throws(KernelFileError) -> PageFlags {
            switch flags {
            case .some(let file): PageFlags(rawValue: try file.word(at: frame) ?? 0)
            case .none: []
            }
        }
        guard try word(frame.rawValue).isSuperset(of: [.huge, .compoundHead]) else { return nil }
        var size = machine.sizes[0]
        for larger in machine.sizes.dropFirst() {
            let next = try word(frame.rawValue + size.count(of: machine.base))
            guard next.isSuperset(of: [.huge, .compoundTail]) else { break }
            size = larger
        }
        return size
    }

    /// Notes a batch of pages: which are new, on which node, and whether libnuma agrees.
    private mutating func add(
        _ batch: inout [(address: UInt64, frame: PFN)], _ size: PageSize, _ pagemap: borrowing WordFile,
        _ owner: Owner, _ pages: inout ProcessPages
    ) {
        let answers = machine.libnuma.flatMap { try? $0.nodes(of: batch.map(\.address), in: owner.pid) }
        let step = machine.sizes[0].count(of: machine.base)
        for (index, (address, frame)) in batch.enumerated() {
            let byBlocks = machine.map[frame]
            var node = byBlocks
            if let byLibnuma = answers?[index] {
                walk.pagesCompared += 1
                if byLibnuma != byBlocks {
                    // A page that moved in between is no disagreement.
                    let word = (try? pagemap.word(at: address / machine.base.bytes)) ?? nil
                    guard word.map({ PagemapEntry(word: $0).location }) == .present(frame) else { continue }
                    node = byLibnuma
                    if learned.updateValue(byLibnuma, forKey: frame) == nil, let byBlocks {
                        let key = NodeDisagreement(size: size, byBlocks: byBlocks, byLibnuma: byLibnuma, pages: 0)
                        disagreements[key, default: 0] += 1
                    }
                }
            }
            // A frame past all memory, as a saved tree could claim, is left for the census to miss.
            guard frame < machine.end else {
                walk.lostFrames += 1
                continue
            }
            reached.insert(Int(frame.rawValue / step))
            if pages.seen.insert(Int(frame.rawValue / step)).inserted { pages.add(1, of: size, on: node) }
        }
        batch.removeAll(keepingCapacity: true)
    }

    /// For a process whose frames the kernel hides: pages by node from numa_maps, which needs less privilege.
    private mutating func place(
        _ owner: Owner, byNumaMapsInto pages: inout ProcessPages
    ) throws(KernelFileError) {
        pages.counts = [:]
        try machine.root.numaMappings(of: owner.folder) { mapping in
            guard mapping.isHuge, let size = mapping.pageSize else { return }
            for (node, count) in mapping.pages { pages.add(count, of: size, on: node) }
        }
        unread.append(
            Unread(
                .pageTables, what: "the frames of process \(owner.pid)",
                path: ForeignText(machine.root.path("proc/\(owner.folder)/pagemap")),
                reason: "the kernel shows page frame numbers as 0; nodes are from numa_maps",
                remedy: "Run as root with CAP_SYS_ADMIN in the initial user namespace"))
    }
}
