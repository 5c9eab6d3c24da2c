import ArgumentParser
import Foundation
import Glibc
import TestSupport

@main
struct LabCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lab",
        abstract: "Plays scenarios with hugeaudit on emulated machines of many nodes and many kernels.",
        subcommands: [Run.self, Matrix.self, Benchmark.self])

    static func main() {
        // What is written to a guest that has ended fails, and no more.
        signal(SIGPIPE, SIG_IGN)
        main(nil)
    }
}

struct Run: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Play one scenario on one kernel and show the guest's console.",
        discussion: "Scenarios:\n"
            + Scenario.all.map { "  \($0.name): \($0.what)" }.joined(separator: "\n"))

    @Argument(help: "Its name.") var scenario: Scenario
    @Option(help: "Its version, or newest.") var kernel = Kernel.always

    func run() throws {
        let initramfs = try Initramfs()
        let guest = try Guest(Kernel(kernel), scenario.topology, initramfs: initramfs.path, isVerbose: true)
        let result = Batch.play(scenario, on: Stage(guest))
        say(guest.consoleText + "\n" + result.line)
        if case .failed = result.verdict { throw ExitCode.failure }
    }
}

extension Scenario: ExpressibleByArgument {
    init?(argument: String) {
        guard let scenario = Self.all.first(where: { $0.name == argument }) else { return nil }
        self = scenario
    }

    static var allValueStrings: [String] { all.map(\.name) }
}

struct Matrix: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Play scenarios on kernels and print a table of how each came out.",
        discussion: """
            By default all scenarios on \(Kernel.always) and the core ones on the newest kernel. Exit status 1: one \
            failed, or was skipped on \(Kernel.always), or that could not be had.
            """)

    @Flag(help: "All scenarios on all kernels.") var all = false
    @Option(name: .customLong("kernel"), help: "All scenarios on this kernel; can be repeated.") var kernels: [String] =
        []
    @Option(help: "Only scenarios whose names contain this; can be repeated.") var only: [String] = []
    @Option(help: "Save the table there, too.") var output: String?

    func run() throws {
        let initramfs = try Initramfs()
        var table = Table(command: "Tests/Lab/lab " + CommandLine.arguments.dropFirst().joined(separator: " "))
        var batches: [Batch] = []
        for (name, isWhole) in wanted {
            do {
                let kernel = try Kernel(name)
                let scenarios = Scenario.all.filter {
                    (isWhole || $0.isCore) && (only.isEmpty || only.contains(where: $0.name.contains))
                }
                table.add(kernel)
                batches += Batch.all(scenarios, on: kernel)
            } catch let skip as Skip {
                say("\(name == Kernel.always ? "FAIL" : "skip")  \(name): \(skip)")
                table.skip(kernel: name, skip.description)
            }
        }
        if batches.isEmpty, !table.hasAbsent {
            throw ValidationError("no scenario's name contains \(only.joined(separator: " or "))")
        }
        let start = ContinuousClock.now
        table.results = playAll(batches, atOnce: 2, initramfs: initramfs.path) { say($0.line) }
        table.seconds = start.duration(to: .now) / .seconds(1)
        say("\n" + table.markdown)
        if let output { try table.markdown.write(toFile: output, atomically: true, encoding: .utf8) }
        if !table.isGood { throw ExitCode.failure }
    }

    private var wanted: [(String, isWhole: Bool)] {
        if all { return Kernel.names.map { ($0, true) } }
        return kernels.isEmpty ? [(Kernel.always, true), ("newest", false)] : kernels.map { ($0, true) }
    }
}

/// Prints a line at once, also into a pipe.
func say(_ line: String) { FileHandle.standardOutput.write(Data((line + "\n").utf8)) }

/// What guests boot from. It has no name and ends with this object.
struct Initramfs {
    private let file: FileHandle
    /// For programs that this one starts.
    var path: String { "/proc/\(getpid())/fd/\(file.fileDescriptor)" }

    init() throws {
        file = try namelessFile()
        let programs = ProcessInfo.processInfo.environment["HUGEAUDIT_LAB_PROGRAMS"] ?? ""
        let outcome = try runTied(
            "Tests/Lab/initramfs", [path] + programs.split(separator: ":").map(String.init))
        guard outcome.status == 0 else { throw Failure("no initramfs: \(outcome.errors)") }
    }
}
