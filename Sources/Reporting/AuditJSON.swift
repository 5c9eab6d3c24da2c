public import Audit
import FoundationEssentials
import Observations
import PageModel

/// The audit for programs: the schema `hugeaudit.report/1`. Sizes are bytes, counts are pages of the row's `pageSize`,
/// what could not be had is null. `Schema/hugeaudit.report-1.schema.json` describes it.
public struct AuditJSON {
    private let document: AuditDocument

    /// - Parameter version: the tool's.
    public init(_ report: AuditReport, version: String) { document = AuditDocument(report, version: version) }

    /// Ends with a newline. Keys are sorted, so that the same report gives the same bytes.
    public var text: String { get throws { try document.json } }
}

extension Encodable {
    /// As a document: ends with a newline, keys are sorted.
    var json: String {
        get throws {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            return String(decoding: try encoder.encode(self), as: UTF8.self) + "\n"
        }
    }
}

/// Written as null where there is nothing, where `Optional` would leave the key out.
struct OrNull<Value: Encodable>: Encodable {
    let value: Value?
    init(_ value: Value?) { self.value = value }
    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        if let value { try container.encode(value) } else { try container.encodeNil() }
    }
}

/// The document; others have parts of it, too.
struct AuditDocument: Encodable {
    let schema = "hugeaudit.report/1"
    let tool: Tool
    let host: Host
    let taken: Taken
    let unread: [Unread]
    let verdict: Verdict
    let nodes: [Node]
    let pools: [Row]
    let totals: [Total]
    let processes: [Process]
    let holders: [HolderRow]
    let reservations: [ReservationRow]
    let findings: [Finding]

    init(_ report: AuditReport, version: String) {
        tool = Tool(version: version)
        host = Host(report.host)
        taken = Taken(report)
        unread = report.unread.map(Unread.init)
        verdict = Verdict(report.verdict)
        nodes = report.nodes.map(Node.init)
        pools = report.pools.map(Row.init)
        totals = report.totals.map(Total.init)
        processes = report.processes.map(Process.init)
        holders = report.holders.map { HolderRow($0, search: report.search) }
        reservations = report.reservations.map(ReservationRow.init)
        findings = report.findings.map(Finding.init)
    }

    struct Tool: Encodable { let version: String }

    struct Host: Encodable {
        let name: String
        let kernel: String
        let basePageSize: UInt64
        init(_ host: HostObservation) {
            (name, kernel, basePageSize) = (host.name.repaired, host.release.repaired, host.basePageSize.bytes)
        }
    }

    struct Taken: Encodable {
        let at: OrNull<String>
        let durationSeconds: Double
        let passes: Int
        let settled: Bool
        let view: String
        let processes: UInt64
        let vanished: UInt64
        let refusedSharers: UInt64
        let comparedWithLibnuma: UInt64
        /// How far a search for holders went; null where none was needed.
        let search: OrNull<Search>
        let frameWordsRead: OrNull<UInt64>
        let censusSeconds: OrNull<Double>
        init(_ report: AuditReport) {
            at = OrNull(timestamp(report.takenAt))
            durationSeconds = Self.microseconds(report.durationSeconds)
            (passes, settled) = (report.passes, report.isSettled)
            view = report.unread.isEmpty ? "full" : "partial"
            (processes, vanished) = (report.walk.processesSeen, report.walk.vanished)
            (refusedSharers, comparedWithLibnuma) = (report.walk.refusedSharers, report.walk.pagesCompared)
            search = OrNull(report.search.map(Search.init))
            frameWordsRead = OrNull(report.wordsRead)
            censusSeconds = OrNull(report.censusSeconds.map(Self.microseconds))
        }

        /// No more digits than the clock is worth.
        static func microseconds(_ seconds: Double) -> Double { (seconds * 1e6).rounded() / 1e6 }
    }

    struct Search: Encodable {
        let mountNamespaces: UInt64
        let ipcNamespaces: UInt64
        let descriptors: UInt64
        let refused: UInt64
        init(_ search: HolderSearch) {
            (mountNamespaces, ipcNamespaces) = (search.mountNamespaces, search.ipcNamespaces)
            (descriptors, refused) = (search.descriptors, search.refused)
        }
    }

    struct Unread: Encodable {
        let what: String
        let path: String
        let reason: String
        let remedy: String
        init(_ unread: Observations.Unread) {
            (what, path) = (unread.what, unread.path.repaired)
            (reason, remedy) = (unread.reason, unread.remedy)
        }
    }

    struct Verdict: Encodable {
        let level: String
        let summary: String
        init(_ verdict: Audit.Verdict) { (level, summary) = (verdict.level.rawValue, verdict.summary) }
    }

    struct Node: Encodable {
        let node: Int
        let memoryBytes: UInt64
        let freeBytes: UInt64
        /// In the kernel's list format: `0-3,8`.
        let cpus: String
        let distances: [Int]
        let allowed: OrNull<Bool>
        init(_ node: NodeObservation) {
            (self.node, memoryBytes, freeBytes) = (node.id.rawValue, node.memoryBytes, node.freeBytes)
            (cpus, distances, allowed) = (NumberList(node.cpus).description, node.distances, OrNull(node.isAllowed))
        }
    }

    struct Row: Encodable {
        let node: Int
        let pageSize: UInt64
        let nr: OrNull<UInt64>
        let free: OrNull<UInt64>
        let surplus: OrNull<UInt64>
        let mapped: OrNull<UInt64>
        let held: OrNull<UInt64>
        let poisoned: OrNull<UInt64>
        let unexplained: OrNull<Int64>
        let heads: OrNull<UInt64>
        init(_ row: HugetlbBalance) {
            (node, pageSize) = (row.pool.node.rawValue, row.pool.size.bytes)
            (nr, free) = (OrNull(row.counts?.nrHugepages), OrNull(row.counts?.freeHugepages))
            (surplus, mapped) = (OrNull(row.counts?.surplusHugepages), OrNull(row.mapped))
            (held, poisoned) = (OrNull(row.held), OrNull(row.poisoned))
            (unexplained, heads) = (OrNull(row.unexplained), OrNull(row.heads))
        }
    }

    struct Total: Encodable {
        let pageSize: UInt64
        let nr: OrNull<UInt64>
        let free: OrNull<UInt64>
        let reserved: OrNull<Int64>
        let surplus: OrNull<UInt64>
        let overcommit: OrNull<UInt64>
        let available: OrNull<UInt64>
        let mapped: OrNull<UInt64>
        let held: OrNull<UInt64>
        let poisoned: OrNull<UInt64>
        let unexplained: OrNull<Int64>
        init(_ total: HugetlbTotal) {
            let counts = total.global?.counts
            (pageSize, nr, free) = (total.size.bytes, OrNull(counts?.nrHugepages), OrNull(counts?.freeHugepages))
            (reserved, surplus) = (OrNull(total.global?.reservedHugepages), OrNull(counts?.surplusHugepages))
            (overcommit, available) = (OrNull(total.global?.nrOvercommitHugepages), OrNull(total.available))
            (mapped, held) = (OrNull(total.mapped), OrNull(total.held))
            (poisoned, unexplained) = (OrNull(total.poisoned), OrNull(total.unexplained))
        }
    }

    struct Process: Encodable {
        let pid: Int32
        let siblings: [Int32]
        let name: String
        let command: String
        let user: String
        let cgroup: String
        let unit: OrNull<String>
        let container: OrNull<Container>
        let pod: OrNull<String>
        /// By status; null where the kernel's count fell below zero.
        let hugetlbBytes: OrNull<UInt64>
        let placements: [Placement]
        init(_ process: HugetlbProcess) {
            (pid, siblings) = (process.pid.rawValue, process.siblings.map(\.rawValue))
            (name, command) = (process.name.repaired, process.command.repaired)
            (user, cgroup) = (process.user.repaired, process.cgroup.repaired)
            let owner = CgroupOwner(of: process.cgroup)
            (unit, pod) = (OrNull(owner.unit?.repaired), OrNull(owner.pod))
            container = OrNull(owner.container.map(Container.init))
            hugetlbBytes = OrNull(UInt64(exactly: process.hugetlbBytes))
            placements = process.placements.map(Placement.init)
        }
    }

    struct Container: Encodable {
        let id: String
        let runtime: OrNull<String>
        init(_ container: CgroupOwner.Container) {
            (id, runtime) = (container.id.repaired, OrNull(container.runtime?.rawValue))
        }
    }

    struct Placement: Encodable {
        let node: OrNull<Int>
        let pageSize: UInt64
        let kind = "hugetlb"
        let pages: UInt64
        init(_ placement: Observations.Placement) {
            (node, pageSize) = (OrNull(placement.node?.rawValue), placement.size.bytes)
            pages = placement.pages
        }
    }

    struct Finding: Encodable {
        let id: String
        let severity: String
        let node: OrNull<Int>
        let pageSize: OrNull<UInt64>
        let pages: OrNull<UInt64>
        let bytes: OrNull<UInt64>
        let message: String
        let evidence: [Evidence]
        let remedy: String
        init(_ finding: Audit.Finding) {
            (id, severity) = (finding.id.rawValue, finding.severity.rawValue)
            (node, pageSize) = (OrNull(finding.node?.rawValue), OrNull(finding.pageSize?.bytes))
            (pages, bytes) = (OrNull(finding.pages), OrNull(finding.bytes))
            (message, remedy) = (finding.message, finding.remedy)
            evidence = finding.evidence.map(Evidence.init)
        }
    }

    struct Evidence: Encodable {
        let witness: String
        let path: String
        let says: String
        init(_ evidence: Audit.Evidence) {
            (witness, path, says) = (evidence.witness.rawValue, evidence.path, evidence.says)
        }
    }
}
