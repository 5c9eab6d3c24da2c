import Observations
import PageModel

/// A finding about a process, and the mappings that it is about: those that matter most first.
struct MappedFinding {
    var finding: Finding
    var mappings: [MappingReport] = []
}

/// What the rules about a process read: what was seen, with each mapping judged and the nodes of its CPUs.
struct ProcessAccount {
    let observation: ProcessObservation
    let mappings: [MappingReport]
    let pages: PageTally
    let nodesOfAllowedCPUs: [NodeID]
    let nodesOfUsedCPUs: [NodeID]

    init(_ observation: ProcessObservation) {
        self.observation = observation
        let taskPolicy = observation.taskPolicy
        mappings = observation.mappings.map { MappingReport(judging: $0, of: observation, taskPolicy: taskPolicy) }
        pages = observation.mappings.reduce(into: PageTally()) { $0.merge($1.pages) }
        nodesOfAllowedCPUs = observation.nodes(of: Set(observation.range.cpusAllowed))
        nodesOfUsedCPUs = observation.nodes(of: Set(observation.range.cpusLastUsed.keys))
    }

    /// As `ProcessReport` has it.
    var isAdviceUnread: Bool { observation.isSmapsLeftOut && mappings.contains(where: \.needsAdvice) }

    /// A file of the process in `/proc`.
    func file(_ name: String) -> String { "/proc/\(observation.pid)/\(name)" }

    var findings: [MappedFinding] {
        FrameFindings(account: self).findings.map { MappedFinding(finding: $0) }
            + PolicyFindings(account: self).findings + PlacementFindings(account: self).findings
            + TransparentFindings(account: self).findings
            + Finding.partialView(unread).map { MappedFinding(finding: $0) }
    }

    /// What could not be read, with what the process did that cut the reading short.
    var unread: [Unread] { [cutShort, unseenContent].compactMap { $0 } + observation.unread }

    /// Somebody wanted to know what transparent huge pages hold, there are some, and none was looked into.
    private var unseenContent: Unread? {
        guard let content = observation.content, content.basePages == 0, pages.anonymousTHP > 0 else { return nil }
        let (reason, remedy) =
            if pages.mappedByPMD == nil {
                (
                    "the kernel does not tell which of them one table entry maps whole (PAGEMAP_SCAN, Linux 6.7)",
                    "Look on Linux 6.7 or newer"
                )
            } else if content.candidates == 0 {
                (
                    "they are mapped in parts, and only those are looked into that one table entry maps whole",
                    "Wait until khugepaged has collapsed them"
                )
            } else {
                ("none of the sample could be read to its end", "Look again")
            }
        return Unread(
            .pageTables, what: "what \(ByteCount(pages.anonymousTHP)) in transparent huge pages holds",
            path: ForeignText(file("mem")), reason: reason, remedy: remedy)
    }

    private var cutShort: Unread? {
        let pid = observation.pid
        let (reason, remedy) =
            switch observation.course {
            case .ended: ("process \(pid) ended while it was read", "Nothing need be done: its memory is given back")
            case .replaced:
                ("process \(pid) became another program while it was read", "Look again: hugeaudit process \(pid)")
            case .refused where observation.unread.isEmpty:
                (
                    "the kernel refused to show them",
                    "Run as root with CAP_SYS_PTRACE in the host's initial namespaces"
                )
            case .complete, .withoutMemory, .refused: ("", "")
            }
        guard !reason.isEmpty else { return nil }
        return Unread(
            .pageTables, what: "the page tables of process \(pid) to their end", path: ForeignText("/proc/\(pid)"),
            reason: reason, remedy: remedy)
    }
}

extension ProcessObservation {
    /// The policy of the thread that leads the process, which numa_maps prints of a mapping without its own: `default` is
    /// printed of no other, and nobody binds the kernel's pages or the program's code. Nil where there are none of these.
    /// Source: kernel `fs/proc/task_mmu.c`, `show_numa_map`.
    fileprivate var taskPolicy: ForeignText? {
        let byDefault = ForeignText(MemoryPolicy.Mode.default.rawValue)
        if mappings.contains(where: { $0.policy == byDefault }) { return byDefault }
        let known = mappings.filter { $0.policy != nil }
        let unbound =
            known.first(where: \.mapping.isOfKernel) ?? known.first { $0.hugetlbSize == nil && $0.mapping.isCode }
        return unbound?.policy
    }

    fileprivate func nodes(of cpus: Set<Int>) -> [NodeID] {
        nodes.filter { !cpus.isDisjoint(with: $0.cpus) }.map(\.id)
    }
}

extension Mapping {
    /// Code and data that the kernel lends.
    fileprivate var isOfKernel: Bool { name == ForeignText("[vdso]") || name == ForeignText("[vvar]") }

    fileprivate var isCode: Bool { hasFile && !isShared && permissions.bytes.contains(UInt8(ascii: "x")) }
}
