import Observations
import PageModel

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

    init(level: Level, summary: String) { (self.level, self.summary) = (level, summary) }

    /// `partial-view` never makes a verdict of findings: that something could not be read has a verdict of its own.
    /// - Parameter pools: the rows that are in scope.
    init(findings: [Finding], unread: [Unread], pools: [HugetlbBalance], failOn: Severity) {
        self.init(findings, isPartial: !unread.isEmpty, failOn: failOn) { Self.allIsWell(pools) }
    }

    /// - Parameter allIsWell: the sentence where no finding is loud and nothing is missing.
    init(_ findings: [Finding], isPartial: Bool, failOn: Severity, allIsWell: () -> String) {
        let ranked = findings.filter { $0.id != .partialView }
        let count = ranked.count { $0.severity >= failOn }
        level = count > 0 ? .findings : isPartial ? .partial : .clean
        let loudest = ranked.first { $0.severity >= min(failOn, .warning) }
        summary =
            switch (loudest, level) {
            case (let loudest?, .findings): Self.sentence(loudest, others: ranked.count - 1)
            case (let loudest?, _):
                "Nothing of severity \(failOn.rawValue), but: \(Self.sentence(loudest, others: ranked.count - 1))"
            case (nil, .partial): "The view is partial: \(findings.first { $0.id == .partialView }?.message ?? "")"
            case (nil, _): allIsWell()
            }
    }

    private static func sentence(_ finding: Finding, others: Int) -> String {
        others == 0 ? finding.message : "\(finding.message); \(others) more \(others == 1 ? "finding" : "findings")"
    }

    private static func allIsWell(_ pools: [HugetlbBalance]) -> String {
        let nodes = Set(pools.map(\.pool.node)).sorted()
        let place = nodes.count == 1 ? "node \(nodes[0])" : "\(nodes.count) nodes"
        let sizes = Set(pools.map(\.pool.size)).sorted()
        let amounts = sizes.compactMap { size -> String? in
            let counts = pools.filter { $0.pool.size == size }.compactMap(\.counts)
            let pages = counts.reduce(0) { $0 &+ $1.nrHugepages }
            return pages == 0 ? nil : "\(Amount(pages, size)), \(counts.reduce(0) { $0 &+ $1.freeHugepages }) free"
        }
        return amounts.isEmpty
            ? "There are no huge pages of \(sizes.map(\.description).joined(separator: " and ")) on \(place)"
            : "Every huge page on \(place) is accounted for: \(amounts.joined(separator: "; "))"
    }
}
