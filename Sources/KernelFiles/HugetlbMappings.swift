import BitCollections
import Observations
import PageModel
import SystemPackage

/// The distinct huge pages of one process so far.
struct ProcessPages {
    fileprivate var seen = BitSet()
    private(set) var counts: [Placement: UInt64] = [:]
    /// The kernel hid the frames: nothing was counted by them.
    fileprivate var isHidden = false

    var placements: [Placement] {
        counts.map { Placement(node: $0.node, size: $0.size, pages: $1) }
            .sorted { ($0.size, $0.node ?? NodeID(.max)) < ($1.size, $1.node ?? NodeID(.max)) }
    }

    fileprivate mutating func add(_ pages: UInt64, of size: PageSize, on node: NodeID?) {
        // No more than there are frames, whatever numa_maps of a saved tree adds up to.
        let key = Placement(node: node, size: size, pages: 0)
        counts[key] = min(counts[key, default: 0] + pages, PFN.most)
    }
}

/// The walk of one process: from its mappings to frames.
extension HugetlbWalker {
    private struct Page {
        let address: UInt64
        let frame: PFN
        /// Not a private mapping's own.
        let isOfFile: Bool
    }

    /// One mapping that is walked, and what is known of it so far.
    private struct Target {
        let mapping: Mapping
        /// Nil where it cannot be told.
        let file: HugetlbFile.Identity?
        /// Pages of `file` that are known need not be looked at.
        let isShortcut: Bool
        /// Nil until a page was found.
        var size: PageSize?
        /// Its pages are no hugetlb pages: the rest need not be looked at.
        var isOrdinary = false
        var batch: [Page] = []

        func offset(of address: UInt64) -> UInt64 { mapping.offset + (address - mapping.addresses.lowerBound) }
        func address(of offset: UInt64) -> UInt64 { mapping.addresses.lowerBound + (offset - mapping.offset) }
    }

    mutating func walkMappings(
        of owner: MemoryOwner, _ which: Mappings, into pages: inout ProcessPages
    ) throws(KernelFileError) {
        let targets = try targets(of: owner, which)
        guard !targets.isEmpty else { return }
        let pagemap: WordFile
        do { pagemap = try machine.root.pagemap(of: owner.folder) } catch {
            // A kernel without CONFIG_PROC_PAGE_MONITOR, or a tree that was saved without it.
            guard case .system(_, .noSuchFileOrDirectory) = error.problem, machine.root.exists("proc/\(owner.folder)")
            else { throw error }
            return try place(owner, byNumaMapsInto: &pages)
        }
        for var target in targets {
            try walk(&target, pagemap, owner, &pages)
            if pages.isHidden { return try place(owner, byNumaMapsInto: &pages) }
            if target.size != nil, canShareTables(target.mapping) { canBeShared = true }
        }
    }

    /// The mappings that can be hugetlb: with a file behind them, and aligned at both ends.
    private func targets(of owner: MemoryOwner, _ which: Mappings) throws(KernelFileError) -> [Target] {
        var mappings: [Mapping] = []
        let smallest = machine.sizes[0].bytes
        try machine.root.mappings(of: owner.folder) { mapping in
            let (start, end) = (mapping.addresses.lowerBound, mapping.addresses.upperBound)
            guard mapping.hasFile, start % smallest == 0, end % smallest == 0, end <= 1 << 62, mapping.offset <= 1 << 62
            else { return }
            if which == .all || canShareTables(mapping) { mappings.append(mapping) }
        }
        let (root, devices) = (machine.root, machine.internalDevices)
        let files = mappings.map { mapping in
            HugetlbFile.Identity(mapping, internalDevices: devices) { root.namespace(.ipc, of: owner.folder) }
        }
        // Pages of a file that is mapped twice over must be told apart by their frames; of private ones some are copies.
        var seen: [HugetlbFile.Identity: RangeUnion] = [:]
        var mappedTwice: Set<HugetlbFile.Identity> = []
        for (mapping, file) in zip(mappings, files) {
            guard let file else { continue }
            let range = mapping.offset..<mapping.offset + UInt64(mapping.addresses.count)
            if seen[file]?.overlaps(range) == true { mappedTwice.insert(file) }
            seen[file, default: RangeUnion()].insert(range)
        }
        return zip(mappings, files).map { mapping, file in
            let isTwice = file.map(mappedTwice.contains) ?? true
            return Target(mapping: mapping, file: file, isShortcut: mapping.isShared && !isTwice)
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

    /// Adds the huge pages of one mapping.
    private mutating func walk(
        _ target: inout Target, _ pagemap: borrowing WordFile, _ owner: MemoryOwner, _ pages: inout ProcessPages
    ) throws(KernelFileError) {
        let slice = max(4 << 30, machine.sizes[machine.sizes.count - 1].bytes)
        try pagemap.forEachPresentRange(in: target.mapping.addresses, base: machine.base, slice: slice) {
            range, isExact throws(KernelFileError) in
            var unknown = [range]
            if isExact, target.isShortcut, let known = target.file.flatMap({ files[$0] }) {
                let found = known.look(in: target.offset(of: range.lowerBound)..<target.offset(of: range.upperBound))
                for (node, count) in found.pages { pages.add(count, of: known.size, on: node) }
                unknown = found.unknown.map { target.address(of: $0.lowerBound)..<target.address(of: $0.upperBound) }
                target.size = known.size
            }
            for range in unknown where !target.isOrdinary && !pages.isHidden {
                try look(at: range, &target, pagemap, owner, &pages)
            }
            return !target.isOrdinary && !pages.isHidden
        }
        note(&target, pagemap, owner, &pages)
    }

    /// Reads one word of pagemap for each huge page of `range`.
    private mutating func look(
        at range: Range<UInt64>, _ target: inout Target, _ pagemap: borrowing WordFile, _ owner: MemoryOwner,
        _ pages: inout ProcessPages
    ) throws(KernelFileError) {
        let smallest = machine.sizes[0].bytes
        var address = range.lowerBound / smallest * smallest
        while address < range.upperBound {
            guard let word = try pagemap.word(at: address / machine.base.bytes) else { return }
            let entry = PagemapEntry(word: word)
            switch entry.location {
            case .hidden:
                pages.isHidden = true
                return
            case .present where flags == nil:
                pages.isHidden = true
                return
            case .present(let frame):
                if target.size == nil {
                    target.size = try flags?.hugetlbSize(at: frame, sizes: machine.sizes, base: machine.base)
                }
                guard target.size != nil else {
                    target.isOrdinary = true
                    return
                }
                target.batch.append(Page(address: address, frame: frame, isOfFile: entry.isFileOrShared))
                if target.batch.count == 4096 { note(&target, pagemap, owner, &pages) }
            case .swapped, .absent: break
            }
            address += target.size?.bytes ?? smallest
        }
    }

    /// Notes a batch of pages: which are new, on which node, and whether libnuma agrees.
    private mutating func note(
        _ target: inout Target, _ pagemap: borrowing WordFile, _ owner: MemoryOwner, _ pages: inout ProcessPages
    ) {
        guard let size = target.size else { return }
        let places = target.batch.map { index[$0.frame] }
        let batch = target.batch
        target.batch.removeAll(keepingCapacity: true)

        let new = zip(batch, places).filter { _, place in place.map { reached.insert($0).inserted } ?? false }
        compare(new.map(\.0), size, pagemap, owner)
        for (page, place) in zip(batch, places) {
            guard let place else {
                walk.lostFrames += 1
                continue
            }
            let node = learned[page.frame] ?? machine.map[page.frame]
            if pages.seen.insert(place).inserted { pages.add(1, of: size, on: node) }
            if page.isOfFile, let file = target.file {
                files[file, default: SharedFilePages(size: size)].add(target.offset(of: page.address), on: node)
            }
        }
    }

    /// Holds the map of nodes against libnuma for pages that no other process has led to.
    private mutating func compare(
        _ batch: [Page], _ size: PageSize, _ pagemap: borrowing WordFile, _ owner: MemoryOwner
    ) {
        guard let libnuma = machine.libnuma, !batch.isEmpty else { return }
        let answers: [NodeID?]
        do { answers = try libnuma.nodes(of: batch.map(\.address), in: owner.task) } catch {
            let entry = Unread.libnuma(reason: error.description)
            if error != .noSuchProcess, !unread.contains(entry) { unread.append(entry) }
            return
        }
        for (page, answer) in zip(batch, answers) {
            guard let byLibnuma = answer else { continue }
            let (address, frame) = (page.address, page.frame)
            walk.pagesCompared += 1
            let byBlocks = machine.map[frame]
            guard byLibnuma != byBlocks else { continue }
            // A page that moved in between is no disagreement.
            let word = (try? pagemap.word(at: address / machine.base.bytes)) ?? nil
            guard word.map({ PagemapEntry(word: $0).location }) == .present(frame) else { continue }
            learned[frame] = byLibnuma
            if let byBlocks {
                let key = NodeDisagreement(size: size, byBlocks: byBlocks, byLibnuma: byLibnuma, pages: 0)
                disagreements[key, default: 0] += 1
            }
        }
    }

    /// For a process whose frames, or their flags, the kernel hides: pages by node from numa_maps, which needs less
    /// privilege.
    private mutating func place(
        _ owner: MemoryOwner, byNumaMapsInto pages: inout ProcessPages
    ) throws(KernelFileError) {
        pages = ProcessPages()
        var failure: KernelFileError?
        do {
            try machine.root.numaMappings(of: owner.folder) { mapping in
                guard mapping.isHuge, let size = mapping.pageSize else { return }
                for (node, count) in mapping.pages { pages.add(count, of: size, on: node) }
            }
        } catch { failure = error }
        guard owner.status.hugetlbBytes != 0 || !pages.counts.isEmpty else { return }
        unread.append(
            .hiddenFrames(
                of: owner.pid, path: machine.root.path("proc/\(owner.folder)/pagemap"), hasNodes: failure == nil))
        if let failure { throw failure }
    }
}
