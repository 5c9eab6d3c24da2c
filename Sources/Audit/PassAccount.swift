import Observations
import PageModel

/// What one pass amounts to: the equation, and who holds and who has reserved, as far as somebody looked.
struct PassAccount {
    /// The rows of all nodes and sizes, ascending.
    let rows: [HugetlbBalance]
    /// Nil where no search was made.
    let held: HeldAccount?
    let reservations: ReservationAccount?

    init(_ pass: HugetlbPass, nodes: [NodeID]) {
        let bare = pass.bareBalances(of: nodes)
        let held = pass.search.map { HeldAccount($0, rows: bare) }
        let pinned = bare.reduce(into: [:]) { $0[$1.pool.size, default: 0] &+= $1.keptByKernel }
        reservations = pass.search.map { ReservationAccount($0, global: pass.after.global, pinned: pinned) }
        rows = bare.map { row in
            guard let held, let known = held.held[row.pool] else { return row }
            var row = row
            (row.held, row.suspected) = (known, held.suspected[row.pool] ?? 0)
            return row
        }
        self.held = held
    }

    /// Nothing is left over: neither pages nor reservations.
    var isClosed: Bool {
        rows.allSatisfy(\.isClosed) && held?.unlocated.isEmpty ?? true && reservations?.unexplained.isEmpty ?? true
    }

    /// All that is in use or reserved has a name.
    var isExplained: Bool {
        rows.allSatisfy { $0.unexplained ?? 0 <= 0 } && held?.unlocated.isEmpty ?? true
            && reservations?.unexplained.isEmpty ?? true
    }

    /// Something is kept by a holder, named or suspected.
    var holdsAnything: Bool { rows.contains { $0.held ?? 1 > 0 } }
    var suspectsAnything: Bool { rows.contains { $0.suspected > 0 } }

    /// Whether another pass showed the same. One without a search says nothing about holders.
    func agrees(with other: Self) -> Bool {
        if held != nil, other.held != nil {
            return rows == other.rows && reservations?.unexplained == other.reservations?.unexplained
                && held?.unlocated == other.held?.unlocated
        }
        return rows.map(\.withoutHolders) == other.rows.map(\.withoutHolders)
    }
}
