import ArgumentParser
import Audit
import Glibc
import KernelFiles
import Observations
import Reporting
import SystemPackage

/// `hugeaudit run`: whether a command gave all its huge pages back.
struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Did this program give all its huge pages back?",
        usage: "hugeaudit run [<options>] -- <command> [<arguments> ...]",
        discussion: """
            Audits, runs the command with this terminal, its descriptors and its signals, and audits again. What was \
            there before is not blamed on the command; what others did meanwhile cannot be told from what it did. The \
            peak is sampled: what comes and goes faster is missed. Pages that a process still maps are its own and no \
            leak. The report goes to standard error; JSON has the schema hugeaudit.diff/1.

            HUP, INT, QUIT, TERM, USR1 and USR2 are passed on to the command. If one is sent to the whole process group, as \
            timeout does, the command has it already: it gets it again only if it still runs 50 ms later.

            Exit status: the command's own, 128 and the signal's number where it was killed, 127 where it was not found, \
            126 where it could not be run; 1 where it left something behind; 2 wrong use, and then nothing was run, or the \
            report could not be written.
            """)

    @OptionGroup var options: AuditOptions

    @Option(
        help: ArgumentHelp(
            "How long to wait for pages that are freed late, as long as something is left: 500ms, 2s, 1m.",
            valueName: "TIME"))
    var settle = DurationArgument(milliseconds: 2000)

    @Option(help: ArgumentHelp("How often to look what is in use, at least 1ms.", valueName: "TIME"))
    var interval = DurationArgument(milliseconds: 10)

    @Option(
        help: ArgumentHelp(
            "The exit status where something was left behind, 0 to 255; 0 for the command's own.", valueName: "N"))
    var leakExitCode: UInt8 = 1

    @Option(help: ArgumentHelp("Write the report to FILE and not to standard error.", valueName: "FILE"))
    var output: String?

    @Argument(parsing: .postTerminator, help: "The command and its arguments, after --.")
    var command: [String] = []

    func validate() throws {
        if command.isEmpty { throw ValidationError("There is no command to run: hugeaudit run -- COMMAND ARGUMENTS") }
        if interval.milliseconds < 1 { throw ValidationError("--interval must be at least 1ms") }
    }

    func run() throws {
        let machine = try options.open(.live)
        let scope = try options.scope(of: machine)
        let target = try output.map(open)
        let before = options.audit(machine, scope)
        let run = try runCommand { scope.limited(machine.usedPages()) }
        let difference = try settled(from: before, scope, run)
        try report(difference, to: target)
        let isLeak = difference.verdict.level == .findings && leakExitCode != 0
        throw ExitCode(isLeak ? Int32(leakExitCode) : run.status)
    }

    private func open(_ file: String) throws -> FileDescriptor {
        do {
            return try .open(
                FilePath(file), .writeOnly, options: [.create, .truncate, .closeOnExec],
                permissions: [.ownerReadWrite, .groupRead, .otherRead])
        } catch {
            throw ValidationError("could not write to --output \(ForeignText(file).escaped): \(error)")
        }
    }

    /// - Parameter look: what is in use now.
    private func runCommand(_ look: () -> [Pool: UInt64]) throws -> CommandRun {
        // The bytes as they came: what was parsed is text.
        let words = (0..<Int(CommandLine.argc)).suffix(command.count).compactMap { index in
            CommandLine.unsafeArgv[index].map { word in Array(UnsafeRawBufferPointer(start: word, count: strlen(word)))
            }
        }
        do { return try ForegroundCommand(arguments: words).run(every: interval.duration, look) } catch {
            Output.complain("could not run \(ForeignText(words[0]).escaped): \(error)")
            throw ExitCode(error == .noSuchFileOrDirectory ? 127 : 126)
        }
    }

    /// The difference, taken again while something is left and there is time.
    private func settled(from before: AuditReport, _ scope: Scope, _ run: CommandRun) throws -> AuditDifference {
        let deadline = ContinuousClock.now + settle.duration
        while true {
            let after = options.audit(try options.open(.live), scope)
            let difference = AuditDifference(from: before, to: after, run: run, failOn: options.report.failOn)
            let rest = ContinuousClock.now.duration(to: deadline)
            guard !difference.isAtRest, rest > .zero else { return difference }
            usleep(UInt32(min(rest, .milliseconds(50)) / .microseconds(1)))
        }
    }

    private func report(_ difference: AuditDifference, to target: FileDescriptor?) throws {
        guard !options.report.quiet || target != nil else { return }
        let isColoured = target == nil && !options.report.noColor && Output.wantsColour(.standardError)
        let text =
            switch options.format {
            case .text: DifferenceText(difference, isColoured: isColoured).text
            case .json: try DifferenceJSON(difference, version: HugeAudit.toolVersion).text
            }
        do { try (target ?? .standardError).writeAll(text.utf8) } catch {
            if target == nil, error as? Errno == .brokenPipe { return }
            Output.complain("could not write the report: \(error)")
            throw ExitCode(2)
        }
    }
}
