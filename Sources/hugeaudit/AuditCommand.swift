import ArgumentParser
import Audit
import Reporting

/// `hugeaudit audit`: where the huge pages are, on which node, and whether anything is wrong.
struct AuditCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit",
        abstract: "Where did my huge pages go, on which node, and is anything wrong?",
        discussion: """
            For each NUMA node and huge page size: nr = free + mapped + held + poisoned + unexplained, the processes \
            behind "mapped", and a verdict. Counters, page tables and physical frames are read and held against each \
            other; nothing is written. JSON has the schema hugeaudit.report/1.
            """)

    @OptionGroup var options: AuditOptions

    @Option(help: ArgumentHelp("List only this process; can be repeated.", valueName: "PID"))
    var pid: [Int32] = []

    @OptionGroup var tree: SavedTree

    func run() throws {
        let machine = try options.open(tree.kernelRoot)
        var scope = try options.scope(of: machine)
        scope.processes = try options.processes(pid, of: machine)
        let report = options.audit(machine, scope, judgesRequests: true)
        try options.finish(report.verdict) { isColoured in
            AuditText(report, isColoured: isColoured).text
        } json: {
            try AuditJSON(report, version: HugeAudit.toolVersion).text
        }
    }
}
