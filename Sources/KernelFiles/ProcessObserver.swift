import Observations
import PageModel
import SystemPackage

/// One look at one process: who it is, what it may do, its mappings, and where their pages are.
struct ProcessObserver {
    private let machine: ProcessMachine
    private let reading: ProcessReading
    /// No other process is looked at meanwhile, so that all CPUs may be used for this one.
    private let isAlone: Bool
    private(set) var seen: ProcessObservation
    /// The policies of its mappings and the nodes of their pages, by the mappings' starts.
    private var numa: [UInt64: NumaMapping] = [:]
    /// Where transparent huge pages are: a sample of them.
    private var transparent = StrideSample(limit: 2)
    /// When the process began; nil until that is read.
    private var start: UInt64?
    /// The page tables are no longer those of the process.
    private var isCutShort = false

    private var root: KernelRoot { machine.root }

    init(_ machine: ProcessMachine, _ process: PID, _ reading: ProcessReading, isAlone: Bool) {
        (self.machine, self.reading, self.isAlone) = (machine, reading, isAlone)
        let topology = machine.topology
        seen = ProcessObservation(
            host: machine.host, nodes: machine.nodes, takenAt: topology.started + topology.secondsIn, pid: process)
        (seen.transparent, seen.unread) = (machine.transparent, machine.unread)
        seen.isClassified = reading.isClassified
    }

    mutating func observe() {
        let begun = ContinuousClock.now
        do { try look() } catch { note("the memory of process \(seen.pid)", error) }
        seen.durationSeconds = begun.duration(to: .now).inSeconds
    }

    private mutating func look() throws(KernelFileError) {
        var buffer: [UInt8] = []
        let owner = try root.memoryOwner(seen.pid, buffer: &buffer)
        seen.name = root.name(of: seen.pid)
        guard let owner else {
            seen.course = .withoutMemory
            let status = try root.status("\(seen.pid)", buffer: &buffer)
            identify(status)
            return explain(status)
        }
        start = try root.startTime(of: seen.pid)
        identify(owner.status)
        do { try observe(owner) } catch {
            // Page tables that no process has any more cannot be scanned: it ended, or became another program.
            guard root.hasEnded(seen.pid, error) else { throw error }
            isCutShort = true
        }
        if !goesOn {
            seen.course = .ended
        } else if isCutShort {
            seen.course = .replaced
        }
    }

    /// Whether the process is still there, be it as another program.
    private var goesOn: Bool { start.map { root.hasMemory(seen.pid, since: $0) } ?? false }

    private mutating func note(_ what: String, _ error: KernelFileError) {
        if root.hasEnded(seen.pid, error) {
            // The page tables of a program that has made way for another one are answered for like those of none.
            seen.course = goesOn ? .replaced : .ended
        } else {
            if seen.course == .complete { seen.course = .refused }
            seen.unread.note(.pageTables, what, error)
        }
    }

    /// What can be told of one without memory: nothing depends on it.
    private mutating func explain(_ status: ProcessStatus) {
        var buffer: [UInt8] = []
        seen.range = (try? root.range(of: seen.pid)) ?? ProcessRange()
        if status.isZombie {
            seen.withoutMemoryAs = .zombie
        } else if let stat = try? root.stat(of: "\(seen.pid)", buffer: &buffer), stat.isKernelThread {
            seen.withoutMemoryAs = .kernelThread
        }
    }

    private mutating func identify(_ status: ProcessStatus) {
        let user = machine.topology.users[status.user] ?? ForeignText("\(status.user)")
        let identity = root.identity(of: seen.pid, user: user)
        (seen.command, seen.user, seen.cgroup) = (identity.command, identity.user, identity.cgroup)
        (seen.hugetlbBytes, seen.residentBytes) = (status.hugetlbBytes, status.residentBytes)
        seen.isTransparentEnabled = status.isTransparentEnabled
    }

    private mutating func observe(_ owner: MemoryOwner) throws(KernelFileError) {
        let pagemap = open(owner)
        collect("where process \(seen.pid) may run and take memory") { root, seen throws(KernelFileError) in
            seen.range = try root.range(of: seen.pid)
        }
        try root.mappings(of: owner.folder) { seen.mappings.append(MappingObservation($0)) }
        readPolicies(owner)
        readFlags(owner)
        if let pagemap { try walk(owner, pagemap) }
        if !seen.isClassified { placeByPolicies() }
        collect("the devices that process \(seen.pid) has open") { root, seen throws(KernelFileError) in
            seen.range.devices = try root.openDevices(
                of: owner.folder, mappings: seen.mappings.map(\.mapping), unread: &seen.unread)
        }
        if reading.inspectsContent, let size = machine.transparent.pmdSize {
            let (transparent, base) = (transparent, machine.base)
            collect("the content of transparent huge pages") { root, seen throws(KernelFileError) in
                seen.content = try root.contentSample(
                    of: owner.folder, hugePages: transparent.addresses, size: size, base: base)
                seen.content?.candidates = transparent.count
            }
        }
    }

    /// Runs `read` and notes its failure, which the rest does not depend on.
    private mutating func collect(
        _ what: String, _ read: (KernelRoot, inout ProcessObservation) throws(KernelFileError) -> Void
    ) {
        do { try read(root, &seen) } catch {
            if !root.hasEnded(seen.pid, error) { seen.unread.note(.pageTables, what, error) }
        }
    }

    /// Of all reads the longest counts.
    private mutating func state(_ longestRead: Duration) {
        seen.longestReadSeconds = max(seen.longestReadSeconds, longestRead.inSeconds)
    }

    /// Nil where no frames are wanted, or the kernel refuses.
    private mutating func open(_ owner: MemoryOwner) -> WordFile? {
        guard reading.isClassified else { return nil }
        do { return try root.pagemap(of: owner.folder) } catch {
            note("which frames process \(seen.pid) has", error)
            seen.isClassified = false
            return nil
        }
    }

    /// A kernel without NUMA has no such file, and no policies.
    private mutating func readPolicies(_ owner: MemoryOwner) {
        let resident = owner.status.residentBytes ?? 0
        if reading.isGentle, resident > ProcessReading.mostForGentleNumaMaps {
            return seen.unread.append(
                Unread(
                    .pageTables, what: "the memory policies of process \(seen.pid)",
                    path: ForeignText(root.path("proc/\(owner.folder)/numa_maps")),
                    reason: "it has more than 4 GiB in RAM, and the kernel would walk a whole mapping in one go",
                    remedy: "Leave out --gentle"))
        }
        var numa: [UInt64: NumaMapping] = [:]
        var longestRead = Duration.zero
        collect("the memory policies of process \(seen.pid)") { root, _ throws(KernelFileError) in
            guard root.exists("proc/\(owner.folder)/numa_maps") else { return }
            try root.numaMappings(of: owner.folder, longestRead: &longestRead) { numa[$0.start] = $0 }
        }
        state(longestRead)
        for index in seen.mappings.indices {
            let line = numa[seen.mappings[index].mapping.addresses.lowerBound]
            seen.mappings[index].policy = line?.policy
            if let line, line.isHuge { seen.mappings[index].hugetlbSize = line.pageSize }
        }
        self.numa = numa
    }

    /// VmFlags and THPeligible, where smaps is cheap or asked for.
    private mutating func readFlags(_ owner: MemoryOwner) {
        guard reading.readsSmaps || owner.status.residentBytes ?? 0 <= ProcessReading.mostForSmaps && !reading.isGentle
        else {
            seen.isSmapsLeftOut = true
            return
        }
        var flags: [UInt64: SmapsMapping] = [:]
        var longestRead = Duration.zero
        collect("the flags of the mappings of process \(seen.pid)") { root, _ throws(KernelFileError) in
            try root.smapsFlags(of: owner.folder, longestRead: &longestRead) { flags[$0.start] = $0 }
        }
        state(longestRead)
        for index in seen.mappings.indices {
            let found = flags[seen.mappings[index].mapping.addresses.lowerBound]
            seen.mappings[index].vmFlags = found?.vmFlags
            seen.mappings[index].isEligible = found?.isEligible
            if let found, found.vmFlags?.contains("ht") ?? false {
                seen.mappings[index].hugetlbSize = found.kernelPageSize
            }
        }
    }

    private mutating func walk(_ owner: MemoryOwner, _ pagemap: borrowing WordFile) throws(KernelFileError) {
        do {
            _ = try root.kpageflags()
            _ = try root.kpagecount()
        } catch {
            seen.unread.note(.census, "the flags of the frames of process \(seen.pid)", error)
            seen.isClassified = false
            return
        }
        let parts = seen.mappings.enumerated().filter { $0.element.mapping.hasPageTables }.map { index, seen in
            WalkPart(
                index: index, mapping: seen.mapping, addresses: seen.mapping.addresses, hugetlbSize: seen.hugetlbSize,
                isHugetlb: numa[seen.mapping.addresses.lowerBound]?.isHuge ?? (seen.hugetlbSize == nil ? nil : true))
        }
        let resident = (owner.status.residentBytes ?? 0) &+ (owner.status.hugetlbBytes ?? 0)
        let walk = ProcessWalk(machine: machine, reading: reading, pagemap: pagemap.source)
        let found = walk.found(
            of: parts, isShared: isAlone && !reading.isGentle && resident > ProcessReading.mostForOneThread)
        for (index, target) in found.targets {
            (seen.mappings[index].pages, seen.mappings[index].hugetlbSize) = (target.tally, target.hugetlbSize)
        }
        (seen.frames, transparent) = (found.words, found.transparent)
        state(found.longestRead)
        if let error = found.error { throw error }
        // These page tables were opened before the mappings were read: they end where the process is another program now.
        let first = seen.mappings.first?.mapping.addresses.lowerBound ?? 0
        let isGone = try pagemap.word(at: first / machine.base.bytes) == nil
        isCutShort = found.isCutShort || isGone && !seen.mappings.isEmpty
        compare(found.witnesses, owner, pagemap)
        if seen.mappings.contains(where: { $0.pages.hidden > 0 }) {
            seen.isClassified = false
            seen.unread.append(.hiddenFrames(of: seen.pid, path: pagemap.path, hasNodes: !numa.isEmpty))
        }
    }

    /// Holds the map of nodes against libnuma.
    private mutating func compare(
        _ witnesses: [FrameClassifier.Witness], _ owner: MemoryOwner, _ pagemap: borrowing WordFile
    ) {
        guard let libnuma = machine.libnuma, !witnesses.isEmpty else { return }
        let answers: [NodeID?]
        do { answers = try libnuma.nodes(of: witnesses.map(\.address), in: owner.task) } catch {
            if error != .noSuchProcess { seen.unread.append(.libnuma(reason: error.description)) }
            return
        }
        var disagreements: [NodeDisagreement: UInt64] = [:]
        for (page, answer) in zip(witnesses, answers) {
            guard let answer else { continue }
            seen.pagesCompared += 1
            guard let node = page.node, answer != node else { continue }
            // A page that moved in between is no disagreement.
            let word = (try? pagemap.word(at: page.address / machine.base.bytes)) ?? nil
            guard word.map({ PagemapEntry(word: $0).location }) == .present(page.frame) else { continue }
            let kind = NodeDisagreement(size: page.size, byBlocks: node, byLibnuma: answer, pages: 0)
            disagreements[kind, default: 0] += 1
        }
        seen.disagreements = disagreements.map { kind, pages in
            var disagreement = kind
            disagreement.pages = pages
            return disagreement
        }
    }

    /// Nodes without kinds, by numa_maps, which needs less privilege and reads no frame.
    private mutating func placeByPolicies() {
        for index in seen.mappings.indices {
            var pages = seen.mappings[index].pages.withoutFrames
            if let line = numa[seen.mappings[index].mapping.addresses.lowerBound] {
                let size = line.pageSize ?? machine.base
                for (node, count) in line.pages {
                    pages.add(
                        PageAmount(
                            node: node, kind: line.isHuge ? .hugetlb : nil, size: size, content: nil, pages: count,
                            bytes: size.amount(of: count).bytes))
                }
            } else {
                pages.hidden = seen.mappings[index].pages.hidden
            }
            seen.mappings[index].pages = pages
        }
    }
}

extension Mapping {
    /// No kernel has page tables for more than 2^57 bytes: `[vsyscall]` lies beyond.
    var hasPageTables: Bool { addresses.upperBound <= 1 << 62 }
}
