public import Observations
import PageModel

/// Decides which figures can be believed: a balance that is closed between equal counters at once, any other when
/// it has stood over several passes. Equal counters alone prove nothing on the newest kernels.
public struct Settling: Sendable {
    /// Passes in a row that must agree before a shortfall is believed.
    static let needed = 3

    /// The rows of each pass, in the order taken.
    let balances: [[HugetlbBalance]]
    private let passes: [HugetlbPass]

    public init(_ passes: [HugetlbPass], nodes: [NodeObservation], host: HostObservation) {
        let release = KernelRelease(parsing: host.release)
        self.passes = passes
        balances = passes.map { $0.balances(of: nodes.map(\.id), on: release) }
    }

    /// No further pass would change what can be said.
    public var isEnough: Bool { isClosed || (passes.count >= Self.needed && unsettled.isEmpty && isQuiet) }

    /// The last pass alone shows that every page is accounted for.
    private var isClosed: Bool {
        guard let pass = passes.last, let rows = balances.last else { return false }
        return pass.before == pass.after && pass.walk.lostFrames == 0 && pass.walk.disagreements.isEmpty
            && pass.census?.strayTails ?? 0 == 0 && pass.headsWithoutNode.isEmpty
            && pass.after.closes && rows.allSatisfy(\.isClosed)
    }

    /// The machine-wide figures and what is no pool's own stood over the last passes.
    private var isQuiet: Bool {
        let recent = passes.suffix(Self.needed)
        return recent.allSatisfy { pass in
            pass.before == pass.after && pass.after == recent.last?.after
                && pass.walk.lostFrames == recent.last?.walk.lostFrames
                && pass.headsWithoutNode == recent.last?.headsWithoutNode
        }
    }

    /// Whether nothing was still moving at the end.
    var isSettled: Bool { isEnough }

    /// The rows that kept moving: no leak is read from them.
    var unsettled: Set<Pool> {
        if isClosed { return [] }
        let recent = passes.indices.suffix(Self.needed)
        guard recent.count == Self.needed, let last = balances.last else {
            return Set(balances.last?.map(\.pool) ?? [])
        }
        let standing = last.filter { row in
            recent.allSatisfy { index in
                passes[index].before.nodes[row.pool] == passes[index].after.nodes[row.pool]
                    && balances[index].contains(row)
            }
        }
        return Set(last.map(\.pool)).subtracting(standing.map(\.pool))
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
    var closes: Bool { sumMismatches.isEmpty && hugetlbMismatches.isEmpty && isMeminfoEqual }

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
                return parts.isEmpty || sum == whole
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

    var hugetlbMismatches: [HugetlbMismatch] {
        nodeHugetlb.sorted { $0.key < $1.key }.compactMap { node, bytes in
            let used = nodes.filter { $0.key.node == node }.reduce(UInt64(0)) { sum, entry in
                let pages = entry.value.nrHugepages &- min(entry.value.freeHugepages, entry.value.nrHugepages)
                return sum &+ entry.key.size.amount(of: pages).bytes
            }
            return used == bytes ? nil : HugetlbMismatch(node: node, vmstat: bytes, pools: used)
        }
    }

    /// `Hugetlb` of meminfo is all sizes' pages; true where the line is missing.
    var isMeminfoEqual: Bool { hugetlbBytes.map { $0 == hugetlbBytesOfPools } ?? true }

    var hugetlbBytesOfPools: UInt64 {
        global.reduce(0) { $0 &+ $1.key.amount(of: $1.value.counts.nrHugepages).bytes }
    }
}
