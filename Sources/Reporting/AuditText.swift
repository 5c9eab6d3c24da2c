public import Audit
import Observations
import PageModel

/// The audit for a person at a terminal: verdict, equation, processes, findings with their remedies last.
public struct AuditText {
    private let report: AuditReport
    private let paint: Paint
    /// What fits on a screen; `--format json` has the rest.
    private static let mostProcesses = 10
    private static let mostReservations = 5
    private static let longestName = 60

    /// - Parameter isColoured: with ANSI colours, for a terminal.
    public init(_ report: AuditReport, isColoured: Bool) {
        (self.report, paint) = (report, Paint(isOn: isColoured))
    }

    public var text: String {
        paragraphs([
            [report.verdict.line(paint)], equation, processes, holders, FindingText(paint).list(report.findings),
            [report.footer],
        ])
    }

    private var equation: [String] {
        let shown = Set(
            report.pools.filter { row in
                [row.counts?.nrHugepages, row.counts?.surplusHugepages, row.heads].contains { $0 ?? 0 > 0 }
            }.map(\.pool.size))
        let empty = report.totals.map(\.size).filter { !shown.contains($0) }
        let noPages = empty.isEmpty ? [] : ["No pages of \(empty.map(\.description).joined(separator: " and "))."]
        return (shown.isEmpty ? [] : [table(of: shown)]) + report.totals.filter { shown.contains($0.size) }.map(promise)
            + noPages
    }

    private func table(of sizes: Set<PageSize>) -> String {
        var table = TextTable([
            ("NODE", .right), ("SIZE", .right), ("NR", .right), ("FREE", .right), ("MAPPED", .right), ("HELD", .right),
            ("POISONED", .right), ("UNEXPLAINED", .right), ("SURPLUS", .right), ("HEADS", .right),
        ])
        for row in report.pools where sizes.contains(row.pool.size) {
            table.add([
                "\(row.pool.node)", "\(row.pool.size)", figure(row.counts?.nrHugepages),
                figure(row.counts?.freeHugepages), figure(row.mapped), figure(row.held), figure(row.poisoned),
                figure(row.unexplained), figure(row.counts?.surplusHugepages), figure(row.heads),
            ])
        }
        return table.text
    }

    /// The machine-wide counters, which no node has.
    private func promise(_ total: HugetlbTotal) -> String {
        "\(total.size): nr \(figure(total.global?.counts.nrHugepages)), "
            + "free \(figure(total.global?.counts.freeHugepages)), "
            + "reserved \(figure(total.global?.reservedHugepages)), available \(figure(total.available)), "
            + "overcommit \(figure(total.global?.nrOvercommitHugepages))"
    }

    private var processes: [String] {
        guard !report.processes.isEmpty else {
            return report.scope.processes == nil ? [] : ["No process that was asked for maps huge pages."]
        }
        var table = TextTable([("PID", .right), ("USER", .left), ("MEMORY", .right), ("WHERE", .left), ("NAME", .left)])
        for process in report.processes.prefix(Self.mostProcesses) {
            table.add([
                "\(process.pid)", process.user.escaped(limit: 16), "\(ByteCount(process.placedBytes))",
                process.placements.isEmpty
                    ? "not known" : process.placements.map(place).joined(separator: ", "),
                name(of: process),
            ])
        }
        let more = report.processes.count - Self.mostProcesses
        return [table.text] + (more > 0 ? ["and \(more) more: --format json lists all"] : [])
    }

    private func place(_ placement: Placement) -> String {
        "node \(placement.node.map { "\($0)" } ?? "?"): \(placement.pages) x \(placement.size)"
    }

    private func name(of process: HugetlbProcess) -> String {
        let name = process.name.escaped(limit: Self.longestName)
        let siblings = process.siblings.isEmpty ? "" : " (one address space with \(list(process.siblings)))"
        let owner = CgroupOwner(of: process.cgroup).description
        let place = owner.isEmpty ? process.cgroup.escaped(limit: Self.longestName) : owner
        return name + siblings + (place == "/" ? "" : " in \(place)")
    }

    private func list(_ processes: [PID]) -> String { processes.map(\.description).joined(separator: ", ") }

    private var holders: [String] {
        let groups = report.groups.sorted { $1.bytes < $0.bytes }
        let reserved = report.reservations.prefix(Self.mostReservations).map { reservation in
            let process = reservation.process.map { " of process \($0)" } ?? ""
            return "reserved and not touched: \(reservation.pages) x \(reservation.size), \(reservation.kind.rawValue) "
                + "\(reservation.name.escaped(limit: Self.longestName))\(process)"
        }
        let more = report.reservations.count - Self.mostReservations
        return HolderTable(groups: groups, search: report.search, limit: Self.mostProcesses).lines + reserved
            + (more > 0 ? ["and \(more) more reservations: --format json lists all"] : [])
    }
}
