public import Observations
import PageModel

/// The answer to "did this program give all its huge pages back": what two audits differ in, and what of it was left
/// behind. What the first one found already is blamed on nobody. Others can change pools meanwhile, too: it is said what
/// was left behind *while* something ran.
public struct AuditDifference: Hashable, Sendable {
    public let before: AuditReport
    public let after: AuditReport
    /// What ran in between; nil for two audits without a command.
    public let run: CommandRun?
    /// Ascending.
    public let pools: [PoolChange]
    /// Those that changed, what grew most first; as are processes and reservations.
    public let holders: [HolderChange]
    public let processes: [ProcessChange]
    public let reservations: [ReservationChange]
    /// What is new, the most severe first.
    public let findings: [Finding]
    public let verdict: Verdict

    /// - Parameter failOn: from which severity on a leak makes the verdict one of findings.
    public init(from before: AuditReport, to after: AuditReport, run: CommandRun? = nil, failOn: Severity = .warning) {
        (self.before, self.after, self.run) = (before, after, run)
        pools = PoolChange.changes(from: before, to: after, usage: run?.usage)
        holders = HolderChange.changes(from: before.holders, to: after.holders)
        processes = ProcessChange.changes(from: before.processes, to: after.processes)
        reservations = ReservationChange.changes(from: before.reservations, to: after.reservations)
        findings =
            DifferenceFindings(
                before: before, after: after, pools: pools, holders: holders, processes: processes,
                reservations: reservations
            ).findings
        verdict = Verdict(difference: findings, before: before, run: run, failOn: failOn)
    }

    /// Another audit would find the same: nothing was left that may still be given back, and nothing moves.
    public var isAtRest: Bool {
        verdict.level != .findings
            && !findings.contains { $0.id == .unsettled || Finding.ID.leaks.contains($0.id) && $0.severity > .note }
    }
}

extension Verdict {
    fileprivate init(difference findings: [Finding], before: AuditReport, run: CommandRun?, failOn: Severity) {
        let when = run.map { "while \"\($0.shown)\" ran" } ?? "between the two audits"
        let leaks = findings.filter { Finding.ID.leaks.contains($0.id) }
        let lost = leaks.filter { $0.severity >= min(failOn, .warning) }
        let isLeak = leaks.contains { $0.severity >= failOn }
        let doubt = (findings + before.findings).first { Finding.ID.doubts.contains($0.id) }
        let level: Level = isLeak ? .findings : doubt == nil ? .clean : .partial
        var all = ""
        if let first = lost.first {
            let bytes = lost.reduce(0) { $0 &+ ($1.bytes ?? 0) }
            let others = lost.count - 1
            all =
                "\(ByteCount(bytes)) left behind \(when): \(first.message)"
                + (others > 0 ? "; \(others) more \(others == 1 ? "leak" : "leaks")" : "")
        }
        let summary =
            switch (lost.isEmpty, level, doubt) {
            case (false, .findings, _): all
            case (false, _, _): "Nothing of severity \(failOn.rawValue), but: \(all)"
            case (true, _, let doubt?):
                "Nothing was seen to be left behind \(when), but not all could be judged: \(doubt.message)"
            case (true, _, nil): "Nothing was left behind \(when)\(Self.peak(of: run))"
            }
        self.init(level: level, summary: summary)
    }

    /// `; at the peak 12 pages of 2 MiB (24 MiB) more than before were in use`; empty where there never were more.
    private static func peak(of run: CommandRun?) -> String {
        let growth = (run?.usage.growth ?? [:]).filter { $0.value > 0 }.sorted { $0.key < $1.key }
        guard !growth.isEmpty else { return "" }
        let amounts = growth.map { "\(Amount($0.value, $0.key))" }.joined(separator: " and ")
        let verb = growth.count == 1 && growth[0].value == 1 ? "was" : "were"
        return "; at the peak \(amounts) more than before \(verb) in use"
    }
}
