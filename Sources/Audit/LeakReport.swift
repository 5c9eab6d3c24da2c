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
        let others = audit.findings.filter { nobodys.contains($0.id) || Self.doubts.contains($0.id) }
        findings = (found + others).enumerated()
            .sorted { ($1.element.severity, $0.offset) < ($0.element.severity, $1.offset) }.map(\.element)
        unexplained = others.filter { $0.id == .unexplainedPages }.compactMap { finding in
            finding.pageSize.map {
                Nameless(node: finding.node, size: $0, pages: finding.pages ?? 0, remedy: finding.remedy)
            }
        }
        verdict = Verdict(leaks: leaks, findings: findings, processes: processes, failOn: failOn)
    }

    /// Findings that say that there may be more than was found.
    static let doubts: Set<Finding.ID> = [.counterMismatch, .partialView, .unsettled]
}

extension Finding.ID {
    /// Those of pages that somebody should give back, or that nobody is known to have.
    static let leaks: Set<Self> = [
        .deletedFileHeld, .fileUnmapped, .kernelHeld, .memfdUnmapped, .orphanFile, .orphanShm, .partlyMapped,
        .reservationLeft, .reservationUnexplained, .unexplainedPages,
    ]
}

extension AuditReport {
    /// Pools that kept moving: no leak is read from them.
    var movingPools: [Pool] {
        findings.filter { $0.id == .unsettled }.compactMap { finding in
            guard let node = finding.node, let size = finding.pageSize else { return nil }
            return Pool(node: node, size: size)
        }
    }
}

extension Verdict {
    fileprivate init(leaks: [LeakReport.Leak], findings: [Finding], processes: Set<PID>?, failOn: Severity) {
        let count = findings.count { Finding.ID.leaks.contains($0.id) && $0.severity >= failOn }
        let doubt = findings.first { LeakReport.doubts.contains($0.id) }
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

    /// `8.2 GiB in 4101 files and 1 memfd, mapped by nobody`; nothing for no groups.
    private static func sum(of groups: [HolderGroup]) -> [String] {
        guard !groups.isEmpty else { return [] }
        let nouns = Holder.Kind.allCases.compactMap { kind -> String? in
            let count = groups.filter { $0.kind == kind }.reduce(0) { $0 + $1.holders.count }
            return count == 0 ? nil : kind.counted(count)
        }
        let last = nouns.last ?? ""
        let list = nouns.count < 2 ? last : nouns.dropLast().joined(separator: ", ") + " and " + last
        return ["\(ByteCount(groups.reduce(0) { $0 &+ $1.bytes })) in \(list), mapped by nobody"]
    }

    private static func amount(_ finding: Finding) -> String? {
        guard let size = finding.pageSize, let pages = finding.pages else { return nil }
        let place = finding.node.map { " on node \($0)" } ?? ""
        return "\(Amount(pages, size))\(place) "
            + (finding.id == .unexplainedPages ? "without anything that is known to hold them" : "reserved by nobody")
    }

    /// Of what is only worth a note, too, nothing is lost.
    private static func allIsWell(_ notes: [LeakReport.Leak], _ processes: Set<PID>?) -> String {
        let who = processes.map { $0.sorted().map(\.description).joined(separator: ", ") }
        guard notes.isEmpty else {
            return "No huge page is lost; \(ByteCount(notes.reduce(0) { $0 &+ $1.group.bytes })) are in no page table, "
                + "of files that are mapped in part"
        }
        guard let who else { return "No huge page is held without a mapping, and none is unexplained" }
        return "No huge page is kept without a mapping by process \(who)"
    }
}

extension Holder.Kind {
    /// `1 file`, `4100 files`
    public func counted(_ count: Int) -> String {
        let noun =
            switch self {
            case .file: "file"
            case .deletedFile: "deleted file"
            case .memfd: "memfd"
            case .sharedMemory: "shared memory segment"
            case .ioUring: "io_uring"
            case .socket: "socket queue"
            case .kernel: count == 1 ? "reference of the kernel" : "references of the kernel"
            }
        return "\(count) \(noun)\(count == 1 || self == .kernel ? "" : "s")"
    }
}
