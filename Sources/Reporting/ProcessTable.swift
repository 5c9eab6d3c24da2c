public import Audit
public import Observations
import PageModel

/// Many processes for a person at a terminal: the pools, a line for each process, what was found of them.
public struct ProcessTable {
    private let list: ProcessList
    private let pools: [Pool: NodeHugepages]
    private let isByNode: Bool
    private let paint: Paint
    private static let mostNodes = 4
    private static let mostFindings = 12
    private static let longestName = 40

    /// - Parameters:
    ///   - list: in the order in which they are shown.
    ///   - pools: the counters of each node and size of hugetlb; each size has a column.
    ///   - isByNode: a line for each process and node.
    ///   - isColoured: with ANSI colours, for a terminal.
    public init(_ list: ProcessList, pools: [Pool: NodeHugepages], isByNode: Bool, isColoured: Bool) {
        (self.list, self.pools, self.isByNode, paint) = (list, pools, isByNode, Paint(isOn: isColoured))
    }

    public var text: String {
        paragraphs([[list.verdict.line(paint)], poolLines, table, advice, findings, [footer]])
    }

    /// `node 0: 12 of 64 x 2 MiB free`, as hugetop begins.
    private var poolLines: [String] {
        Set(pools.keys.map(\.node)).sorted().map { node in
            let parts = pools.keys.filter { $0.node == node }.sorted(by: >).compactMap { pool in
                pools[pool].map { "\($0.freeHugepages) of \($0.nrHugepages) x \(pool.size) free" }
            }
            return "node \(node): \(parts.joined(separator: ", "))"
        }
    }

    private var shown: [ProcessReport] { list.processes.filter(\.hasMemory) }

    private var table: [String] {
        let shown = shown
        guard !shown.isEmpty else { return [] }
        let columns = PlacementColumn.columns(
            of: shown.flatMap(\.tabulated), sizes: Set(pools.keys.map(\.size)),
            isClassified: shown.allSatisfy(\.observation.isClassified))
        return [isByNode ? byNode(shown, columns) : sums(shown, columns)]
    }

    private func sums(_ reports: [ProcessReport], _ columns: [PlacementColumn]) -> String {
        let sharing = [("SHARED", TextTable.Alignment.right), ("PRIVATE", .right)]
        let hugetlb = columns.filter(\.isHugetlb)
        let others = columns.filter { !$0.isHugetlb }
        var table = TextTable(
            [("PID", .right), ("USER", .left)] + hugetlb.map { ($0.title, .right) } + sharing
                + others.map { ($0.title, .right) } + [("WHERE", .left), ("COMMAND", .left)])
        for report in reports {
            let amounts = report.tabulated
            table.add(
                who(report) + hugetlb.map { $0.cell(of: amounts) } + self.sharing(report)
                    + others.map { $0.cell(of: amounts) } + [amounts.places(limit: Self.mostNodes), command(report)])
        }
        let isWhole = reports.allSatisfy { $0.limitedTo == nil }
        return table.text + "\nSHARED and PRIVATE are of hugetlb\(isWhole ? "" : ", and not counted by node")."
    }

    private func byNode(_ reports: [ProcessReport], _ columns: [PlacementColumn]) -> String {
        var table = TextTable(
            [("PID", .right), ("USER", .left), ("NODE", .right)] + columns.map { ($0.title, .right) }
                + [("TOTAL", .right), ("COMMAND", .left)])
        for report in reports {
            for node in report.tabulated.nodes {
                let amounts = report.tabulated.filter { $0.node == node }
                table.add(
                    who(report) + [nodeCell(node)] + columns.map { $0.cell(of: amounts) }
                        + [amountCell(amounts.bytes), command(report)])
            }
        }
        return table.text
    }

    private func who(_ report: ProcessReport) -> [String] {
        ["\(report.observation.pid)", report.observation.user.escaped(limit: 12)]
    }

    private func sharing(_ report: ProcessReport) -> [String] {
        report.hugetlbSharing.map { [amountCell($0.shared), amountCell($0.unique)] } ?? ["-", "-"]
    }

    private func command(_ report: ProcessReport) -> String {
        let name = report.observation.name.escaped(limit: Self.longestName)
        return report.observation.course == .ended ? "\(name) (ended)" : name
    }

    private var advice: [String] {
        let count = list.processes.count(where: \.isAdviceUnread)
        return count == 0
            ? [] : ["what \(processCount(count)) asked for by madvise(2) was not read: --smaps reads it"]
    }

    /// The most severe first, each with its process.
    private var findings: [String] {
        let found = list.processes.flatMap { process in
            list.findings(of: process).map { (process: process, finding: $0) }
        }
        let sorted = found.enumerated().sorted {
            ($1.element.finding.severity, $0.offset) < ($0.element.finding.severity, $1.offset)
        }.map(\.element)
        let more = sorted.count - Self.mostFindings
        return sorted.prefix(Self.mostFindings).map { process, finding in
            let name = process.observation.name.escaped(limit: Self.longestName)
            return "\(process.observation.pid) \(name): \(FindingText(paint).head(finding))"
        } + (more > 0 ? ["and \(more) more findings: --format json lists all"] : [])
    }

    private var footer: String {
        let count = { (course: ProcessCourse) in list.processes.count { $0.observation.course == course } }
        let parts = [
            (
                list.processes.count { process in
                    !process.hasMemory && [.complete, .withoutMemory].contains(process.observation.course)
                }, "without memory"
            ), (count(.ended), "ended meanwhile"),
            (count(.replaced), "became another program"), (count(.refused), "refused"),
        ].filter { $0.0 > 0 }.map { "\($0) \($1)" }
        let longest = list.longestReadSeconds
        let longestRead = longest > 0 ? ["longest read \(duration(longest))"] : []
        return list.host.footer(list.takenAt) + ", took \(duration(list.durationSeconds)), "
            + (longestRead + [processCount(list.processes.count)] + parts).joined(separator: ", ")
    }
}
