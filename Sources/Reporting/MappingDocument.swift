import Audit
import Observations
import PageModel

/// One mapping in the documents on processes.
struct MappingDocument: Encodable {
    /// In hexadecimal.
    let start: String
    let end: String
    let sizeBytes: UInt64
    let name: String
    let permissions: String
    let kind: OrNull<String>
    let pageSize: OrNull<UInt64>
    let policy: OrNull<String>
    let policyNodes: OrNull<[Int]>
    let placements: [PlacementDocument]
    let misplaced: [Place]
    let transparent: OrNull<Transparent>
    let hugeBytes: OrNull<UInt64>
    let possibleHugeBytes: OrNull<UInt64>
    let residentBytes: UInt64
    let uniqueBytes: OrNull<UInt64>
    let sharedBytes: OrNull<UInt64>
    let proportionalBytes: OrNull<UInt64>
    let swappedBytes: OrNull<UInt64>

    /// - Parameter isWhole: of all nodes; what is not counted by node is null otherwise.
    init(_ report: MappingReport, isClassified: Bool, isWhole: Bool) {
        let mapping = report.observation.mapping
        let pages = report.observation.pages
        let known = { (figure: UInt64) in OrNull(isClassified && isWhole ? figure : nil) }
        (start, end) = (hexadecimal(mapping.addresses.lowerBound), hexadecimal(mapping.addresses.upperBound))
        sizeBytes = mapping.addresses.upperBound - mapping.addresses.lowerBound
        (name, permissions) = (mapping.name.repaired, mapping.permissions.repaired)
        (kind, pageSize) = (OrNull(report.kind?.rawValue), OrNull(report.pageSize?.bytes))
        policy = OrNull(report.observation.policy?.repaired)
        policyNodes = OrNull(report.policy?.nodes.map(\.rawValue))
        placements = pages.ordered.map { PlacementDocument($0, content: .some(OrNull($0.content?.rawValue))) }
        misplaced = report.misplaced.sorted { $0.key < $1.key }.map { Place(node: $0.key.rawValue, bytes: $0.value) }
        transparent = OrNull(report.eligibility.map(Transparent.init))
        hugeBytes = OrNull(isClassified ? report.hugeBytes : nil)
        possibleHugeBytes = OrNull(isClassified ? report.possibleHugeBytes : nil)
        residentBytes = pages.resident
        (uniqueBytes, sharedBytes) = (known(pages.unique), known(pages.shared))
        (proportionalBytes, swappedBytes) = (known(pages.proportional >> 12), known(pages.swapped))
    }

    /// Bytes on a node that the policy does not name.
    struct Place: Encodable {
        let node: Int
        let bytes: UInt64
    }

    struct Transparent: Encodable {
        let eligibility: String
        let reason: String
        init(_ eligibility: TransparentEligibility) {
            (self.eligibility, reason) = (eligibility.word, eligibility.reason)
        }
    }
}

/// Pages that are alike on one node.
struct PlacementDocument: Encodable {
    let node: OrNull<Int>
    /// Null where they were not classified.
    let kind: OrNull<String>
    let pageSize: UInt64
    /// Left out of sums over mappings, null where they were not classified.
    let content: OrNull<String>?
    let pages: UInt64
    let bytes: UInt64
    init(_ amount: PageAmount, content: OrNull<String>? = nil) {
        (node, kind) = (OrNull(amount.node?.rawValue), OrNull(amount.kind?.rawValue))
        (pageSize, self.content) = (amount.size.bytes, content)
        (pages, bytes) = (amount.pages, amount.bytes)
    }
}
