public import Audit
import Observations
import PageModel

/// What is lost, for programs: the schema `hugeaudit.leaks/1`. Sizes are bytes, counts are pages of the row's `pageSize`,
/// what could not be had is null. `Schema/hugeaudit.leaks-1.schema.json` describes it.
public struct LeaksJSON {
    private let document: LeaksDocument

    /// - Parameter version: the tool's.
    public init(_ report: LeakReport, version: String) { document = LeaksDocument(report, version: version) }

    /// Ends with a newline. Keys are sorted, so that the same report gives the same bytes.
    public var text: String { get throws { try document.json } }
}

private struct LeaksDocument: Encodable {
    let schema = "hugeaudit.leaks/1"
    let tool: AuditDocument.Tool
    let host: AuditDocument.Host
    let taken: AuditDocument.Taken
    let unread: [AuditDocument.Unread]
    let verdict: AuditDocument.Verdict
    let groups: [Group]
    let unexplained: [Nameless]
    let findings: [AuditDocument.Finding]

    init(_ report: LeakReport, version: String) {
        tool = AuditDocument.Tool(version: version)
        host = AuditDocument.Host(report.audit.host)
        taken = AuditDocument.Taken(report.audit)
        unread = report.audit.unread.map(AuditDocument.Unread.init)
        verdict = AuditDocument.Verdict(report.verdict)
        groups = report.leaks.map(Group.init)
        unexplained = report.unexplained.map(Nameless.init)
        findings = report.findings.map(AuditDocument.Finding.init)
    }

    struct Group: Encodable {
        let kind: String
        let name: String
        /// How many holders it puts together.
        let count: Int
        let pageSize: UInt64
        let pages: UInt64
        let bytes: UInt64
        let nodes: OrNull<[HolderRow.Place]>
        let pids: [Int32]
        /// Of the oldest holder.
        let since: OrNull<String>
        let finding: String
        let severity: String
        let remedy: String
        init(_ leak: LeakReport.Leak) {
            let group = leak.group
            (kind, name, count) = (group.kind.rawValue, group.name.repaired, group.holders.count)
            (pageSize, pages, bytes) = (group.size.bytes, group.pages, group.bytes)
            nodes = OrNull(group.nodes.map(HolderRow.Place.places))
            (pids, since) = (group.processes.map(\.rawValue), OrNull(group.since.flatMap(timestamp)))
            (finding, severity, remedy) = (group.finding.rawValue, leak.severity.rawValue, leak.remedy)
        }
    }

    struct Nameless: Encodable {
        let node: OrNull<Int>
        let pageSize: UInt64
        let pages: UInt64
        init(_ nameless: LeakReport.Nameless) {
            (node, pageSize) = (OrNull(nameless.node?.rawValue), nameless.size.bytes)
            pages = nameless.pages
        }
    }
}
