import ArgumentParser
import Audit
import Reporting

/// `hugeaudit leaks`: what is held without a mapping, or unexplained, and how to get it back.
struct LeaksCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "leaks",
        abstract: "Who keeps huge pages that nobody maps, since when, and how do I get them back?",
        discussion: """
            The oldest come first, each with a command that would free it, which is never run. Files whose names differ \
            in a number only are put together. Notes, such as pages of a file that is mapped in part, are listed and do \
            not count as leaks. JSON has the schema hugeaudit.leaks/1.

            Exit status: 0 nothing, 1 leaks at or above --fail-on, 2 wrong use or nothing could be read, 3 not all could \
            be read or judged, and no leak was found.
            """)

    @OptionGroup var options: AuditOptions

    @Option(
        help: ArgumentHelp(
            "Only what this process keeps and maps no more; can be repeated.", valueName: "PID"))
    var pid: [Int32] = []

    @OptionGroup var tree: SavedTree

    func run() throws {
        let machine = try options.open(tree.kernelRoot)
        let scope = try options.scope(of: machine)
        let processes = try options.processes(pid, of: machine)
        let report = LeakReport(options.audit(machine, scope), processes: processes, failOn: options.report.failOn)
        try options.finish(report.verdict) { isColoured in
            LeaksText(report, isColoured: isColoured).text
        } json: {
            try LeaksJSON(report, version: HugeAudit.toolVersion).text
        }
    }
}
