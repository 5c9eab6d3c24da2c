import ArgumentParser
import Audit
import Glibc
import KernelFiles
import Observations
import PageModel
import Reporting
import SystemPackage

/// `hugeaudit track`: where the pages of a process go.
struct TrackCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "track",
        abstract: "From which node to which do this process's pages move?",
        discussion: """
            Looks again and again which frame is at each address of the process, and says which pages moved from frame \
            to frame and node to node, came and went, to swap and from it, and were collapsed into huge pages or split. \
            A huge page that page-table entries map is one as long as it is whole and at a multiple of its size. A \
            base page that was collapsed counts as collapsed and not as moved. A copy on write, a merge by KSM, and a \
            page that was freed and touched again between two samples look like a move to another frame. Shared memory in \
            swap looks gone. The frames of shared pages are seen by all who map them.

            It ends after --count samples, after --duration, at INT (Ctrl-C), TERM or HUP, each time with a last sample, \
            or with the process; and with a summary: pages moved from node to node as a matrix. JSON has a line for each \
            sample and one for the summary, of the schema hugeaudit.track/1.

            Exit status: 0, also where the process ended meanwhile; 2 wrong use, or nothing could be read.
            """)

    @Argument(help: ArgumentHelp("The process.", valueName: "PID"))
    var pid: Int32

    @Option(help: ArgumentHelp("How long from one sample to the next, at least 1ms.", valueName: "TIME"))
    var interval = DurationArgument(milliseconds: 1000)

    @Option(help: ArgumentHelp("End after so many samples, at least 2.", valueName: "N"))
    var count: UInt64?

    @Option(help: ArgumentHelp("End after so long, with a last sample: 500ms, 10s, 5m.", valueName: "TIME"))
    var duration: DurationArgument?

    @Option(help: "How to print: text for a person, json for a program.")
    var format = AuditOptions.Format.text

    @Flag(help: "Rest after each scan and window of page tables, as long as it took.")
    var gentle = false

    @Flag(name: .shortAndLong, help: "Print the summary only.")
    var quiet = false

    @Flag(help: "No colours, not on a terminal either.")
    var noColor = false

    func validate() throws {
        if interval.milliseconds < 1 { throw ValidationError("--interval must be at least 1ms") }
        if let count, count < 2 {
            throw ValidationError("--count must be at least 2: what moved is seen between two samples")
        }
        if let duration, duration.milliseconds < 1 {
            throw ValidationError("--duration must be at least 1ms: what moved is seen between two samples")
        }
    }

    func run() throws {
        let ends = Signals.wanted(of: [SIGINT, SIGTERM, SIGHUP])
        let before = ends.block()
        defer {
            ends.forget()  // timeout sends it to us and then to the group
            before.restore()
        }
        var sampler = try open()
        var screen = TrackScreen(
            sampler.process, format: format, isQuiet: quiet,
            isColoured: !noColor && Output.wantsColour(.standardOutput))
        var report = TrackReport(sampler.process, map: sampler.map)
        var due = ContinuousClock.now
        let end = duration.map { due + $0.duration }
        var isLast = false
        while let step = report.add(try sample(&sampler, screen)) {
            guard try screen.show(step, of: report) else { return }
            if isLast || report.samples >= count ?? .max { break }
            // Where a sample took longer than that, those that are missed are left out.
            repeat { due += interval.duration } while due < .now
            let next = min(due, end ?? due)
            isLast = next == end
            if ends.wait(for: max(.zero, ContinuousClock.now.duration(to: next))).number > 0 {
                report.interrupt()
                isLast = true
            }
        }
        try screen.finish(report)
    }

    private func sample(_ sampler: inout FrameSampler, _ screen: TrackScreen) throws -> FrameSample {
        do { return try sampler.sample() } catch {
            screen.clear()
            throw ValidationError("\(error)")
        }
    }

    private func open() throws -> FrameSampler {
        let machine = ProcessMachine(.live)
        let notThere = ValidationError("There is no process \(pid). pgrep -l NAME lists those of a name")
        let all: [PID]
        do { all = try machine.processes() } catch { throw ValidationError("\(error)") }
        // The number of a thread opens as well, and is not listed.
        guard all.contains(PID(pid)) else { throw notThere }
        do { return try FrameSampler(machine, PID(pid), isGentle: gentle) } catch {
            switch error {
            case .notThere: throw notThere
            case .withoutMemory:
                throw ValidationError(
                    "Process \(pid) is a kernel thread, or has ended: it has no memory that could be followed")
            case .unreadable(let error): throw ValidationError("\(error)")
            }
        }
    }
}

/// What is printed while a process is followed.
private struct TrackScreen {
    private let text: TrackText
    private let json: TrackJSON
    private let format: AuditOptions.Format
    private let isQuiet: Bool
    /// Has a line at the bottom that is written again and again.
    private let hasProgress: Bool
    private var hasBegun = false
    /// No terminal that matters is narrower.
    private static let width = 79
    /// Back to the first column, and away with what is there.
    private static let erase = "\r\u{1b}[K"

    init(_ process: TrackedProcess, format: AuditOptions.Format, isQuiet: Bool, isColoured: Bool) {
        (self.format, self.isQuiet) = (format, isQuiet)
        text = TrackText(process, isColoured: isColoured)
        json = TrackJSON(process, version: HugeAudit.toolVersion)
        hasProgress = format == .text && Output.isTerminal(.standardOutput)
    }

    /// What the columns are, too, with the first sample. False where nobody reads any more.
    mutating func show(_ step: TrackStep, of report: TrackReport) throws -> Bool {
        var lines = hasProgress && hasBegun ? Self.erase : ""
        if !isQuiet {
            switch format {
            case .text: lines += (hasBegun ? "" : text.head + "\n") + text.line(step) + "\n"
            case .json: lines += try json.line(step)
            }
        }
        hasBegun = true
        if hasProgress { lines += text.progress(report, width: Self.width) }
        return lines.isEmpty || Output.write(lines)
    }

    func clear() { if hasProgress && hasBegun { Output.write(Self.erase) } }

    func finish(_ report: TrackReport) throws {
        clear()
        switch format {
        case .text: Output.write((hasBegun && !isQuiet ? "\n" : "") + text.summary(report))
        case .json: Output.write(try json.summary(report))
        }
    }
}
