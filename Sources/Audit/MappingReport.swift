public import Observations
public import PageModel

/// One mapping of a process, judged.
public struct MappingReport: Hashable, Sendable {
    public internal(set) var observation: MappingObservation
    /// The kind and page size that most of its memory in RAM is in; nil where none is, or it was not classified. A hugetlb
    /// mapping always has them.
    public let kind: PageKind?
    public let pageSize: PageSize?
    /// Nil where it was not read.
    public let policy: MemoryPolicy?
    /// What obeys the policy and yet is on a node that it does not name. Unit: bytes.
    public internal(set) var misplaced: [NodeID: UInt64]
    /// Nil of a hugetlb mapping, and of one where no page can be.
    public let eligibility: TransparentEligibility?
    /// In huge pages of hugetlb, or transparent ones of PMD size. Unit: bytes.
    public let hugeBytes: UInt64
    /// What is in RAM and could be in huge pages, with what is. Unit: bytes.
    public let possibleHugeBytes: UInt64

    /// - Parameter process: whose it is: its settings decide on transparent huge pages.
    init(judging mapping: MappingObservation, of process: ProcessObservation) {
        let policy = mapping.policy.map(MemoryPolicy.init)
        let eligibility = TransparentEligibility(
            of: mapping, isEnabled: process.isTransparentEnabled, process.transparent)
        let most = mapping.mostlyIn
        let transparent = mapping.transparentBytes
        observation = mapping
        self.policy = policy
        self.eligibility = eligibility
        kind = mapping.hugetlbSize == nil ? most?.kind : .hugetlb
        pageSize = mapping.hugetlbSize ?? most?.size
        misplaced = mapping.amounts(breaking: policy).reduce(into: [:]) { sums, amount in
            if let node = amount.node { sums[node, default: 0] &+= amount.bytes }
        }
        hugeBytes = mapping.hugetlbBytes &+ transparent
        possibleHugeBytes =
            mapping.hugetlbBytes
            &+ (eligibility == .eligible ? max(mapping.pages.roomForHuge, transparent) : transparent)
    }

    /// In RAM or in swap. Unit: bytes.
    var usedBytes: UInt64 { observation.pages.resident &+ observation.pages.swapped }
}

extension MappingObservation {
    /// Of hugetlb: all that is in RAM of a hugetlb mapping, also where it was not classified. Unit: bytes.
    var hugetlbBytes: UInt64 { hugetlbSize == nil ? bytes { $0.kind == .hugetlb } : pages.resident }

    /// In transparent huge pages of PMD size. Unit: bytes.
    var transparentBytes: UInt64 { hugetlbSize == nil ? bytes { $0.kind == .thp } : 0 }

    private func bytes(where isMeant: (PageAmount) -> Bool) -> UInt64 {
        pages.amounts.reduce(0) { isMeant($1) ? $0 &+ $1.bytes : $0 }
    }

    /// Whether the policy decided where it is: file cache is where its first reader was.
    func isPlacedByPolicy(_ amount: PageAmount) -> Bool {
        switch amount.content {
        case .anonymous, .shared: true
        case .file: hugetlbSize != nil
        case nil: hugetlbSize != nil || !mapping.hasFile
        }
    }

    /// What is on nodes that `policy` does not name, though it obeys it.
    func amounts(breaking policy: MemoryPolicy?) -> [PageAmount] {
        guard let policy, policy.placesOnNodes else { return [] }
        return pages.amounts.filter { amount in
            isPlacedByPolicy(amount) && amount.node.map { !policy.nodes.contains($0) } ?? false
        }
    }

    /// Nil where nothing is in RAM, or most of it was not classified.
    fileprivate var mostlyIn: (kind: PageKind, size: PageSize)? {
        var sums = PageTally()
        for var amount in pages.amounts {
            (amount.node, amount.content) = (nil, nil)
            sums.add(amount)
        }
        let largest = sums.amounts.max { left, right in
            (left.bytes, right.kind ?? .base, left.size) < (right.bytes, left.kind ?? .base, right.size)
        }
        return largest.flatMap { largest in largest.kind.map { ($0, largest.size) } }
    }
}
