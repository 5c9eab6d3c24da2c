public import Observations
import PageModel

/// Decides which figures can be believed: a balance that is closed between equal counters at once, any other when it has
/// stood for a while. Equal counters alone prove nothing on the newest kernels, and a page that is being zeroed for its
/// first user is neither free nor mapped: of 1 GiB that takes seconds.
public struct Settling: Sendable {
    /// Passes in a row that must agree before a shortfall is believed, and over how many seconds.
    static let needed = 3
    static let patience = 1.0
    /// The same for pages of at least `gigantic` bytes.
    static let longPatience = 5.0
    static let gigantic: UInt64 = 512 << 20
    /// When it is said that things keep moving: after so many passes, over longer than `patience`, so that what stands still
    /// beside them has been seen to.
    static let most = 10
    static let longest = 1.2

    /// The rows of each pass, in the order taken.
    let balances: [[HugetlbBalance]]
    private let passes: [HugetlbPass]
    private let tolerance: UInt64

    public init(_ passes: [HugetlbPass], nodes: [NodeObservation], host: HostObservation) {
        self.passes = passes
        balances = passes.map { $0.balances(of: nodes.map(\.id)) }
        tolerance = passes.last?.after.lag(nodes: nodes, base: host.basePageSize) ?? 0
    }

    /// How long to wait for another pass, in seconds; nil where none would change what can be said.
    public var next: Double? {
        if isSettled { return nil }
        guard agreeing.count > 1 else {
            let elapsed = (passes.last?.at ?? 0) - (passes.first?.at ?? 0)
            return passes.count >= Self.most && elapsed >= Self.longest ? nil : passes.count < 3 ? 0.02 : 0.1
        }
        return 0.2
    }

    /// Nothing was still moving at the end.
    var isSettled: Bool { isClosed || (unsettled.isEmpty && Self.haveStood(agreeing, for: Self.patience)) }

    /// The last pass alone shows that every page is accounted for.
    private var isClosed: Bool {
        guard let pass = passes.last, let rows = balances.last else { return false }
        return pass.before == pass.after && pass.walk.lostFrames == 0 && pass.walk.disagreements.isEmpty
            && pass.census?.strayTails ?? 0 == 0 && pass.headsWithoutNode.isEmpty
            && pass.after.closes(tolerance: tolerance) && rows.allSatisfy(\.isClosed)
    }

    /// The last passes that agree in everything.
    private var agreeing: [HugetlbPass] {
        guard let last = passes.last, let rows = balances.last else { return [] }
        let same = zip(passes, balances).reversed().prefix { pass, balance in
            pass.before == pass.after && pass.after == last.after && balance == rows
                && pass.walk.lostFrames == last.walk.lostFrames && pass.headsWithoutNode == last.headsWithoutNode
        }
        return same.reversed().map(\.0)
    }

    private static func haveStood(_ passes: [HugetlbPass], for seconds: Double) -> Bool {
        guard passes.count >= needed, let first = passes.first, let last = passes.last else { return false }
        return last.at - first.at >= seconds
    }

    /// The rows that kept moving, or have not stood long enough: no leak is read from them.
    var unsettled: Set<Pool> {
        guard !isClosed, let last = balances.last else { return [] }
        let moving = last.filter { row in
            let standing = zip(passes, balances).reversed().prefix { pass, rows in
                pass.before.nodes[row.pool] == pass.after.nodes[row.pool] && rows.contains(row)
            }
            let isOpenGigantic = !row.isClosed && row.pool.size.bytes >= Self.gigantic
            return !Self.haveStood(
                standing.reversed().map(\.0), for: isOpenGigantic ? Self.longPatience : Self.patience)
        }
        return Set(moving.map(\.pool))
    }

    /// The least and the most that a figure of `pool` was over all passes; nil where it was never known.
    func range(of pool: Pool, _ figure: (HugetlbBalance) -> Int64?) -> ClosedRange<Int64>? {
        let seen = balances.joined().filter { $0.pool == pool }.compactMap(figure)
        guard let least = seen.min(), let most = seen.max() else { return nil }
        return least...most
    }
}

extension Ledger {
    /// The sums over nodes are the machine-wide figures, and nr_hugetlb agrees where the kernel has it.
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

    /// A node whose vmstat and whose pools disagree on the memory in use. Unit: bytes.
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
            let isEqual = (used > bytes ? used - bytes : bytes - used) <= tolerance
            return isEqual ? nil : HugetlbMismatch(node: node, vmstat: bytes, pools: used)
        }
    }

    /// `Hugetlb` of meminfo is all sizes' pages; true where it cannot be told.
    var isMeminfoEqual: Bool { !isGlobalComplete || hugetlbBytes.map { $0 == hugetlbBytesOfPools } ?? true }

    var hugetlbBytesOfPools: UInt64 {
        global.reduce(0) { $0 &+ $1.key.amount(of: $1.value.counts.nrHugepages).bytes }
    }
}
