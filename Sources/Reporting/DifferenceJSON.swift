public import Audit
import Observations
import PageModel

/// What two audits differ in, for programs: the schema `hugeaudit.diff/1`. Changes are signed, counts are pages of the
/// row's `pageSize`, what could not be had is null. `Schema/hugeaudit.diff-1.schema.json` describes it.
public struct DifferenceJSON {
    private let document: DifferenceDocument

    /// - Parameter version: the tool's.
    public init(_ difference: AuditDifference, version: String) {
        document = DifferenceDocument(difference, version: version)
    }

    /// Ends with a newline. Keys are sorted, so that the same difference gives the same bytes.
    public var text: String { get throws { try document.json } }
}

private struct DifferenceDocument: Encodable {
    let schema = "hugeaudit.diff/1"
    let tool: AuditDocument.Tool
    let host: AuditDocument.Host
    let command: OrNull<Command>
    let before: Side
    let after: Side
    let pools: [Row]
    let totals: [Total]
    let holders: [Changed<HolderRow>]
    let processes: [Changed<AuditDocument.Process>]
    let reservations: [Changed<ReservationRow>]
    let verdict: AuditDocument.Verdict
    let findings: [AuditDocument.Finding]

    init(_ difference: AuditDifference, version: String) {
        let (old, new) = (difference.before, difference.after)
        tool = AuditDocument.Tool(version: version)
        host = AuditDocument.Host(new.host)
        command = OrNull(difference.run.map(Command.init))
        (before, after) = (Side(old), Side(new))
        pools = difference.pools.map(Row.init)
        totals = new.totals.map { Total($0, old, difference.run?.usage) }
        holders = difference.holders.map { changed in
            let search = changed.holder.pages == 0 ? old.search : new.search
            return Changed(row: HolderRow(changed.holder, search: search), change: changed.change)
        }
        processes = difference.processes.map {
            Changed(row: AuditDocument.Process($0.process), change: $0.change)
        }
        reservations = difference.reservations.map {
            Changed(row: ReservationRow($0.reservation), change: $0.change)
        }
        verdict = AuditDocument.Verdict(difference.verdict)
        findings = difference.findings.map(AuditDocument.Finding.init)
    }

    struct Command: Encodable {
        let arguments: [String]
        /// As a shell tells it: 128 and the signal's number for one that was killed.
        let status: Int32
        let signal: OrNull<Int32>
        let durationSeconds: Double
        /// How often it was looked what is in use.
        let samples: UInt64
        init(_ run: CommandRun) {
            (arguments, status, signal) = (run.arguments.map(\.repaired), run.status, OrNull(run.signal))
            durationSeconds = AuditDocument.Taken.microseconds(run.durationSeconds)
            samples = run.usage.looks
        }
    }

    /// One of the two audits.
    struct Side: Encodable {
        let at: OrNull<String>
        let durationSeconds: Double
        let settled: Bool
        let view: String
        let unread: [AuditDocument.Unread]
        let verdict: AuditDocument.Verdict
        init(_ report: AuditReport) {
            at = OrNull(timestamp(report.takenAt))
            durationSeconds = AuditDocument.Taken.microseconds(report.durationSeconds)
            (settled, view) = (report.isSettled, report.unread.isEmpty ? "full" : "partial")
            unread = report.unread.map(AuditDocument.Unread.init)
            verdict = AuditDocument.Verdict(report.verdict)
        }
    }

    struct Row: Encodable {
        let node: Int
        let pageSize: UInt64
        let nr: OrNull<Int64>
        let free: OrNull<Int64>
        let mapped: OrNull<Int64>
        let held: OrNull<Int64>
        let poisoned: OrNull<Int64>
        let unexplained: OrNull<Int64>
        let usedBefore: OrNull<UInt64>
        let peak: OrNull<UInt64>
        let atExit: OrNull<UInt64>
        let usedAfter: OrNull<UInt64>
        init(_ row: PoolChange) {
            (node, pageSize) = (row.pool.node.rawValue, row.pool.size.bytes)
            (nr, free, mapped) = (OrNull(row.nr), OrNull(row.free), OrNull(row.mapped))
            (held, poisoned, unexplained) = (OrNull(row.held), OrNull(row.poisoned), OrNull(row.unexplained))
            (usedBefore, peak) = (OrNull(row.usedBefore), OrNull(row.peak))
            (atExit, usedAfter) = (OrNull(row.atExit), OrNull(row.usedAfter))
        }
    }

    /// One size on all nodes together.
    struct Total: Encodable {
        let pageSize: UInt64
        let reserved: OrNull<Int64>
        let peak: OrNull<UInt64>
        let atExit: OrNull<UInt64>
        init(_ total: HugetlbTotal, _ before: AuditReport, _ usage: PoolUsage?) {
            let old = before.totals.first { $0.size == total.size }?.global?.reservedHugepages
            pageSize = total.size.bytes
            reserved = OrNull(old.flatMap { old in total.global.map { $0.reservedHugepages &- old } })
            (peak, atExit) = (OrNull(usage?.peakOfSize[total.size]), OrNull(usage?.atEnd(of: total.size)))
        }
    }

    /// A row as in other documents, with what changed.
    struct Changed<Row: Encodable>: Encodable {
        let row: Row
        let change: Int64
        private enum Key: CodingKey {
            case change
        }
        func encode(to encoder: any Encoder) throws {
            try row.encode(to: encoder)
            var container = encoder.container(keyedBy: Key.self)
            try container.encode(change, forKey: .change)
        }
    }
}
