public import Audit
import Observations
import PageModel

/// What is lost, for a person at a terminal: the verdict, then the oldest first, each with its remedy.
public struct LeaksText {
    private let report: LeakReport
    private let paint: Paint
    /// What fits on some screens; `--format json` has the rest.
    private static let most = 40
    private static let longestName = 100
    private static let mostProcesses = 3

    /// - Parameter isColoured: with ANSI colours, for a terminal.
    public init(_ report: LeakReport, isColoured: Bool) { (self.report, paint) = (report, Paint(isOn: isColoured)) }

    public var text: String {
        let more = report.leaks.count - Self.most
        return paragraphs(
            [[report.verdict.line(paint)]] + report.leaks.prefix(Self.most).map(block)
                + [more > 0 ? ["and \(more) more: --format json lists all"] : []] + report.unexplained.map(block)
                + [others, [report.audit.footer]])
    }

    /// `orphan-file: rtemap_*: 4100 files, 8 GiB, no mapper, no descriptor`
    private func block(_ leak: LeakReport.Leak) -> [String] {
        let group = leak.group
        let count = group.holders.count
        let number = count == 1 ? "" : "\(group.kind.counted(count)), "
        let head = "\(label(leak.severity, group.finding)): \(group.name.escaped(limit: Self.longestName)): \(number)"
        return [
            head + "\(ByteCount(group.bytes)), \(state(of: group))",
            "  " + [place(of: group), age(of: group)].compactMap { $0 }.joined(separator: "; "),
            "  To mend: \(leak.remedy)",
        ]
    }

    private func block(_ nameless: LeakReport.Nameless) -> [String] {
        let amount = "\(nameless.pages) x \(nameless.size) (\(nameless.size.amount(of: nameless.pages)))"
        let place = nameless.node.map { "on node \($0)" } ?? "on which node cannot be told"
        return [
            "\(label(.warning, .unexplainedPages)): \(amount) \(place): no mapper, and no holder was found",
            "  To mend: \(nameless.remedy)",
        ]
    }

    private func label(_ severity: Severity, _ id: Finding.ID) -> String { FindingText(paint).label(severity, id) }

    /// Findings that are neither a group's nor of pages without a name.
    private var others: [String] {
        let shown = Set(report.leaks.map(\.group.finding) + [.unexplainedPages])
        return FindingText(paint).list(report.findings.filter { !shown.contains($0.id) })
    }

    /// Who maps it and who has it open: nobody, or the processes that keep it.
    private func state(of group: HolderGroup) -> String {
        let people = people(group.processes)
        return switch group.finding {
        case .orphanFile: "no mapper, no descriptor"
        case .orphanShm: "nobody attached"
        case .partlyMapped: "in no page table, of what is mapped by \(people)"
        case .kernelHeld: "no mapper; " + (group.processes.isEmpty ? "no process made out" : "suspected: \(people)")
        default: "no mapper, open in \(people)"
        }
    }

    private func people(_ processes: [PID]) -> String {
        let shown = processes.prefix(Self.mostProcesses).map { pid in
            let name = report.audit.search?.identities[pid].map { " (\($0.name.escaped(limit: 40)))" } ?? ""
            return "\(pid)\(name)"
        }
        let more = processes.count - shown.count
        guard !shown.isEmpty else { return "a process that was not seen" }
        return "\(processes.count == 1 ? "process" : "processes") \(shown.joined(separator: ", "))"
            + (more > 0 ? " and \(more) more" : "")
    }

    private func place(of group: HolderGroup) -> String {
        guard let nodes = group.nodes else { return "\(group.pages) x \(group.size), on which node is not known" }
        return nodes.map { "node \($0.node.map { "\($0)" } ?? "?"): \($0.pages) x \($0.size)" }.joined(separator: ", ")
    }

    private func age(of group: HolderGroup) -> String? {
        let since = group.since.flatMap(timestamp).map { "since \($0)" }
        let maker = group.holders[0].file.map { "made by \($0.owner.escaped(limit: 32))" }
        let parts = [since, maker].compactMap { $0 }
        return parts.isEmpty ? nil : parts.joined(separator: ", ")
    }
}
