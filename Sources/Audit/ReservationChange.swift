import Observations
import PageModel

/// Something that has reserved more pages than before and not touched them, or fewer.
public struct ReservationChange: Hashable, Sendable {
    /// As it is afterwards: of no pages where it is gone.
    public let reservation: Reservation
    /// Below zero for what is reserved no more. Unit: huge pages of the reservation's size.
    public let change: Int64

    /// What grew most first; those that are as before are left out.
    static func changes(from before: [Reservation], to after: [Reservation]) -> [ReservationChange] {
        let old = Dictionary(grouping: before, by: \.withoutPages).mapValues(\.pages)
        let new = Dictionary(grouping: after, by: \.withoutPages).mapValues(\.pages)
        var seen: Set<Reservation> = []
        let names = (after + before).map(\.withoutPages).filter { seen.insert($0).inserted }
        return names.compactMap { name -> ReservationChange? in
            let pages = new[name] ?? 0
            let change = Int64(clamping: pages) - Int64(clamping: old[name] ?? 0)
            return change == 0 ? nil : ReservationChange(reservation: name.of(pages), change: change)
        }.enumerated().sorted { ($1.element.change, $0.offset) < ($0.element.change, $1.offset) }.map(\.element)
    }
}

extension Reservation {
    /// By which it is known again.
    fileprivate var withoutPages: Reservation { of(0) }

    fileprivate func of(_ pages: UInt64) -> Reservation { Reservation(kind, name, process, size, pages) }
}

extension [Reservation] {
    fileprivate var pages: UInt64 { reduce(0) { $0 &+ $1.pages } }
}
