public import Observations
public import PageModel

/// The answer to "where does this process really live: which page sizes, which nodes, and is that what it asked for": a pure
/// function of what was seen.
public struct ProcessReport: Hashable, Sendable {
    public internal(set) var observation: ProcessObservation
    /// The nodes that it is limited to, ascending; nil where it has all. Then `placements` and the amounts of `pages` are of
    /// these nodes, and every figure that is not counted by node is still that of the whole process: no reader shows it.
    public internal(set) var limitedTo: [NodeID]?
    /// All of the process: what is alike on one node together, in the order of kinds, sizes (the largest first) and nodes.
    /// `content` is nil: what is of different content counts together.
    public internal(set) var placements: [PageAmount]
    /// Sums over all mappings.
    public internal(set) var pages: PageTally
    /// In ascending order of their addresses.
    public internal(set) var mappings: [MappingReport]
    /// Those with memory in RAM or in swap that are worth a line: those that findings are about first, then the largest.
    public internal(set) var notable: [MappingReport]
    /// The nodes of the CPUs that it may run on, and of those that its threads ran on last, ascending.
    public let nodesOfAllowedCPUs: [NodeID]
    public let nodesOfUsedCPUs: [NodeID]
    /// Whether smaps was left out, and of some memory it alone tells whether huge pages can be there: what is said of
    /// transparent huge pages is not all there is to say.
    public internal(set) var isAdviceUnread: Bool
    /// What could not be read, and what the process did that cut the reading short; empty for a full view.
    public let unread: [Unread]
    /// The most severe first.
    public internal(set) var findings: [Finding]
    public internal(set) var verdict: Verdict

    /// - Parameter failOn: from which severity on a finding makes the verdict one of findings.
    public init(judging observation: ProcessObservation, failOn: Severity = .warning) {
        let account = ProcessAccount(observation)
        let found = account.findings.enumerated()
            .sorted { ($1.element.finding.severity, $0.offset) < ($0.element.finding.severity, $1.offset) }
            .map(\.element)
        self.observation = observation
        mappings = account.mappings
        pages = account.pages
        placements = Self.placements(account.pages)
        notable = Self.notable(account.mappings, found)
        nodesOfAllowedCPUs = account.nodesOfAllowedCPUs
        nodesOfUsedCPUs = account.nodesOfUsedCPUs
        isAdviceUnread = account.isAdviceUnread
        findings = found.map(\.finding)
        unread = account.unread
        verdict = Verdict(account, findings: findings, failOn: failOn)
    }

    private static func placements(_ pages: PageTally) -> [PageAmount] {
        var sums = PageTally()
        for var amount in pages.amounts {
            amount.content = nil
            sums.add(amount)
        }
        return sums.amounts.sorted { left, right in
            (left.kindRank, right.size, left.nodeRank) < (right.kindRank, left.size, right.nodeRank)
        }
    }

    /// So many mappings are worth a line, as many are listed however small, and others only from this part of all on.
    private static let (mostNotable, leastNotable, notablePart) = (12, 3, UInt64(100))

    private static func notable(_ mappings: [MappingReport], _ found: [MappedFinding]) -> [MappingReport] {
        let largest = mappings.filter { $0.usedBytes > 0 }.sorted { left, right in
            (right.usedBytes, left.start) < (left.usedBytes, right.start)
        }
        let limit = largest.reduce(0) { $0 &+ $1.usedBytes } / notablePart
        let large = largest.enumerated().filter { $0.offset < leastNotable || $0.element.usedBytes >= limit }
        var seen: Set<UInt64> = []
        let ordered = (found.flatMap(\.mappings) + large.map(\.element)).filter { seen.insert($0.start).inserted }
        return Array(ordered.prefix(mostNotable))
    }
}

extension MappingReport {
    /// No two mappings of a process begin at one address.
    var start: UInt64 { observation.mapping.addresses.lowerBound }

    /// Whether it has memory of which smaps would tell if huge pages can be there.
    var needsAdvice: Bool { eligibility == .unknown && usedBytes > 0 }
}

extension PageAmount {
    /// What was not classified, or has no node, comes last.
    fileprivate var kindRank: Int { kind.flatMap(PageKind.allCases.firstIndex) ?? PageKind.allCases.count }
    fileprivate var nodeRank: Int { node?.rawValue ?? .max }
}
