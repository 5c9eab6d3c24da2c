public import Observations
public import PageModel

/// Holders of which one says as much as all: files of one folder whose names differ in a number, kept in the same way.
public struct HolderGroup: Hashable, Sendable {
    /// At least one, the oldest first.
    public let holders: [Holder]
    /// The one holder's name, or what all names begin with and an asterisk.
    public let name: ForeignText
    /// What the group amounts to as a finding.
    public let finding: Finding.ID

    /// Alike in all that a person would do about them.
    private struct Likeness: Hashable {
        let finding: Finding.ID
        let kind: Holder.Kind
        let size: PageSize
        let processes: [PID]
        let stem: ForeignText
        let isReachable: Bool
    }

    /// So few are named one by one.
    private static let fewest = 3

    /// Groups in the order of their oldest holder; those of unknown age last.
    static func groups(of holders: [Holder]) -> [HolderGroup] {
        let alike = Dictionary(grouping: holders) { holder in
            Likeness(
                finding: holder.findingID, kind: holder.kind, size: holder.size, processes: holder.processes,
                stem: holder.stem, isReachable: holder.file?.path != nil)
        }
        let groups = alike.flatMap { likeness, holders -> [HolderGroup] in
            let sorted = holders.sorted { ($0.age, $0.name) < ($1.age, $1.name) }
            guard sorted.count >= fewest else {
                return sorted.map { HolderGroup(holders: [$0], name: $0.name, finding: likeness.finding) }
            }
            let isOneName = Set(sorted.map(\.name)).count == 1
            let name = isOneName ? sorted[0].name : ForeignText(likeness.stem.bytes + "*".utf8)
            return [HolderGroup(holders: sorted, name: name, finding: likeness.finding)]
        }
        return groups.sorted { ($0.holders[0].age, $1.bytes, $0.name) < ($1.holders[0].age, $0.bytes, $1.name) }
    }

    public var kind: Holder.Kind { holders[0].kind }
    public var size: PageSize { holders[0].size }
    /// Unit: huge pages of `size`.
    public var pages: UInt64 { holders.reduce(0) { $0 &+ $1.pages } }
    public var bytes: UInt64 { size.amount(of: pages).bytes }
    public var processes: [PID] { holders[0].processes }
    public var since: Double? { holders[0].since }

    /// Nil where the place of one of them could not be told.
    public var nodes: [Placement]? {
        var sums: [NodeID: UInt64] = [:]
        for holder in holders {
            guard let nodes = holder.nodes else { return nil }
            for place in nodes {
                guard let node = place.node else { return nil }
                sums[node, default: 0] &+= place.pages
            }
        }
        return sums.sorted { $0.key < $1.key }.map { Placement(node: $0.key, size: size, pages: $0.value) }
    }

    /// Whether pages of the group are, or may be, of `pool`.
    func isTouched(by pool: Pool) -> Bool {
        pool.size == size && nodes.map { $0.contains { $0.node == pool.node } } ?? true
    }
}

extension Holder {
    /// The name without the number at its end.
    fileprivate var stem: ForeignText {
        let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
        return ForeignText(name.bytes.reversed().drop { digits.contains($0) }.reversed())
    }

    fileprivate var age: Double { since ?? .infinity }

    /// What this is called when it is found.
    public var findingID: Finding.ID {
        guard let file else { return .kernelHeld }
        if file.isMapped { return .partlyMapped }
        return switch file.kind {
        case .linked: file.descriptors > 0 ? .fileUnmapped : .orphanFile
        case .deleted: .deletedFileHeld
        case .memfd, .anonymous: .memfdUnmapped
        case .systemV: .orphanShm
        }
    }
}
