public import Observations
public import PageModel

/// The answer to "where did my huge pages go, on which node, and is anything wrong": a pure function of what was seen.
public struct AuditReport: Hashable, Sendable {
    public let scope: Scope
    public let host: HostObservation
    /// Unit: seconds since 1970, UTC.
    public let takenAt: Double
    public let durationSeconds: Double
    public let passes: Int
    /// False where figures kept moving; findings then say which.
    public let isSettled: Bool
    /// What could not be read; empty for a full view.
    public let unread: [Unread]
    public let walk: HugetlbWalk
    /// Words of `/proc/kpageflags` read by the last pass, and how long that took; nil without a census.
    public let wordsRead: UInt64?
    public let censusSeconds: Double?
    public let nodes: [NodeObservation]
    /// The equation, a row for each node and size, ascending.
    public let pools: [HugetlbBalance]
    /// A row for each size, ascending.
    public let totals: [HugetlbTotal]
    /// Those that map huge pages, the largest first.
    public let processes: [HugetlbProcess]
    /// What keeps pages that nobody maps, the largest first. Empty where nobody had to look.
    public let holders: [Holder]
    /// The same, put together where one says as much as all, the oldest first.
    public let groups: [HolderGroup]
    /// Who has reserved pages and not touched them, the largest first.
    public let reservations: [Reservation]
    /// How the search for them went; nil where none was needed.
    public let search: HolderSearch?
    /// The most severe first.
    public let findings: [Finding]
    public let verdict: Verdict

    /// - Parameter failOn: from which severity on a finding makes the verdict one of findings.
    public init(judging observation: MachineObservation, scope: Scope = Scope(), failOn: Severity = .warning) {
        let settling = Settling(observation.passes, nodes: observation.nodes, host: observation.host)
        let last = observation.passes.last
        let account = settling.accounts.last
        let unseen = last?.search.flatMap { account?.isExplained == false ? $0.refusals : nil }
        let allUnread = (observation.unread + (last?.unread ?? []) + (unseen.map { [$0] } ?? [])).enumerated()
            .sorted { ($0.element.subject, $0.offset) < ($1.element.subject, $1.offset) }.map(\.element)
        let rows = account?.rows ?? []
        let moving = settling.unsettled
        let sawAll = !allUnread.contains { $0.subject == .pageTables }
        var found = WitnessFindings(observation: observation, settling: settling, unread: allUnread).findings
        let unplaced = last?.headsWithoutNode ?? [:]
        found += rows.filter { !moving.contains($0.pool) && unplaced[$0.pool.size] == nil }.flatMap {
            HugetlbRowFindings(
                balance: $0, search: last?.search, sawAllPageTables: sawAll,
                refusedSharers: last?.walk.refusedSharers ?? 0
            ).findings
        }
        holders = (account?.held?.holders ?? []).compactMap(scope.limited)
        groups = HolderGroup.groups(of: holders)
        reservations = (account?.reservations?.reservations ?? []).filter { scope.includes(size: $0.size) }
        search = last?.search
        if let ledger = last?.after {
            let sizes = settling.isSettled ? Set(moving.map(\.size)) : Set(ledger.global.keys)
            if let search, let account = account?.reservations {
                let still = groups.filter { group in !moving.contains(where: group.isTouched) }
                found +=
                    HolderFindings(
                        groups: still, reservations: account, unlocated: settling.accounts.last?.held?.unlocated ?? [:],
                        search: search, movingSizes: sizes, global: ledger.global
                    ).findings
            }
            found +=
                LedgerFindings(
                    ledger: ledger, nodes: observation.nodes, base: observation.host.basePageSize,
                    pinned: rows.reduce(into: [:]) { $0[$1.pool.size, default: 0] &+= $1.keptByKernel },
                    movingSizes: sizes
                ).findings
            found +=
                PoolRequestFindings(
                    requests: observation.requests, ledger: ledger, nodes: observation.nodes,
                    freeBlocks: observation.freeBlocks, movingSizes: sizes
                ).findings
        }
        found += CgroupFindings(observation.cgroups).findings

        host = observation.host
        (takenAt, durationSeconds) = (observation.takenAt, observation.durationSeconds)
        (passes, isSettled, unread) = (observation.passes.count, settling.isSettled, allUnread)
        (walk, wordsRead) = (last?.walk ?? HugetlbWalk(), last?.census?.wordsRead)
        censusSeconds = last?.census?.durationSeconds
        nodes = observation.nodes
        pools = rows.filter(scope.includes)
        let global = last?.after.global ?? [:]
        let unreadPools = last?.after.unreadPools ?? []
        totals = global.keys.filter { scope.includes(size: $0) }.sorted().map { size in
            HugetlbTotal(
                size, global: global[size], rows: rows.filter { $0.pool.size == size }, account: account,
                isComplete: !unreadPools.contains { $0.size == size })
        }
        processes = walk.processes.compactMap(scope.limited)
            .sorted { ($1.placedBytes, $0.pid) < ($0.placedBytes, $1.pid) }
        findings = found.filter(scope.includes).enumerated()
            .sorted { ($1.element.severity, $0.offset) < ($0.element.severity, $1.offset) }.map(\.element)
        self.scope = scope
        verdict = Verdict(findings: findings, unread: unread, pools: pools, failOn: failOn)
    }
}

extension AuditReport {
    /// Pools that kept moving: no leak is read from them.
    var movingPools: [Pool] {
        findings.filter { $0.id == .unsettled }.compactMap { finding in
            guard let node = finding.node, let size = finding.pageSize else { return nil }
            return Pool(node: node, size: size)
        }
    }
}

extension HugetlbProcess {
    /// What the process maps, as far as it was placed; by its status where it was not. Unit: bytes.
    public var placedBytes: UInt64 {
        placements.isEmpty
            ? UInt64(clamping: hugetlbBytes) : placements.reduce(0) { $0 &+ $1.size.amount(of: $1.pages).bytes }
    }
}

/// One size on the whole machine. Unit: pages of that size; nil where it could not be had.
public struct HugetlbTotal: Hashable, Sendable {
    public let size: PageSize
    public let global: GlobalHugepages?
    public let mapped: UInt64?
    public let held: UInt64?
    public let poisoned: UInt64?
    public let unexplained: Int64?

    /// What a new mapping can still be promised: free less reserved, where the kernel's count of these is too small by
    /// what is known to have reserved some. Nil where it fell below zero and nothing tells how far.
    public let available: UInt64?

    /// - Parameter isComplete: every node's counters of this size could be read.
    init(
        _ size: PageSize, global: GlobalHugepages?, rows: [HugetlbBalance], account: PassAccount?, isComplete: Bool
    ) {
        func sum<Number: FixedWidthInteger>(_ part: (HugetlbBalance) -> Number?) -> Number? {
            let known = rows.compactMap(part)
            return known.isEmpty ? nil : known.reduce(0, &+)
        }
        (self.size, self.global) = (size, global)
        mapped = sum(\.mapped)
        poisoned = sum(\.poisoned)
        // Where it cannot be told on which node something is held, the sum can still be.
        let isSpread = rows.contains { $0.heads != nil && $0.held == nil }
        let unlocated = account?.held?.unlocated[size] ?? 0
        let unmapped = sum { $0.withoutHolders.unexplained }
        held = isSpread ? unmapped.map { UInt64(clamping: $0 - Int64(clamping: unlocated)) } : sum(\.held)
        let unexplained = isSpread ? Int64(clamping: unlocated) : sum(\.unexplained)
        self.unexplained = isComplete ? unexplained : nil
        let counted = global?.reservedHugepages
        let pinned = rows.reduce(0) { $0 &+ $1.keptByKernel }
        let promised = counted.flatMap { counted in
            account?.reservations.map { $0.promised(size, counted: counted, pinned: pinned) }
                ?? UInt64(exactly: counted)
        }
        available = promised.flatMap { promised in
            global.map { $0.counts.freeHugepages - min(promised, $0.counts.freeHugepages) }
        }
    }
}
