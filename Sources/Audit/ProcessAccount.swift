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
        mappings = observation.mappings.map { MappingReport(judging: $0, of: observation) }
        pages = observation.mappings.reduce(into: PageTally()) { $0.merge($1.pages) }
        nodesOfAllowedCPUs = observation.nodes(of: Set(observation.range.cpusAllowed))
        nodesOfUsedCPUs = observation.nodes(of: Set(observation.range.cpusLastUsed.keys))
    }

    /// A file of the process in `/proc`.
    func file(_ name: String) -> String { "/proc/\(observation.pid)/\(name)" }

    var findings: [MappedFinding] {
        FrameFindings(account: self).findings.map { MappedFinding(finding: $0) }
            + PolicyFindings(account: self).findings + PlacementFindings(account: self).findings
            + TransparentFindings(account: self).findings
            + Finding.partialView(unread).map { MappedFinding(finding: $0) }
    }

    /// What could not be read, with what the process did that cut the reading short.
    var unread: [Unread] { (cutShort.map { [$0] } ?? []) + observation.unread }

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
    fileprivate func nodes(of cpus: Set<Int>) -> [NodeID] {
        nodes.filter { !cpus.isDisjoint(with: $0.cpus) }.map(\.id)
    }
}
