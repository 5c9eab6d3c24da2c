public import Audit
import FoundationEssentials
import Observations
import PageModel

/// The audit for a person at a terminal: verdict, equation, processes, findings with their remedies last.
public struct AuditText {
    private let report: AuditReport
    private let paint: Paint
    /// What fits on a screen; `--format json` has the rest.
    private static let mostProcesses = 10
    private static let mostFindings = 12
    private static let mostReservations = 5
    /// With evidence and remedy; the others have one line each.
    private static let mostInFull = 3
    private static let mostEvidence = 4
    private static let longestName = 60

    /// - Parameter isColoured: with ANSI colours, for a terminal.
    public init(_ report: AuditReport, isColoured: Bool) {
        (self.report, paint) = (report, Paint(isOn: isColoured))
    }

    public var text: String {
        [[verdict], equation, processes, holders, findings, [footer]].filter { !$0.isEmpty }
            .map { $0.joined(separator: "\n") }.joined(separator: "\n\n") + "\n"
    }

    private var verdict: String {
        let word = report.verdict.level.rawValue.uppercased()
        let colour: Paint.Colour =
            switch report.verdict.level {
            case .clean: .green
            case .findings: .red
            case .partial: .yellow
            }
        return "\(paint(word, colour)): \(report.verdict.summary)."
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

    private func figure(_ number: (some FixedWidthInteger)?) -> String { number.map { "\($0)" } ?? "-" }

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

    private var findings: [String] {
        let more = report.findings.count - Self.mostFindings
        return report.findings.prefix(Self.mostInFull).map(block)
            + report.findings.prefix(Self.mostFindings).dropFirst(Self.mostInFull).map(head)
            + (more > 0 ? ["and \(more) more findings: --format json lists all"] : [])
    }

    private func head(_ finding: Finding) -> String {
        let colour: Paint.Colour =
            switch finding.severity {
            case .note: .plain
            case .warning: .yellow
            case .error: .red
            }
        return "\(paint(finding.severity.rawValue, colour)) \(finding.id.rawValue): \(finding.message)"
    }

    private func block(_ finding: Finding) -> String {
        let proof = finding.evidence.prefix(Self.mostEvidence).map { "  \($0.path): \($0.says)" }
        let rest = finding.evidence.count - Self.mostEvidence
        let remedy = finding.remedy.isEmpty ? [] : ["  To mend: \(finding.remedy)"]
        return ([head(finding)] + proof + (rest > 0 ? ["  and \(rest) more"] : []) + remedy).joined(separator: "\n")
    }

    private var footer: String {
        let taken = Date(timeIntervalSince1970: report.takenAt).ISO8601Format()
        let walk = report.walk
        var parts = [
            "\(report.host.name.escaped(limit: 40)), Linux \(report.host.release.escaped(limit: 40)), \(taken)",
            report.passes == 1 ? "1 pass" : "\(report.passes) passes", "\(walk.processesSeen) processes",
        ]
        if walk.vanished > 0 { parts.append("\(walk.vanished) ended meanwhile") }
        if walk.refusedSharers > 0 {
            parts.append("\(walk.refusedSharers) would not say whether they share page tables")
        }
        if let search = report.search {
            parts.append("\(search.descriptors) descriptors, \(search.mountNamespaces) mount namespaces")
        }
        if !report.isSettled { parts.append("not settled") }
        return parts.joined(separator: ", ")
    }
}

/// ANSI colours, or none.
struct Paint {
    enum Colour: String {
        case plain = ""
        case red = "31"
        case green = "32"
        case yellow = "33"
    }
    let isOn: Bool
    func callAsFunction(_ text: String, _ colour: Colour) -> String {
        isOn && colour != .plain ? "\u{1b}[1;\(colour.rawValue)m\(text)\u{1b}[0m" : text
    }
}
