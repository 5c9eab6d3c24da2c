public import ArgumentParser
import Audit
import KernelFiles
import Observations
public import PageModel
import Reporting
import SystemPackage

/// The options that every command has which audits, and what they mean.
struct AuditOptions: ParsableArguments {
    enum Format: String, CaseIterable, ExpressibleByArgument {
        case text
        case json
    }

    @Option(help: "How to print: text for a person, json for a program.")
    var format = Format.text

    @Option(help: ArgumentHelp("Only pages of this size, such as 2M or 1G; can be repeated.", valueName: "SIZE"))
    var pageSize: [PageSize] = []

    @Flag(
        help: """
            Do not map files that nobody maps in order to see on which nodes their pages are; count them only.
            """)
    var passive = false

    @OptionGroup var report: ReportOptions

    func open(_ tree: KernelRoot) throws -> HugetlbMachine {
        do { return try HugetlbMachine(tree) } catch {
            guard tree.isLive else {
                throw ValidationError(
                    "--root \(ForeignText(tree.directory.string).escaped) is no saved tree of a machine: "
                        + "\(error.foreignPath.escaped): \(error.reason). It must hold proc and sys, "
                        + "with sys/kernel/mm/hugepages in it")
            }
            throw ValidationError("\(error). Without these counters there is nothing to audit")
        }
    }

    /// What the options limit the report to; refuses what this machine does not have and lists what it has.
    func scope(of machine: HugetlbMachine) throws -> Scope {
        let nodes = try report.nodes(of: machine.nodes.map(\.id))
        for size in pageSize where !machine.sizes.contains(size) {
            throw ValidationError(
                "This kernel has no huge pages of \(size). It has \(ReportOptions.list("size", machine.sizes))")
        }
        return Scope(nodes: nodes, sizes: pageSize.isEmpty ? nil : Set(pageSize))
    }

    /// The processes of these numbers; nil for none. Refuses one that is not there and lists those that hold huge pages.
    func processes(_ numbers: [Int32], of machine: HugetlbMachine) throws -> Set<PID>? {
        for id in numbers where !machine.has(PID(id)) {
            throw ValidationError(
                "There is no process \(id). "
                    + (machine.holders.isEmpty
                        ? "None holds huge pages"
                        : "These hold huge pages: \(machine.holders.map(\.description).joined(separator: ", "))"))
        }
        return numbers.isEmpty ? nil : Set(numbers.map { PID($0) })
    }

    /// - Parameter judgesRequests: also what was asked of the pools, which concerns no leak.
    func audit(_ machine: HugetlbMachine, _ scope: Scope, judgesRequests: Bool = false) -> AuditReport {
        let observation = machine.observe(isPassive: passive, readsRequests: judgesRequests) { passes in
            Settling(passes, nodes: machine.nodes, host: machine.host).next
        }
        return AuditReport(judging: observation, scope: scope, failOn: report.failOn)
    }

    /// Prints the report, and ends with the exit status of its verdict.
    func finish(_ verdict: Verdict, text: (_ isColoured: Bool) -> String, json: () throws -> String) throws {
        try report.finish(verdict) {
            switch format {
            case .text: text(report.isColoured)
            case .json: try json()
            }
        }
    }
}

extension PageSize: ExpressibleByArgument {
    /// `2M`, `2MiB`, `2048kB`, `1G`, or bytes. Nil for what is no page size.
    public init?(argument: String) {
        let units: [(String, UInt64)] = [("k", 10), ("m", 20), ("g", 30), ("t", 40)]
        var text = argument.lowercased().filter { $0 != " " }
        var shift: UInt64 = 0
        for (unit, power) in units {
            for suffix in [unit, unit + "b", unit + "ib"] where text.hasSuffix(suffix) && shift == 0 {
                text.removeLast(suffix.count)
                shift = power
            }
        }
        guard let count = UInt64(text), count <= UInt64.max >> shift else { return nil }
        self.init(bytes: count << shift)
    }
}
