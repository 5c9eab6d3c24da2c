public import Observations
import PageModel

/// Decides which figures can be believed: a balance that is closed between equal counters at once, one that holders close
/// when it has stood for a moment, any other when it has stood for a while. Equal counters alone prove nothing on the newest
/// kernels; a page that is being zeroed for its first user is neither free nor mapped, and of 1 GiB that takes seconds; a
/// process that ends has no mapping any more and still its descriptors.
public struct Settling: Sendable {
    /// Passes in a row that must agree before a shortfall is believed, and over how many seconds.
    static let needed = 3
    static let patience = 1.0
    /// The same for pages of at least `gigantic` bytes.
    static let longPatience = 5.0
    static let gigantic: UInt64 = 512 << 20
    /// The same for pages that somebody holds by name.
    static let neededWhenHeld = 2
    static let patienceWhenHeld = 0.1
    /// When it is said that things keep moving: after so many passes, over longer than `patience`, so that what stands still
    /// beside them has been seen to.
    static let most = 10
    static let longest = 1.2

    /// What each pass amounts to, in the order taken.
    let accounts: [PassAccount]
    private let passes: [HugetlbPass]
    private let tolerance: UInt64

    public init(_ passes: [HugetlbPass], nodes: [NodeObservation], host: HostObservation) {
        self.passes = passes
        accounts = passes.map { PassAccount($0, nodes: nodes.map(\.id)) }
        tolerance = passes.last?.after.lag(nodes: nodes, base: host.basePageSize) ?? 0
    }

    /// What another pass should look for, and how long to wait for it; nil where none would change what can be said.
    public var next: NextPass? {
        if wantsSearch { return NextPass(pause: 0, search: depth) }
        if isSettled { return nil }
        let standing = agreeing
        if standing.count <= 1, passes.count >= Self.most, elapsed(passes) >= Self.longest { return nil }
        if isHeld {
            return NextPass(pause: max(0.01, Self.patienceWhenHeld - elapsed(standing)), search: depth)
        }
        return NextPass(pause: standing.count > 1 ? 0.2 : passes.count < 3 ? 0.02 : 0.1, search: depth)
    }

    /// Whether a search would go further than the last one: for files where pages or reservations lack a name, then for what
    /// can only be suspected. A saved tree has none to offer, whatever it is asked for.
    private var wantsSearch: Bool {
        guard let depth, let last = passes.last else { return false }
        return last.search.map { $0.depth < depth } ?? (passes.count == 1)
    }

    private var depth: HolderSearch.Depth? {
        guard let pass = passes.last, let account = accounts.last else { return nil }
        let lacksNames = account.rows.contains { $0.unexplained ?? 0 > 0 } || account.held?.unlocated.isEmpty == false
        if let search = pass.search { return lacksNames ? .suspects : search.depth }
        return lacksNames || pass.after.global.values.contains { $0.reservedHugepages != 0 } ? .files : nil
    }

    /// Nothing was still moving at the end.
    var isSettled: Bool {
        if isClosed { return true }
        if isHeld {
            return agreeing.count >= Self.neededWhenHeld && elapsed(agreeing) >= Self.patienceWhenHeld
        }
        return unsettled.isEmpty && Self.haveStood(agreeing, for: Self.patience)
    }

    /// The last pass alone shows that every page is accounted for.
    private var isClosed: Bool { isConsistent && accounts.last?.holdsAnything == false }

    /// The last pass alone shows that every page is accounted for, some by the name of a holder.
    private var isHeld: Bool {
        isConsistent && accounts.last?.holdsAnything == true && accounts.last?.suspectsAnything == false
    }

    private var isConsistent: Bool {
        guard let pass = passes.last, let account = accounts.last else { return false }
        return pass.before == pass.after && pass.walk.lostFrames == 0 && pass.walk.disagreements.isEmpty
            && pass.census?.strayTails ?? 0 == 0 && pass.headsWithoutNode.isEmpty
            && pass.after.closes(tolerance: tolerance) && account.isClosed
    }

    /// The last passes that agree in everything.
    private var agreeing: [HugetlbPass] {
        guard let last = passes.last, let account = accounts.last else { return [] }
        let same = zip(passes, accounts).reversed().prefix { pass, other in
            pass.before == pass.after && pass.after == last.after && account.agrees(with: other)
                && pass.walk.lostFrames == last.walk.lostFrames && pass.headsWithoutNode == last.headsWithoutNode
        }
        return same.reversed().map(\.0)
    }

    private func elapsed(_ passes: [HugetlbPass]) -> Double { (passes.last?.at ?? 0) - (passes.first?.at ?? 0) }

    private static func haveStood(_ passes: [HugetlbPass], for seconds: Double) -> Bool {
        guard passes.count >= needed, let first = passes.first, let last = passes.last else { return false }
        return last.at - first.at >= seconds
    }

    /// The rows that kept moving, or have not stood long enough: no leak is read from them.
    var unsettled: Set<Pool> {
        guard !isClosed, !(isHeld && isSettled), let last = accounts.last else { return [] }
        let moving = last.rows.filter { row in
            let standing = zip(passes, accounts).reversed().prefix { pass, account in
                let same = account.rows.first { $0.pool == row.pool }
                return pass.before.nodes[row.pool] == pass.after.nodes[row.pool]
                    && (pass.search == nil ? same?.withoutHolders == row.withoutHolders : same == row)
            }
            let isOpenGigantic = !row.isClosed && row.pool.size.bytes >= Self.gigantic
            return !Self.haveStood(
                standing.reversed().map(\.0), for: isOpenGigantic ? Self.longPatience : Self.patience)
        }
        return Set(moving.map(\.pool))
    }

    /// The least and the most that a figure of `pool` was over all passes; nil where it was never known.
    func range(of pool: Pool, _ figure: (HugetlbBalance) -> Int64?) -> ClosedRange<Int64>? {
        let seen = accounts.flatMap(\.rows).filter { $0.pool == pool }.compactMap(figure)
        guard let least = seen.min(), let most = seen.max() else { return nil }
        return least...most
    }
}

extension Ledger {
    /// The sums over nodes are the machine-wide figures, and nr_hugetlb does not contradict them where the kernel has it.
    func closes(tolerance: UInt64) -> Bool {
        sumMismatches.isEmpty && hugetlbMismatches(tolerance: tolerance).isEmpty && isMeminfoEqual
    }

    /// How far nr_hugetlb may lag behind: each CPU keeps up to 125 base pages to itself, which a page of 2 MiB over 4 KiB
    /// exceeds at once. Unit: bytes. Source: kernel `mm/vmstat.c`, `calculate_normal_threshold`.
    func lag(nodes: [NodeObservation], base: PageSize) -> UInt64 {
        let threshold: UInt64 = 125
        let isLagging = global.contains { $0.key.count(of: base) <= threshold && $0.value.counts.nrHugepages > 0 }
        return isLagging ? base.amount(of: threshold * UInt64(nodes.reduce(0) { $0 + $1.cpus.count })).bytes : 0
    }

    /// A machine-wide counter that is not the sum of the nodes'.
    struct SumMismatch: Hashable {
        let size: PageSize
        let counter: String
        let global: UInt64
        let nodes: UInt64
    }

    var sumMismatches: [SumMismatch] {
        global.sorted { $0.key < $1.key }.flatMap { size, global in
            let parts = nodes.filter { $0.key.size == size }.values
            let counters: [(String, KeyPath<NodeHugepages, UInt64>)] = [
                ("nr_hugepages", \.nrHugepages), ("free_hugepages", \.freeHugepages),
                ("surplus_hugepages", \.surplusHugepages),
            ]
            return counters.compactMap { name, counter -> SumMismatch? in
                let sum = parts.reduce(0) { $0 &+ $1[keyPath: counter] }
                let whole = global.counts[keyPath: counter]
                return parts.isEmpty || unreadPools.contains { $0.size == size } || sum == whole
                    ? nil : SumMismatch(size: size, counter: name, global: whole, nodes: sum)
            }
        }
    }

    /// A node whose vmstat has more hugetlb memory in use than its pools. It may have less: pages that were migrated are not
    /// counted on the node to which they came, and are subtracted there when they are freed (seen on 7.2). Unit: bytes.
    struct HugetlbMismatch: Hashable {
        let node: NodeID
        let vmstat: UInt64
        let pools: UInt64
    }

    func hugetlbMismatches(tolerance: UInt64) -> [HugetlbMismatch] {
        nodeHugetlb.sorted { $0.key < $1.key }.compactMap { node, bytes in
            if unreadPools.contains(where: { $0.node == node }) { return nil }
            let used = nodes.filter { $0.key.node == node }.reduce(UInt64(0)) { sum, entry in
                let pages = entry.value.nrHugepages &- min(entry.value.freeHugepages, entry.value.nrHugepages)
                return sum &+ entry.key.size.amount(of: pages).bytes
            }
            return bytes <= used &+ tolerance ? nil : HugetlbMismatch(node: node, vmstat: bytes, pools: used)
        }
    }

    /// `Hugetlb` of meminfo is all sizes' pages; true where it cannot be told.
    var isMeminfoEqual: Bool { !isGlobalComplete || hugetlbBytes.map { $0 == hugetlbBytesOfPools } ?? true }

    var hugetlbBytesOfPools: UInt64 {
        global.reduce(0) { $0 &+ $1.key.amount(of: $1.value.counts.nrHugepages).bytes }
    }
}
