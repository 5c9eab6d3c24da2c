import Observations
import PageModel

/// A holder that keeps more pages than before, or fewer.
public struct HolderChange: Hashable, Sendable {
    /// As it is afterwards: without pages where it is gone.
    public let holder: Holder
    /// Below zero for pages that it keeps no more. Unit: huge pages of the holder's size.
    public let change: Int64
    /// The holder with nothing but what it keeps more, and where that is; nil where it keeps no more than before.
    public let growth: Holder?

    /// Holders of which there are two by the same name and kind are one.
    private init?(from old: [Holder], to new: [Holder]) {
        guard let known = new.first ?? old.first else { return nil }
        let pages = { (holders: [Holder]) in Int64(clamping: holders.reduce(0) { $0 &+ $1.pages }) }
        change = pages(new) - pages(old)
        guard change != 0 else { return nil }
        holder = known.keeping(UInt64(pages(new)), on: Self.places(new, less: []))
        growth = change > 0 ? known.keeping(UInt64(change), on: Self.places(new, less: old)) : nil
    }

    /// What grew most first; unchanged holders are left out.
    static func changes(from before: [Holder], to after: [Holder]) -> [HolderChange] {
        let old = Dictionary(grouping: before, by: \.identity)
        let new = Dictionary(grouping: after, by: \.identity)
        var seen: Set<Holder.Identity> = []
        let identities = (after + before).map(\.identity).filter { seen.insert($0).inserted }
        return identities.compactMap { HolderChange(from: old[$0] ?? [], to: new[$0] ?? []) }.enumerated()
            .sorted { ($1.element.change, $0.offset) < ($0.element.change, $1.offset) }.map(\.element)
    }

    /// Where the one have pages beyond those of the other; nil where that cannot be told.
    private static func places(_ new: [Holder], less old: [Holder]) -> [Placement]? {
        var sums: [NodeID: Int64] = [:]
        for (holders, sign) in [(new, Int64(1)), (old, -1)] {
            for holder in holders {
                guard let nodes = holder.nodes else { return nil }
                for place in nodes {
                    guard let node = place.node else { return nil }
                    sums[node, default: 0] &+= sign * Int64(clamping: place.pages)
                }
            }
        }
        // Pages that were moved to another node meanwhile tell nothing about where the new ones are.
        guard let size = new.first?.size, sums.values.allSatisfy({ $0 >= 0 }) else { return new.isEmpty ? [] : nil }
        return sums.filter { $0.value > 0 }.sorted { $0.key < $1.key }.map {
            Placement(node: $0.key, size: size, pages: UInt64($0.value))
        }
    }
}

extension Holder {
    /// By which a holder is known again. What can only be suspected is known by its kind, and a ring by its process.
    fileprivate enum Identity: Hashable {
        case file(HugetlbFile.Identity)
        case suspected(Kind, PageSize, [PID])
    }

    fileprivate var identity: Identity {
        if let file { return .file(file.identity) }
        return .suspected(kind, size, kind == .ioUring ? processes : [])
    }

    /// The same holder with so many pages.
    func keeping(_ pages: UInt64, on nodes: [Placement]?) -> Holder {
        if let file { return Holder(file, pages: pages, nodes: nodes) }
        return Holder(kind, name: name, size: size, pages: pages, nodes: nodes, suspects: suspects)
    }
}
