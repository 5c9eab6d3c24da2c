import Observations

/// The first line of the report, and what the exit status follows.
public struct Verdict: Hashable, Sendable {
    public enum Level: String, Sendable {
        case clean
        case findings
        case partial
    }
    public let level: Level
    /// One sentence, without a full stop.
    public let summary: String

    /// `partial-view` never makes a verdict of findings: that something could not be read has a verdict of its own.
    init(
        findings: [Finding], unread: [Unread], totals: [HugetlbTotal], nodes: [HugetlbBalance], failOn: Severity
    ) {
        let ranked = findings.filter { $0.id != .partialView }
        let count = ranked.count { $0.severity >= failOn }
        level = count > 0 ? .findings : unread.isEmpty ? .clean : .partial
        let loudest = ranked.first { $0.severity >= min(failOn, .warning) }
        summary =
            switch (loudest, level) {
            case (let loudest?, _): Self.sentence(loudest, others: ranked.count - 1)
            case (nil, .partial): "The view is partial: \(findings.first { $0.id == .partialView }?.message ?? "")"
            case (nil, _): Self.allIsWell(totals, Set(nodes.map(\.pool.node)).count)
            }
    }

    private static func sentence(_ finding: Finding, others: Int) -> String {
        others == 0 ? finding.message : "\(finding.message); \(others) more \(others == 1 ? "finding" : "findings")"
    }

    private static func allIsWell(_ totals: [HugetlbTotal], _ nodes: Int) -> String {
        let place = nodes == 1 ? "1 node" : "\(nodes) nodes"
        let pools = totals.compactMap { total -> String? in
            guard let counts = total.global?.counts, counts.nrHugepages > 0 else { return nil }
            return "\(Amount(counts.nrHugepages, total.size)), \(counts.freeHugepages) free"
        }
        let sizes = totals.map { "\($0.size)" }.joined(separator: " and ")
        return pools.isEmpty
            ? "There are no huge pages of \(sizes) on \(place)"
            : "Every huge page on \(place) is accounted for: \(pools.joined(separator: "; "))"
    }
}
