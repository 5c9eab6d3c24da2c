import ArgumentParser

/// The tool's entry: picks the command and gives every wrong use the exit status that `design` promises.
@main
struct HugeAudit: ParsableCommand {
    static let toolVersion = "0.1.0"

    static let configuration = CommandConfiguration(
        commandName: "hugeaudit",
        abstract: "Accounts for every huge page on every NUMA node, by name, or says that it is unexplained.",
        discussion: """
            It only reads. Run it as root: page tables and physical frames are hidden from others.

            Exit status: 0 nothing found at or above --fail-on, 1 findings, 2 wrong use or nothing could be read, \
            3 the view was partial and nothing worse was found.
            """,
        version: toolVersion,
        subcommands: [AuditCommand.self, ProcessCommand.self, LeaksCommand.self, RunCommand.self, TrackCommand.self],
        defaultSubcommand: AuditCommand.self)

    static func main() {
        Output.ignoreClosedPipes()
        guard !CommandLine.arguments.isEmpty else {
            Output.complain(
                "Error: /proc/self/cmdline cannot be read, which has the arguments: is /proc mounted, and of this "
                    + "PID namespace?")
            Self.exit(withError: ExitCode(2))
        }
        do {
            var command = try parseAsRoot()
            try command.run()
        } catch {
            let message = fullMessage(for: error)
            switch exitCode(for: error) {
            case let code where error is ExitCode:
                Self.exit(withError: code)
            case .success:
                Output.write(message + "\n")
            default:
                Output.complain(message)
                Self.exit(withError: ExitCode(2))
            }
        }
    }
}
