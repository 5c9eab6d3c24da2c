import Audit
import Observations
import PageModel

/// The mappings of one process that are worth looking at.
struct MappingTable {
    private let report: ProcessReport
    private static let longestName = 32
    private static let longestPolicy = 24
    private static let mostNodes = 3

    init(_ report: ProcessReport) { self.report = report }

    /// Nothing where no mapping has memory.
    var lines: [String] {
        guard !report.notable.isEmpty else { return [] }
        var table = TextTable([
            ("ADDRESS", .right), ("SIZE", .right), ("RAM", .right), ("HUGE", .right), ("POLICY", .left),
            ("WHERE", .left), ("THP", .left), ("NAME", .left),
        ])
        for mapping in report.notable { table.add(row(mapping)) }
        let all = report.mappings.count { $0.observation.pages.resident > 0 || $0.observation.pages.swapped > 0 }
        let more = all - report.notable.count
        return [table.text]
            + (more > 0 ? ["and \(more) more with memory in RAM or swap: --format json lists all"] : [])
    }

    /// `1.5 of 2 GiB`; what is there only where what could be is not known: smaps was not read, or of some
    /// nodes, by which it is not counted.
    private func huge(_ report: MappingReport) -> String {
        guard let possible = report.possibleHugeBytes else { return amountCell(report.hugeBytes) }
        return possible == 0 ? "-" : share(report.hugeBytes, of: possible)
    }

    private func row(_ report: MappingReport) -> [String] {
        let mapping = report.observation.mapping
        let pages = report.observation.pages
        return [
            String(mapping.addresses.lowerBound, radix: 16),
            amountCell(mapping.addresses.upperBound - mapping.addresses.lowerBound),
            amountCell(pages.resident),
            huge(report),
            report.policy?.text.escaped(limit: Self.longestPolicy) ?? "-",
            pages.amounts.isEmpty ? "-" : pages.amounts.places(limit: Self.mostNodes),
            report.eligibility?.short ?? "-",
            mapping.name.bytes.isEmpty ? "(anonymous)" : mapping.name.escaped(limit: Self.longestName),
        ]
    }
}
