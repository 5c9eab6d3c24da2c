public import Audit
import Observations
import PageModel

/// One process for programs: the schema `hugeaudit.process/1`. Sizes are bytes, counts are pages of the row's `pageSize`,
/// what could not be had is null. `Schema/hugeaudit.process-1.schema.json` describes it.
public struct ProcessJSON {
    private let document: Joined<Heading, Joined<ProcessDocument, Mappings>>

    /// - Parameter version: the tool's.
    public init(_ report: ProcessReport, version: String) {
        document = Joined(
            Heading("hugeaudit.process/1", report.observation.host, version: version),
            Joined(ProcessDocument(report), Mappings(report)))
    }

    /// Ends with a newline. Keys are sorted, so that the same report gives the same bytes.
    public var text: String { get throws { try document.json } }
}

/// Several processes for programs: the schema `hugeaudit.processes/1`. `Schema/hugeaudit.processes-1.schema.json` describes
/// it. Of all processes together the mappings are left out.
public struct ProcessListJSON {
    private let document: Document

    /// - Parameter version: the tool's.
    public init(_ list: ProcessList, version: String) { document = Document(list, version: version) }

    /// Ends with a newline. Keys are sorted, so that the same report gives the same bytes.
    public var text: String { get throws { try document.json } }

    private struct Document: Encodable {
        let schema = "hugeaudit.processes/1"
        let tool: AuditDocument.Tool
        let host: AuditDocument.Host
        let taken: Taken
        let verdict: AuditDocument.Verdict
        let processes: [Joined<ProcessDocument, Mappings>]

        init(_ list: ProcessList, version: String) {
            (tool, host) = (AuditDocument.Tool(version: version), AuditDocument.Host(list.host))
            (taken, verdict) = (Taken(list), AuditDocument.Verdict(list.verdict))
            processes = list.processes.map { Joined(ProcessDocument($0), list.isOfAll ? nil : Mappings($0)) }
        }
    }

    private struct Taken: Encodable {
        let at: OrNull<String>
        let durationSeconds: Double
        let view: String
        let longestReadSeconds: Double
        init(_ list: ProcessList) {
            let microseconds = AuditDocument.Taken.microseconds
            at = OrNull(timestamp(list.takenAt))
            durationSeconds = microseconds(list.durationSeconds)
            view = list.processes.allSatisfy { $0.unread.isEmpty || list.isPassing($0) } ? "full" : "partial"
            longestReadSeconds = microseconds(list.longestReadSeconds)
        }
    }
}

/// What a document begins with.
private struct Heading: Encodable {
    let schema: String
    let tool: AuditDocument.Tool
    let host: AuditDocument.Host
    init(_ schema: String, _ host: HostObservation, version: String) {
        (self.schema, tool, self.host) = (schema, AuditDocument.Tool(version: version), AuditDocument.Host(host))
    }
}

private struct Mappings: Encodable {
    let mappings: [MappingDocument]
    init(_ report: ProcessReport) {
        let isClassified = report.observation.isClassified
        mappings = report.mappings.map {
            MappingDocument($0, isClassified: isClassified, isWhole: report.limitedTo == nil)
        }
    }
}

/// The keys of both in one object; those of the second one are left out where it is nil.
struct Joined<First: Encodable, Second: Encodable>: Encodable {
    let first: First
    let second: Second?
    init(_ first: First, _ second: Second?) { (self.first, self.second) = (first, second) }
    func encode(to encoder: any Encoder) throws {
        try first.encode(to: encoder)
        try second?.encode(to: encoder)
    }
}
