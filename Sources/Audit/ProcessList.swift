public import Observations
public import PageModel

/// Several processes, or all there are, and one verdict on them.
public struct ProcessList: Hashable, Sendable {
    public let host: HostObservation
    /// When it began. Unit: seconds since 1970, UTC.
    public let takenAt: Double
    public let durationSeconds: Double
    /// Whether they are all that there are, and not those that somebody named.
    public let isOfAll: Bool
    public let processes: [ProcessReport]
    /// Those that somebody asked for by their number.
    private let named: Set<PID>
    public let verdict: Verdict

    /// - Parameter named: of these it is a reason for doubt that they ended or became another program while they were read;
    ///   of others, which a pattern, a cgroup or nothing at all chose, it is not.
    public init(
        _ processes: [ProcessReport], isOfAll: Bool, named: Set<PID>, host: HostObservation, takenAt: Double,
        durationSeconds: Double
    ) {
        (self.processes, self.isOfAll, self.named, self.host) = (processes, isOfAll, named, host)
        (self.takenAt, self.durationSeconds) = (takenAt, durationSeconds)
        verdict = Verdict(processes) { Self.isPassing($0, named) }
    }

    /// It ended or became another program meanwhile, as processes do: what could not be read of it is missed by nobody.
    public func isPassing(_ process: ProcessReport) -> Bool { Self.isPassing(process, named) }

    private static func isPassing(_ process: ProcessReport, _ named: Set<PID>) -> Bool {
        [.ended, .replaced].contains(process.observation.course) && !named.contains(process.observation.pid)
    }

    /// Those of the process; without those that only tell that it ended, where that is no reason for doubt.
    public func findings(of process: ProcessReport) -> [Finding] {
        isPassing(process) ? process.findings.filter { $0.id != .partialView } : process.findings
    }
}

extension ProcessList {
    /// The longest that one read took of any of them. Unit: seconds.
    public var longestReadSeconds: Double { processes.map(\.observation.longestReadSeconds).max() ?? 0 }
}

extension ProcessReport {
    /// Whether it has memory of its own, in RAM or in swap; of some nodes only, in RAM there.
    public var hasMemory: Bool { pages.resident > 0 || limitedTo == nil && pages.swapped > 0 }

    /// Of hugetlb what is mapped once, and what is mapped more often, as hugetop has them. Unit: bytes; nil where the pages
    /// were not classified, and of some nodes only.
    public var hugetlbSharing: (unique: UInt64, shared: UInt64)? {
        guard observation.isClassified, limitedTo == nil else { return nil }
        let tallies = mappings.map(\.observation).filter { $0.hugetlbSize != nil }.map(\.pages)
        return (tallies.reduce(0) { $0 &+ $1.unique }, tallies.reduce(0) { $0 &+ $1.shared })
    }

    /// `4711 (postgres)`
    var title: String { "\(observation.pid) (\(observation.name.escaped(limit: 40)))" }
}

extension Verdict {
    fileprivate init(_ processes: [ProcessReport], isPassing: (ProcessReport) -> Bool) {
        let found = processes.filter { $0.verdict.level == .findings }
        let partial = processes.filter { $0.verdict.level == .partial && !isPassing($0) }
        let number = "\(processes.count) process\(processes.count == 1 ? "" : "es")"
        if let worst = Self.worst(of: found) {
            let count = found.count == 1 ? "1 of \(number) has" : "\(found.count) of \(number) have"
            self.init(
                level: .findings, summary: "\(count) findings; process \(worst.title): \(worst.verdict.summary)")
        } else if let first = partial.first {
            self.init(
                level: .partial,
                summary: "\(partial.count) of \(number) could not be read whole; process \(first.title): "
                    + first.verdict.summary)
        } else {
            let huge = processes.count { process in
                process.placements.contains { $0.kind == .hugetlb || $0.kind == .thp }
            }
            self.init(
                level: .clean,
                summary:
                    "\(huge) of \(number) \(huge == 1 || processes.count == 1 ? "has" : "have") huge pages, and nothing is wrong "
                    + "with them" + (processes.contains(where: \.isAdviceUnread) ? Self.adviceOfSomeUnread : "")
            )
        }
    }

    private static func worst(of processes: [ProcessReport]) -> ProcessReport? {
        let severity = { (process: ProcessReport) in process.findings.map(\.severity).max() ?? .note }
        return processes.max { severity($0) < severity($1) }
    }
}
