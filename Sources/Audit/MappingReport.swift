public import Observations
public import PageModel

/// One mapping of a process, judged.
public struct MappingReport: Hashable, Sendable {
    public internal(set) var observation: MappingObservation
    /// The kind and page size that most of its memory in RAM is in; nil where none is, or it was not classified. A hugetlb
    /// mapping always has them.
    public internal(set) var kind: PageKind?
    public internal(set) var pageSize: PageSize?
    /// Nil where it was not read.
    public let policy: MemoryPolicy?
    /// Whether the policy is the mapping's own for certain: numa_maps prints that of the process's thread where there is none.
    public let hasOwnPolicy: Bool
    /// What obeys the policy and yet is on a node that it does not name. Unit: bytes.
    public internal(set) var misplaced: [NodeID: UInt64]
    /// Nil of a hugetlb mapping, and of one where no page can be.
    public let eligibility: TransparentEligibility?
    /// In huge pages of hugetlb, or transparent ones of PMD size. Unit: bytes.
    public internal(set) var hugeBytes: UInt64
    /// What is in RAM and could be in huge pages, with what is. Unit: bytes; nil where smaps would tell and was not read, and in
    /// a report on some nodes only.
    public internal(set) var possibleHugeBytes: UInt64?

    /// - Parameters:
    ///   - process: whose it is: its settings decide on transparent huge pages.
    ///   - taskPolicy: that of the process's thread; nil where it cannot be told.
    init(judging mapping: MappingObservation, of process: ProcessObservation, taskPolicy: ForeignText?) {
        let policy = mapping.policy.map(MemoryPolicy.init)
        let eligibility = TransparentEligibility(
            of: mapping, isEnabled: process.isTransparentEnabled, process.transparent)
        let transparent = mapping.transparentBytes
        observation = mapping
        self.policy = policy
        hasOwnPolicy = policy != nil && taskPolicy.map { $0 != mapping.policy } ?? false
        self.eligibility = eligibility
        (kind, pageSize) = mapping.main
        misplaced = [:]
        hugeBytes = mapping.hugeBytes
        possibleHugeBytes =
            switch eligibility {
            case .unknown?: nil
            case .eligible?: mapping.hugetlbBytes &+ max(mapping.pages.roomForHuge, transparent)
            default: mapping.hugetlbBytes &+ transparent
            }
        for amount in violations {
            if let node = amount.node { misplaced[node, default: 0] &+= amount.bytes }
        }
    }

    /// What obeys the policy and yet is on a node that it does not name.
    var violations: [PageAmount] {
        outside.filter { observation.obeysPolicy($0, ofItsOwn: hasOwnPolicy) }
    }

    /// What is on a node that the policy does not name, be it that somebody else's policy placed it.
    var outside: [PageAmount] {
        guard let policy, policy.placesOnNodes else { return [] }
        return observation.pages.amounts.filter { amount in
            observation.isItsOwn(amount) && amount.node.map { !policy.nodes.contains($0) } ?? false
        }
    }

    /// In RAM or in swap. Unit: bytes.
    var usedBytes: UInt64 { observation.pages.resident &+ observation.pages.swapped }
}

extension MappingObservation {
    /// Of hugetlb: all that is in RAM of a hugetlb mapping, also where it was not classified. Unit: bytes.
    var hugetlbBytes: UInt64 { hugetlbSize == nil ? bytes { $0.kind == .hugetlb } : pages.resident }

    /// In transparent huge pages of PMD size. Unit: bytes.
    var transparentBytes: UInt64 { hugetlbSize == nil ? bytes { $0.kind == .thp } : 0 }

    /// Unit: bytes.
    var hugeBytes: UInt64 { hugetlbBytes &+ transparentBytes }

    /// The kind and page size that most of its memory in RAM is in.
    var main: (kind: PageKind?, size: PageSize?) {
        if let hugetlbSize { return (.hugetlb, hugetlbSize) }
        let most = mostlyIn
        return (most?.kind, most?.size)
    }

    private func bytes(where isMeant: (PageAmount) -> Bool) -> UInt64 {
        pages.amounts.reduce(0) { isMeant($1) ? $0 &+ $1.bytes : $0 }
    }

    /// Whether it is memory of the process, be it shared with others, and no file cache.
    func isItsOwn(_ amount: PageAmount) -> Bool {
        switch amount.content {
        case .anonymous, .shared: true
        case .file: hugetlbSize != nil
        case nil: hugetlbSize != nil || !mapping.hasFile
        }
    }

    /// Whether the policy decides where it is. Where shared memory and files have no policy of their own, that of whoever
    /// touched a page first did, and the first toucher may have been another process.
    /// - Parameter ofItsOwn: whether the policy is the mapping's, not that of the process's thread.
    fileprivate func obeysPolicy(_ amount: PageAmount, ofItsOwn: Bool) -> Bool {
        switch amount.content {
        case .anonymous: true
        case .shared: ofItsOwn
        case .file: ofItsOwn && hugetlbSize != nil
        case nil: ofItsOwn || !mapping.isShared
        }
    }

    /// Nil where nothing is in RAM, or most of it was not classified.
    private var mostlyIn: (kind: PageKind, size: PageSize)? {
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
