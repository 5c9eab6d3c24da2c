public import Audit
import Observations
import PageModel

/// What two audits differ in, for a person at a terminal: one line where nothing was left behind, and else the pools, who
/// keeps more or less than before, and the findings with their remedies last.
public struct DifferenceText {
    private let difference: AuditDifference
    private let paint: Paint
    /// What fits on a screen; `--format json` has the rest.
    private static let most = 10
    private static let longestName = 60

    /// - Parameter isColoured: with ANSI colours, for a terminal.
    public init(_ difference: AuditDifference, isColoured: Bool) {
        (self.difference, paint) = (difference, Paint(isOn: isColoured))
    }

    public var text: String {
        let verdict = difference.verdict.line(paint)
        let findings = FindingText(paint)
        guard difference.verdict.level != .clean else {
            return ([verdict] + difference.findings.prefix(Self.most).map(findings.head)).joined(separator: "\n") + "\n"
        }
        return paragraphs([
            [verdict], pools, holders + processes + reservations, findings.list(difference.findings), [footer],
        ])
    }

    private var pools: [String] {
        let shown = difference.pools.filter { row in
            [row.usedBefore, row.usedAfter, row.peak].contains { $0 ?? 0 > 0 } || row.nr ?? 0 != 0
        }
        guard !shown.isEmpty else { return [] }
        var table = TextTable([
            ("NODE", .right), ("SIZE", .right), ("BEFORE", .right), ("PEAK", .right), ("AT END", .right),
            ("AFTER", .right), ("NR", .right), ("FREE", .right), ("MAPPED", .right), ("HELD", .right),
            ("POISONED", .right), ("UNEXPLAINED", .right),
        ])
        for row in shown {
            table.add(
                ["\(row.pool.node)", "\(row.pool.size)"]
                    + [row.usedBefore, row.peak, row.atExit, row.usedAfter].map(figure)
                    + [row.nr, row.free, row.mapped, row.held, row.poisoned, row.unexplained].map(signed))
        }
        let looks = difference.run.map { " (samples: \($0.usage.looks))" } ?? ""
        return [table.text, "In use before, at the peak\(looks), when it ended and afterwards; then what changed."]
    }

    /// `+8`, `-3`, `0`
    private func signed(_ number: Int64?) -> String { number.map { $0 > 0 ? "+\($0)" : "\($0)" } ?? "-" }

    private var holders: [String] {
        limited(difference.holders, "holders") { changed in
            let holder = changed.holder
            let owners = holder.processes.prefix(3).map(\.description).joined(separator: ", ")
            return "\(signed(changed.change)) x \(holder.size)\(place(changed)): held by \(holder.kind.rawValue) "
                + holder.name.escaped(limit: Self.longestName) + (owners.isEmpty ? "" : " of process \(owners)")
        }
    }

    /// Where it has grown; where it has shrunk, its nodes are those of what it keeps.
    private func place(_ changed: HolderChange) -> String {
        guard let nodes = changed.growth?.nodes, !nodes.isEmpty else { return "" }
        return " on node " + nodes.map { $0.node.map(\.description) ?? "?" }.joined(separator: ", ")
    }

    private var processes: [String] {
        limited(difference.processes, "processes") { changed in
            let process = changed.process
            let sign = changed.change < 0 ? "-" : "+"
            return "\(sign)\(ByteCount(changed.change.magnitude)): mapped by process \(process.pid) "
                + process.name.escaped(limit: Self.longestName)
        }
    }

    private var reservations: [String] {
        limited(difference.reservations, "reservations") { changed in
            let reservation = changed.reservation
            let process = reservation.process.map { " of process \($0)" } ?? ""
            return "\(signed(changed.change)) x \(reservation.size): reserved and not touched, "
                + "\(reservation.kind.rawValue) \(reservation.name.escaped(limit: Self.longestName))\(process)"
        }
    }

    private func limited<Row>(_ rows: [Row], _ what: String, _ line: (Row) -> String) -> [String] {
        let more = rows.count - Self.most
        return rows.prefix(Self.most).map(line)
            + (more > 0 ? ["and \(more) more \(what): --format json lists all"] : [])
    }

    private var footer: String {
        guard let run = difference.run else { return difference.after.footer }
        let ending = run.signal.map { "killed by signal \($0)" } ?? "exit status \(run.status)"
        let seconds = (run.durationSeconds * 100).rounded() / 100
        return "\(run.shown): \(ending), \(seconds) s\n\(difference.after.footer)"
    }
}
