import Observations
public import PageModel

/// What is left of a report where not all of it is wanted.
extension ProcessReport {
    /// Without mappings but those of hugetlb: a list of all processes shows none, and they are most of what a report takes.
    public var condensed: ProcessReport {
        var part = self
        part.mappings = mappings.filter { $0.observation.hugetlbSize != nil }
        part.notable = []
        part.observation.mappings = part.mappings.map(\.observation)
        return part
    }

    /// What is on these nodes, and what was found on them or on none in particular.
    /// - Parameter failOn: from which severity on a finding makes the verdict one of findings.
    public func limited(to nodes: Set<NodeID>, failOn: Severity = .warning) -> ProcessReport {
        var part = self
        part.limitedTo = nodes.sorted()
        part.placements = placements.filter { amount in amount.node.map(nodes.contains) ?? false }
        part.pages.keep(on: nodes)
        part.mappings = mappings.compactMap { $0.limited(to: nodes) }
        part.notable = notable.compactMap { $0.limited(to: nodes) }
        part.isAdviceUnread = isAdviceUnread && part.mappings.contains(where: \.needsAdvice)
        part.observation.mappings = part.mappings.map(\.observation)
        part.findings = findings.filter { finding in finding.node.map(nodes.contains) ?? true }
        part.verdict = Verdict(
            part.findings, isPartial: !unread.isEmpty, failOn: failOn
        ) {
            "Process \(title) has \(ByteCount(part.pages.resident)) in RAM on \(nodes.sorted().named)"
                + (part.isAdviceUnread ? Verdict.adviceUnread : "")
        }
        return part
    }
}

extension MappingReport {
    /// Nil where nothing of it is there.
    fileprivate func limited(to nodes: Set<NodeID>) -> MappingReport? {
        var part = self
        part.observation.pages.keep(on: nodes)
        (part.kind, part.pageSize) = part.observation.main
        (part.hugeBytes, part.possibleHugeBytes) = (part.observation.hugeBytes, nil)
        part.misplaced = misplaced.filter { nodes.contains($0.key) }
        return part.observation.pages.amounts.isEmpty ? nil : part
    }
}
