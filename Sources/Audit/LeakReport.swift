import Observations
public import PageModel

/// The answer to "what is lost": of an audit, what is held without a mapping, and what has no name at all.
public struct LeakReport: Hashable, Sendable {
    /// What holds pages that nobody maps, and what would end that.
    public struct Leak: Hashable, Sendable {
        public let group: HolderGroup
        public let severity: Severity
        public let remedy: String
    }
    /// Pages in use for which no name was found.
    public struct Nameless: Hashable, Sendable {
        /// Nil where it cannot be told.
        public let node: NodeID?
        public let size: PageSize
        /// Unit: huge pages of `size`.
        public let pages: UInt64
        public let remedy: String
    }

    public let audit: AuditReport
    /// What the report is limited to: what one of these keeps. Nil for all there is, whoever keeps it.
    public let processes: Set<PID>?
    /// The oldest first.
    public let leaks: [Leak]
    /// Ascending. Empty in a report on processes: what has no name is nobody's.
    public let unexplained: [Nameless]
    /// Those behind `leaks` and `unexplained`, reservations that nobody has, and why it may not be all. The most severe
    /// first.
    public let findings: [Finding]
    public let verdict: Verdict

    /// - Parameters:
    ///   - audit: one that lists all processes.
    ///   - failOn: from which severity on a finding makes the verdict one of findings.
    public init(_ audit: AuditReport, processes: Set<PID>? = nil, failOn: Severity = .warning) {
        (self.audit, self.processes) = (audit, processes)
        let moving = audit.movingPools
        let meant = audit.groups.filter { group in
            processes.map { !$0.isDisjoint(with: group.processes) } ?? true
                && !moving.contains(where: group.isTouched)
        }
        let found = meant.map { GroupFinding($0, audit.search ?? HolderSearch(depth: .files)).finding }
        leaks = zip(meant, found).map { Leak(group: $0, severity: $1.severity, remedy: $1.remedy) }
        let nobodys: Set<Finding.ID> = processes == nil ? [.unexplainedPages, .reservationUnexplained] : []
        let others = audit.findings.filter { nobodys.contains($0.id) || Finding.ID.doubts.contains($0.id) }
        findings = (found + others).enumerated()
            .sorted { ($1.element.severity, $0.offset) < ($0.element.severity, $1.offset) }.map(\.element)
        unexplained = others.filter { $0.id == .unexplainedPages }.compactMap { finding in
            finding.pageSize.map {
                Nameless(node: finding.node, size: $0, pages: finding.pages ?? 0, remedy: finding.remedy)
            }
        }
        verdict = Verdict(leaks: leaks, findings: findings, processes: processes, failOn: failOn)
    }
}

extension Verdict {
    fileprivate init(leaks: [LeakReport.Leak], findings: [Finding], processes: Set<PID>?, failOn: Severity) {
        let count = findings.count { Finding.ID.leaks.contains($0.id) && $0.severity >= failOn }
        let doubt = findings.first { Finding.ID.doubts.contains($0.id) }
        let least = min(failOn, .warning)
        let held = leaks.filter { $0.severity >= least }.map(\.group)
        let rest = findings.filter { [.unexplainedPages, .reservationUnexplained].contains($0.id) }
        let lost = Self.sum(of: held) + rest.compactMap(Self.amount)
        let all = lost.joined(separator: "; ")
        let level: Level = count > 0 ? .findings : doubt == nil ? .clean : .partial
        let summary =
            switch (lost.isEmpty, level, doubt) {
            case (false, .findings, _): all
            case (false, _, _): "Nothing of severity \(failOn.rawValue), but: \(all)"
            case (true, _, let doubt?): "No leak was found, but not all could be judged: \(doubt.message)"
            case (true, _, nil): Self.allIsWell(leaks, processes)
            }
        self.init(level: level, summary: summary)
    }

    /// `8.2 GiB in 4101 files and 1 memfd, mapped by nobody`, and what is in no page table of files that are mapped in part;
    /// nothing for no groups.
    private static func sum(of groups: [HolderGroup]) -> [String] {
        let isPart = { (group: HolderGroup) in group.finding == .partlyMapped }
        let lost = groups.filter { !isPart($0) }
        let rest = groups.filter(isPart)
        return (lost.isEmpty ? [] : ["\(amount(of: lost)) in \(list(of: lost)), mapped by nobody"])
            + (rest.isEmpty ? [] : ["\(amount(of: rest)) in no page table, of \(list(of: rest)) mapped in part"])
    }

    private static func amount(of groups: [HolderGroup]) -> ByteCount {
        ByteCount(groups.reduce(0) { $0 &+ $1.bytes })
    }

    /// `4101 files and 1 memfd`
    private static func list(of groups: [HolderGroup]) -> String {
        let nouns = Holder.Kind.allCases.compactMap { kind -> String? in
            let count = groups.filter { $0.kind == kind }.reduce(0) { $0 + $1.holders.count }
            return count == 0 ? nil : kind.counted(count)
        }
        let last = nouns.last ?? ""
        return nouns.count < 2 ? last : nouns.dropLast().joined(separator: ", ") + " and " + last
    }

    private static func amount(_ finding: Finding) -> String? {
        guard let size = finding.pageSize, let pages = finding.pages else { return nil }
        let place = finding.node.map { " on node \($0)" } ?? ""
        return "\(Amount(pages, size))\(place) "
            + (finding.id == .unexplainedPages ? "that nothing known holds" : "reserved by nobody")
    }

    /// Of what is only worth a note, too, nothing is lost.
    private static func allIsWell(_ notes: [LeakReport.Leak], _ processes: Set<PID>?) -> String {
        let who = processes.map { $0.sorted().map(\.description).joined(separator: ", ") }
        guard notes.isEmpty else {
            return "No huge page is lost; \(amount(of: notes.map(\.group))) are in no page table, "
                + "of files that are mapped in part"
        }
        guard let who else { return "No huge page is held without a mapping, and none is unexplained" }
        return "No huge page is kept without a mapping by process \(who)"
    }
}
