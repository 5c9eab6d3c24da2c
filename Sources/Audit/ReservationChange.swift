import Observations
import PageModel

/// Something that has reserved more pages than before and not touched them, or fewer.
public struct ReservationChange: Hashable, Sendable {
    /// As it is afterwards: of no pages where it is gone.
    public let reservation: Reservation
    /// Below zero for what is reserved no more. Unit: huge pages of the reservation's size.
    public let change: Int64
    /// Of `change`, what stays with inodes and no live mapping has. Unit: huge pages.
    let left: UInt64

    private init(_ reservation: Reservation, from old: [Reservation], to new: [Reservation]) {
        self.reservation = reservation
        change = new.sum - old.sum
        left = UInt64(clamping: min(change, new.filter(\.isLeft).sum - old.filter(\.isLeft).sum))
    }

    /// What grew most first; those that are as before are left out.
    static func changes(from before: [Reservation], to after: [Reservation]) -> [ReservationChange] {
        let doubtful = Set((before + after).map(\.files).filter { $0.count > 1 }.joined())
        let old = Dictionary(grouping: before) { Key($0, doubtful) }
        let new = Dictionary(grouping: after) { Key($0, doubtful) }
        var seen: Set<Key> = []
        let keys = (after + before).map { Key($0, doubtful) }.filter { seen.insert($0).inserted }
        return keys.compactMap { key -> ReservationChange? in
            let (old, new) = (old[key] ?? [], new[key] ?? [])
            guard let all = Reservation(joining: new) ?? Reservation(joining: old)?.of(0) else { return nil }
            let change = ReservationChange(all, from: old, to: new)
            return change.change == 0 ? nil : change
        }.enumerated().sorted { ($1.element.change, $0.offset) < ($0.element.change, $1.offset) }.map(\.element)
    }

    /// By which a reservation is known again. Files of which it could not be told before or afterwards which one has pages are
    /// one in both: else a page would seem to go from one to another.
    private enum Key: Hashable {
        case owner(Reservation.Kind, Reservation.Owner, PageSize)
        case doubtful(PageSize)

        init(_ reservation: Reservation, _ doubtful: Set<HugetlbFile.Identity>) {
            let files = reservation.files
            if files.contains(where: doubtful.contains) {
                self = .doubtful(reservation.size)
            } else {
                let owner = files.count == 1 ? .file(files[0]) : reservation.owner
                self = .owner(reservation.kind, owner, reservation.size)
            }
        }
    }
}

extension Reservation {
    /// Those that may have it; none for what is no file's.
    var files: [HugetlbFile.Identity] {
        switch owner {
        case .file(let file): [file]
        case .inodes(let files): files
        case .process, .mount: []
        }
    }

    /// No live mapping has it.
    fileprivate var isLeft: Bool {
        switch owner {
        case .inodes: true
        case .file, .process, .mount: false
        }
    }

    /// All of one key together: as the one among them that names several files, or one of what is left, or the first. Nil
    /// for none.
    fileprivate init?(joining all: [Reservation]) {
        let pages = all.reduce(0) { $0 &+ $1.pages }
        let left = all.filter(\.isLeft)
        let meant = left.isEmpty ? all : left
        guard let best = meant.first(where: { $0.files.count > 1 }) ?? meant.first else { return nil }
        let isOne = best.files.count > 1 || Set(meant.map(\.files)).count < 2
        self = isOne ? best.of(pages) : Reservation(ofOneOf: meant.map { ($0.files[0], $0.name) }, best.size, pages)
    }
}

extension [Reservation] {
    fileprivate var sum: Int64 { Int64(clamping: reduce(0) { $0 &+ $1.pages }) }
}
