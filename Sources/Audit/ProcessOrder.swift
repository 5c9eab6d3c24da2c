import Observations
import PageModel

/// What comes first in a list of processes.
public enum ProcessOrder: String, CaseIterable, Sendable {
    /// Those with the most memory in hugetlb pages, then in transparent huge pages, then in RAM.
    case hugetlb
    case thp
    case resident
    case swapped
    case pid
    case name

    /// Where two are alike, the lower number comes first.
    public func sorted(_ reports: [ProcessReport]) -> [ProcessReport] {
        reports.map { Row(report: $0, name: self == .name ? $0.observation.name : nil, amounts: amounts(of: $0)) }
            .sorted().map(\.report)
    }

    private struct Row: Comparable {
        let report: ProcessReport
        let name: ForeignText?
        let amounts: [UInt64]

        static func < (left: Self, right: Self) -> Bool {
            if let name = left.name, let other = right.name, name != other { return name < other }
            return left.amounts == right.amounts
                ? left.report.observation.pid < right.report.observation.pid
                : right.amounts.lexicographicallyPrecedes(left.amounts)
        }
    }

    /// What decides, the most important first. Unit: bytes.
    private func amounts(of report: ProcessReport) -> [UInt64] {
        func bytes(of kind: PageKind) -> UInt64 {
            report.placements.filter { $0.kind == kind }.reduce(0) { $0 &+ $1.bytes }
        }
        switch self {
        case .hugetlb: return [bytes(of: .hugetlb), bytes(of: .thp), report.pages.resident]
        case .thp: return [bytes(of: .thp), report.pages.resident]
        case .resident: return [report.pages.resident]
        case .swapped: return [report.pages.swapped]
        case .pid, .name: return []
        }
    }
}
