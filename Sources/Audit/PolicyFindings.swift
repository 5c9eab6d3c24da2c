import Observations
import PageModel

/// The rule that holds the pages of each mapping against its policy.
struct PolicyFindings {
    let account: ProcessAccount

    /// What goes into one finding: pages wrongly on one node, by policies that the kernel keeps to, or by preferences.
    private struct Place: Hashable, Comparable {
        let isStrict: Bool
        let node: NodeID
        static func < (left: Self, right: Self) -> Bool {
            (left.isStrict ? 0 : 1, left.node) < (right.isStrict ? 0 : 1, right.node)
        }
    }

    var findings: [MappedFinding] {
        var places: [Place: [MappingShare]] = [:]
        for mapping in account.mappings {
            guard let policy = mapping.policy, !mapping.misplaced.isEmpty else { continue }
            for (node, amounts) in Dictionary(grouping: mapping.violations, by: \.node) {
                guard let node else { continue }
                places[Place(isStrict: policy.isStrict, node: node), default: []].append(MappingShare(mapping, amounts))
            }
        }
        return places.sorted { $0.key < $1.key }.map { finding($0.key, $0.value.ranked) }
    }

    private func finding(_ place: Place, _ shares: [MappingShare]) -> MappedFinding {
        let one = shares.ofOneSize
        let node = place.node
        let message =
            "\(ByteCount(shares.bytes)) \(whose(shares)) on node \(node), which \(named(shares)) not name"
            + (place.isStrict ? "" : "; a preference gives way where memory is short")
        let finding = Finding(
            .policyViolated, place.isStrict ? .warning : .note, node: node, pageSize: one?.size, pages: one?.pages,
            message,
            evidence: shares.evidence(account.file("numa_maps")) { share in
                "\(ByteCount(share.bytes)) on node \(node), policy \(share.policyText)"
            },
            remedy: remedy(node, shares))
        return MappedFinding(finding: finding, mappings: shares.mappings)
    }

    private func whose(_ shares: [MappingShare]) -> String {
        shares.count == 1 ? "of one mapping is" : "of \(shares.count) mappings is"
    }

    /// `its policy (bind:0) does`, `their policies (bind:0, interleave:0,2 and 3 others) do`
    private func named(_ shares: [MappingShare]) -> String {
        var seen: Set<String> = []
        let texts = shares.map(\.policyText).filter { seen.insert($0).inserted }
        let rest = texts.count - 3
        let list = texts.prefix(3).joined(separator: ", ") + (rest > 0 ? " and \(rest) others" : "")
        let (noun, verb) = texts.count == 1 ? ("policy", "does") : ("policies", "do")
        return "\(shares.count == 1 ? "its" : "their") \(noun) (\(list)) \(verb)"
    }

    /// For the mapping with the most there.
    private func remedy(_ node: NodeID, _ shares: [MappingShare]) -> String {
        let nodes = NumberList(shares.first?.mapping.policy?.nodes ?? [])
        let isHugetlb = shares.contains { $0.mapping.observation.hugetlbSize != nil }
        return
            "migratepages \(account.observation.pid) \(node) \(nodes)  # moves all that the process has on node \(node)"
            + (isHugetlb ? "; pages of hugetlb only as far as their pool there has free ones" : "")
    }
}

extension MappingShare {
    fileprivate var policyText: String { mapping.policy?.text.escaped(limit: 40) ?? "" }
}
