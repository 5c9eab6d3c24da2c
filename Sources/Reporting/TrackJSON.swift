public import Audit
import FoundationEssentials
public import Observations
import PageModel

/// A process that is followed, for programs: the schema `hugeaudit.track/1`, a line for each sample and one for the summary.
/// Sizes are bytes, counts are base pages or huge pages as they are named, what could not be had is null.
/// `Schema/hugeaudit.track-1.schema.json` describes a line.
public struct TrackJSON {
    private let process: TrackedProcess
    private let version: String

    /// - Parameter version: the tool's.
    public init(_ process: TrackedProcess, version: String) { (self.process, self.version) = (process, version) }

    /// One line with its newline, as `summary`. Keys are sorted, so that the same sample gives the same bytes.
    public func line(_ step: TrackStep) throws -> String { try SampleLine(step, process).line }

    public func summary(_ report: TrackReport) throws -> String { try SummaryLine(report, version: version).line }
}

extension Encodable {
    /// As one line of JSON Lines: https://jsonlines.org.
    fileprivate var line: String {
        get throws {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            return String(decoding: try encoder.encode(self), as: UTF8.self) + "\n"
        }
    }
}

private struct SampleLine: Encodable {
    let schema = "hugeaudit.track/1"
    let kind = "sample"
    let pid: Int32
    let sample: UInt64
    let taken: Taken
    let resident: Count
    let swapped: Amount
    let nodes: [Node]
    /// Null in the first sample, as all that follows.
    let changes: OrNull<[Flow]>
    let ranges: OrNull<[Range]>
    let rangesLeftOut: OrNull<UInt64>

    init(_ step: TrackStep, _ process: TrackedProcess) {
        let base = process.host.basePageSize
        (pid, sample, taken) = (process.pid.rawValue, step.number, Taken(step))
        (resident, swapped) = (Count(step.residentCount, base), Amount(step.swapped, base))
        nodes = step.resident.map { Node($0, base) }
        changes = OrNull(step.change.map { Flow.all($0.flows, base) })
        ranges = OrNull(step.change.map { $0.stretches.map { Range($0, base) } })
        rangesLeftOut = OrNull(step.change.map { $0.stretchCount - UInt64($0.stretches.count) })
    }

    struct Taken: Encodable {
        let at: OrNull<String>
        let secondsIn: Double
        let durationSeconds: Double
        init(_ step: TrackStep) {
            (at, secondsIn) = (OrNull(timestamp(step.takenAt)), AuditDocument.Taken.microseconds(step.secondsIn))
            durationSeconds = AuditDocument.Taken.microseconds(step.durationSeconds)
        }
    }

    struct Amount: Encodable {
        let pages: UInt64
        let bytes: UInt64
        init(_ pages: UInt64, _ base: PageSize) { (self.pages, bytes) = (pages, base.amount(of: pages).bytes) }
    }

    struct Node: Encodable {
        let node: OrNull<Int>
        let pages: UInt64
        let bytes: UInt64
        let hugePages: UInt64
        init(_ resident: TrackStep.Resident, _ base: PageSize) {
            (node, pages) = (OrNull(resident.node?.rawValue), resident.count.pages)
            (bytes, hugePages) = (base.amount(of: pages).bytes, resident.count.hugePages)
        }
    }

    struct Range: Encodable {
        /// Hexadecimal; `end` is the first address behind it.
        let start: String
        let end: String
        let kind: String
        let from: OrNull<Int>
        let to: OrNull<Int>
        init(_ stretch: FrameChange.Stretch, _ base: PageSize) {
            start = hexadecimal(stretch.pages.lowerBound &* base.bytes)
            end = hexadecimal(stretch.pages.upperBound &* base.bytes)
            (kind, from) = (stretch.flow.kind.rawValue, OrNull(stretch.flow.from?.rawValue))
            to = OrNull(stretch.flow.to?.rawValue)
        }
    }
}

private struct Count: Encodable {
    let pages: UInt64
    let bytes: UInt64
    let hugePages: UInt64
    init(_ count: PageCount, _ base: PageSize) {
        (pages, hugePages, bytes) = (count.pages, count.hugePages, base.amount(of: count.pages).bytes)
    }
}

private struct Flow: Encodable {
    let kind: String
    let from: OrNull<Int>
    let to: OrNull<Int>
    let pages: UInt64
    let bytes: UInt64
    let hugePages: UInt64

    /// In an order of their own, whatever that of the dictionary is.
    static func all(_ flows: [PageFlow: PageCount], _ base: PageSize) -> [Self] {
        flows.sorted { $0.key < $1.key }.map { Self($0.key, $0.value, base) }
    }

    private init(_ flow: PageFlow, _ count: PageCount, _ base: PageSize) {
        (kind, from, to) = (flow.kind.rawValue, OrNull(flow.from?.rawValue), OrNull(flow.to?.rawValue))
        (pages, hugePages, bytes) = (count.pages, count.hugePages, base.amount(of: count.pages).bytes)
    }
}

private struct SummaryLine: Encodable {
    let schema = "hugeaudit.track/1"
    let kind = "summary"
    let tool: AuditDocument.Tool
    let host: AuditDocument.Host
    let pid: Int32
    let name: String
    let taken: Taken
    let ending: String
    /// Null where nothing was compared, as `totals`.
    let changes: OrNull<[Flow]>
    let totals: OrNull<[String: Count]>

    init(_ report: TrackReport, version: String) {
        (tool, host) = (AuditDocument.Tool(version: version), AuditDocument.Host(report.process.host))
        (pid, name) = (report.process.pid.rawValue, report.process.name.repaired)
        (taken, ending) = (Taken(report), report.ending.rawValue)
        let sums = PageFlow.Kind.allCases.map { ($0.rawValue, Count(report.flows.sum($0), report.base)) }
        changes = OrNull(report.isCompared ? Flow.all(report.flows, report.base) : nil)
        totals = OrNull(report.isCompared ? Dictionary(uniqueKeysWithValues: sums) : nil)
    }

    struct Taken: Encodable {
        /// Of the first sample; null where there was none.
        let at: OrNull<String>
        /// From the first sample to the last.
        let seconds: Double
        let samples: UInt64
        let longestSampleSeconds: Double
        init(_ report: TrackReport) {
            (at, samples) = (OrNull(report.startedAt.flatMap(timestamp)), report.samples)
            seconds = AuditDocument.Taken.microseconds(report.seconds)
            longestSampleSeconds = AuditDocument.Taken.microseconds(report.longestSampleSeconds)
        }
    }
}
