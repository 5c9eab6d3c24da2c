import Observations
import PageModel

/// The rules that read what two audits differ in. What is found is what was not there before.
struct DifferenceFindings {
    let before: AuditReport
    let after: AuditReport
    let pools: [PoolChange]
    let holders: [HolderChange]
    let processes: [ProcessChange]
    let reservations: [ReservationChange]

    var findings: [Finding] {
        var account = NamelessAccount(pools)
        let held = groups(&account)
        return (held + unexplained(&account) + reserved + unexplainedReservations + remaining + others).enumerated()
            .sorted { ($1.element.severity, $0.offset) < ($0.element.severity, $1.offset) }.map(\.element)
    }

    private var search: HolderSearch { after.search ?? HolderSearch(depth: .files) }

    /// Pools that moved before or afterwards: a figure of them is compared with nothing.
    private var movingPools: Set<Pool> { Set(before.movingPools + after.movingPools) }

    private var movingSizes: Set<PageSize> {
        before.isSettled && after.isSettled
            ? Set(movingPools.map(\.size)) : Set((before.totals + after.totals).map(\.size))
    }

    /// Holders that are new or have grown, alike ones together.
    private func groups(_ account: inout NamelessAccount) -> [Finding] {
        let grown = holders.compactMap(\.growth).compactMap { $0.isSuspected ? account.limited($0) : $0 }
        return HolderGroup.groups(of: grown).filter { group in !movingPools.contains(where: group.isTouched) }
            .map { GroupFinding($0, search).finding }
    }

    private func unexplained(_ account: inout NamelessAccount) -> [Finding] {
        after.findings.filter { $0.id == .unexplainedPages }.compactMap { finding in
            guard let size = finding.pageSize,
                !movingPools.contains(where: { $0.size == size && $0.node == finding.node ?? $0.node })
            else { return nil }
            let known = before.unexplained(finding.node, size)
            let pages = account.take(UInt64(clamping: Int64(clamping: finding.pages ?? 0) - known), finding.node, size)
            return more(of: finding, pages: pages) { amount in
                "\(amount) more than before\(finding.node.map { " on node \($0)" } ?? "") \(inUseWithoutAName(pages))"
            }
        }
    }

    private var unexplainedReservations: [Finding] {
        after.findings.filter {
            $0.id == .reservationUnexplained && !($0.pageSize.map(movingSizes.contains) ?? false)
        }.compactMap { finding in
            let known = before.findings.first { $0.id == finding.id && $0.pageSize == finding.pageSize }?.pages ?? 0
            let pages = finding.pages ?? 0
            return more(of: finding, pages: pages - min(known, pages)) { amount in
                "\(amount.are(" more than before")) reserved by no mapping, file or mount that was seen"
            }
        }
    }

    /// The finding as it is where all of it is new, and with what is new of it where only a part is.
    private func more(of finding: Finding, pages: UInt64, _ message: (Amount) -> String) -> Finding? {
        guard pages > 0, let size = finding.pageSize else { return nil }
        guard pages != finding.pages else { return finding }
        var finding = finding
        (finding.pages, finding.message) = (pages, message(Amount(pages, size)))
        return finding
    }

    /// Reservations that stay with files which nobody uses any more.
    private var reserved: [Finding] {
        let old = Dictionary((before.search?.files ?? []).map { ($0.identity, $0) }) { first, _ in first }
        return reservations.filter { $0.left > 0 && !movingSizes.contains($0.reservation.size) }.compactMap { changed in
            let meant = Set(changed.reservation.files)
            let all = search.files.filter { meant.contains($0.identity) }
            // A file that is as it was has no more reserved than before, if another one is new or has changed.
            let new = all.filter { file in old[file.identity]?.hasSameHoles(as: file) != true }
            let files = new.isEmpty ? all : new
            guard files.contains(where: \.isUnused) else { return nil }
            return files.count == 1
                ? left(changed.left, by: files[0])
                : left(changed.left, byOneOf: files, changed.reservation)
        }
    }

    private func left(_ pages: UInt64, by file: HugetlbFile) -> Finding {
        let group = HolderGroup.groups(of: [Holder(file, pages: pages, nodes: nil)])[0]
        return Finding(
            .reservationLeft, .warning, pageSize: file.size, pages: pages,
            "\(Amount(pages, file.size).are()) reserved by \(group.subject), which no process maps or has open, and never "
                + "touched",
            evidence: GroupFinding(group, search).evidence, remedy: group.remedy(search))
    }

    /// Of files of which it cannot be told whose they are none is named in a command.
    private func left(_ pages: UInt64, byOneOf files: [HugetlbFile], _ reservation: Reservation) -> Finding {
        Finding(
            .reservationLeft, .warning, pageSize: reservation.size, pages: pages,
            "\(Amount(pages, reservation.size).are()) reserved by \(reservation.name.escaped(limit: 80)), which no process "
                + "maps, and never touched",
            evidence: files.prefix(4).map { file in
                Evidence(
                    .holders, (file.path ?? file.name).escaped,
                    "inode \(file.identity.inode), \(ByteCount(file.length)) long with \(file.pages) "
                        + "\(file.pages == 1 ? "page" : "pages")")
            },
            remedy: "Find out which of \(files.count) files it is: the pages are given back when it is removed")
    }

    /// Processes that were not there and map pages now: these are their own.
    private var remaining: [Finding] {
        processes.filter { $0.isNew && $0.change > 0 }.map { changed in
            let process = changed.process
            let name = process.name.escaped(limit: 40)
            return Finding(
                .processRemains, .note,
                "Process \(process.pid) (\(name)) maps \(ByteCount(UInt64(changed.change))) and did not before: "
                    + "they are its own and not left behind",
                evidence: [
                    Evidence(.pageTables, "/proc/\(process.pid)/pagemap", "it maps huge pages, and it runs")
                ],
                remedy: "Nothing need be done where it is meant to run on; else end it")
        }
    }

    /// All that has nothing to do with who keeps what, and why it may not be all.
    private var others: [Finding] {
        after.findings.filter { finding in
            guard !Finding.ID.leaks.contains(finding.id) else { return false }
            return Finding.ID.doubts.contains(finding.id) || !isKnown(finding)
        }
    }

    /// It was there before, about the same thing, and is no worse.
    private func isKnown(_ finding: Finding) -> Bool {
        if finding.id == .mountReservation {
            return !reservations.contains { $0.change > 0 && search.mountFinding($0.reservation) == finding }
        }
        return before.findings.contains { old in
            guard
                (old.id, old.node, old.pageSize, old.evidence.first?.path)
                    == (finding.id, finding.node, finding.pageSize, finding.evidence.first?.path)
            else { return false }
            if let then = old.pages, let now = finding.pages, now < then { return true }
            return old.pages == finding.pages && old.message == finding.message
        }
    }
}

/// How much more is in use than before that nothing with a certain name keeps. A page that had no name and is laid to a
/// suspect now, or the other way round, is not a new one.
private struct NamelessAccount {
    /// Unit: huge pages. A pool of which it is not known is missing.
    private var room: [Pool: UInt64] = [:]
    private let pools: Set<Pool>

    init(_ changes: [PoolChange]) {
        for change in changes { room[change.pool] = change.nameless.map { UInt64(clamping: $0) } }
        pools = Set(changes.map(\.pool))
    }

    /// No more than `pages`, as far as they are more than before.
    mutating func take(_ pages: UInt64, _ node: NodeID?, _ size: PageSize) -> UInt64 {
        let meant = pools.filter { $0.size == size && (node == nil || $0.node == node) }.sorted()
        guard meant.allSatisfy({ room[$0] != nil }) else { return pages }
        var taken: UInt64 = 0
        for pool in meant {
            let part = min(room[pool] ?? 0, pages - taken)
            room[pool] = (room[pool] ?? 0) - part
            taken += part
        }
        return taken
    }

    /// The suspects with what is more than before of their pages; nil where none is.
    mutating func limited(_ holder: Holder) -> Holder? {
        guard let nodes = holder.nodes else {
            let pages = take(holder.pages, nil, holder.size)
            return pages == 0 ? nil : holder.keeping(pages, on: nil)
        }
        let taken = nodes.map { place in
            Placement(node: place.node, size: place.size, pages: take(place.pages, place.node, place.size))
        }.filter { $0.pages > 0 }
        return taken.isEmpty ? nil : holder.keeping(taken.total, on: taken)
    }
}

extension HugetlbFile {
    /// Nobody has it open, maps it or is attached to it.
    fileprivate var isUnused: Bool { descriptors == 0 && !isMapped }

    /// Nobody has made room for more pages in it.
    fileprivate func hasSameHoles(as other: HugetlbFile) -> Bool {
        (length, pages, covered) == (other.length, other.pages, other.covered)
    }
}

extension AuditReport {
    /// What was unexplained of a pool, or of a size on all nodes together; 0 where it is not known, as below zero.
    fileprivate func unexplained(_ node: NodeID?, _ size: PageSize) -> Int64 {
        let pages =
            node == nil
            ? totals.first { $0.size == size }?.unexplained
            : pools.first { $0.pool.node == node && $0.pool.size == size }?.unexplained
        return max(0, pages ?? 0)
    }
}
