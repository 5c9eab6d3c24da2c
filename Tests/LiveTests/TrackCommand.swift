import Foundation
import TestSupport
import Testing

/// `hugeaudit track` of a holder, which goes on until it is told to end.
private final class Tracking {
    private let process = Process()
    private let output: FileHandle
    private let errors: FileHandle

    init(_ arguments: [String]) throws {
        (output, errors) = (try namelessFile(), try namelessFile())
        process.executableURL = URL(fileURLWithPath: product("hugeaudit"))
        process.arguments = ["track"] + arguments
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = errors
        try process.run()
    }

    deinit { if process.isRunning { process.terminate() } }

    var text: String {
        (try? String(contentsOfFile: "/proc/self/fd/\(output.fileDescriptor)", encoding: .utf8)) ?? ""
    }
    var errorText: String {
        (try? String(contentsOfFile: "/proc/self/fd/\(errors.fileDescriptor)", encoding: .utf8)) ?? ""
    }

    /// Until it has printed that many lines more.
    func wait(lines: Int) {
        let end = text.split(separator: "\n").count + lines
        for _ in 0..<3000 {
            guard process.isRunning, text.split(separator: "\n").count < end else { return }
            usleep(10_000)
        }
    }

    /// Its exit status.
    func end(by signal: Int32? = nil) -> Int32 {
        if let signal { kill(process.processIdentifier, signal) }
        process.waitUntilExit()
        return process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus
    }
}

extension Live {
    @Test(arguments: [SIGINT, SIGTERM, SIGHUP]) static func trackingUntilASignal(_ signal: Int32) throws {
        try skippingWhatCannotBeHad {
            let holder = try Holder(["turns", "--memory", "base", "--pages", "1000"])
            let tracking = try Tracking(["\(holder.pids[0])", "--interval", "30ms", "--format", "json"])
            tracking.wait(lines: 1)
            try holder.step()
            tracking.wait(lines: 2)
            #expect(tracking.end(by: signal) == 0)
            #expect(tracking.errorText == "")
            let document = try TrackDocument(tracking.text)
            #expect(document.summary.ending == "interrupted")
            #expect(document.summary.taken.samples == UInt64(document.samples.count))
            #expect(document.samples.map(\.sample) == (1...UInt64(document.samples.count)).map { $0 })
            let came = document.summary.totals?["came"]?.pages ?? 0
            #expect((500..<600).contains(came), "\(document.summary)")
            let address = try #require(holder.ready["address"].flatMap { UInt64($0.dropFirst(2), radix: 16) })
            let ranges = document.samples.flatMap { $0.ranges ?? [] }
            let half = "0x" + String(address + 500 * 4096, radix: 16)
            #expect(ranges.contains { $0.start == half && $0.kind == "came" && $0.to == 0 }, "\(ranges)")
            for line in tracking.text.split(separator: "\n") {
                #expect(try SchemaCheck.complaints(about: String(line), against: "hugeaudit.track/1") == "")
            }
        }
    }

    /// Page by page, and nothing else became of them. The process itself is told the same at each step.
    @Test static func trackingOfPagesThatGoToSwapAndComeBack() throws {
        try skippingWhatCannotBeHad {
            let swap = try MachineChange.swap()
            defer { swap.undo() }
            let holder = try Holder(["swapping", "--memory", "base", "--pages", "2000"])
            defer { holder.stop() }
            let pid = holder.pids[0]
            let tracking = try Tracking(["\(pid)", "--interval", "30ms", "--format", "json"])
            tracking.wait(lines: 2)
            for swapped in [UInt64(1000), 0] {
                try holder.step()
                tracking.wait(lines: 3)
                let (said, report) = try Mixture.still({ try KilobyteFields(pid, "smaps_rollup")["Swap"] }) {
                    try LiveProcess(pid).report
                }
                #expect(said == swapped * 4096 && report.swappedBytes == swapped * 4096)
            }
            #expect(tracking.end(by: SIGTERM) == 0)
            let document = try TrackDocument(tracking.text)
            let address = try #require(holder.ready["address"].flatMap { UInt64($0.dropFirst(2), radix: 16) })
            let pages = Set(address / 4096..<address / 4096 + 1000)
            var seen: [String: Set<UInt64>] = [:]
            for range in document.samples.flatMap({ $0.ranges ?? [] }) {
                let start = try #require(UInt64(range.start.dropFirst(2), radix: 16)) / 4096
                let end = try #require(UInt64(range.end.dropFirst(2), radix: 16)) / 4096
                seen[range.kind, default: []].formUnion(start..<end)
            }
            for kind in ["swappedOut", "swappedIn"] {
                #expect(document.summary.totals?[kind]?.pages == 1000)
                #expect(seen.removeValue(forKey: kind) == pages, "\(kind)")
            }
            #expect(seen.values.allSatisfy { $0.isDisjoint(with: pages) }, "\(seen.keys)")
            #expect(document.samples.allSatisfy { $0.rangesLeftOut ?? 0 == 0 })
        }
    }

    /// What happened since the last sample is told, and a signal or the end of the time is no reason to compare nothing.
    @Test(arguments: [SIGINT, SIGTERM]) static func trackingEndsWithALastSample(_ signal: Int32) throws {
        try skippingWhatCannotBeHad {
            let holder = try Holder(["turns", "--memory", "base", "--pages", "1000"])
            let tracking = try Tracking(["\(holder.pids[0])", "--interval", "1m", "--format", "json"])
            tracking.wait(lines: 1)
            try holder.step()
            #expect(tracking.end(by: signal) == 0)
            let document = try TrackDocument(tracking.text)
            #expect(document.samples.count == 2 && document.summary.ending == "interrupted")
            #expect((500..<600).contains(document.summary.totals?["came"]?.pages ?? 0), "\(document.summary)")
            let timed = try run(
                product("hugeaudit"),
                ["track", "\(holder.pids[0])", "--duration", "1ms", "--interval", "1m", "--format", "json"])
            #expect(timed.status == 0)
            #expect(try TrackDocument(timed.output).samples.count == 2)
        }
    }

    /// A process has the number of its leader only.
    @Test static func trackingOfAThread() throws {
        let tasks = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task").compactMap { Int32($0) }
        let thread = try #require(tasks.first { $0 != getpid() })
        let outcome = try run(product("hugeaudit"), ["track", "\(thread)", "--count", "2", "--interval", "1ms"])
        #expect(outcome.status == 2 && outcome.output == "")
        #expect(outcome.errors.contains("There is no process \(thread)"), "\(outcome.errors)")
    }

    /// Nothing is printed that looks like the beginning of an answer.
    @Test(arguments: ["text", "json"]) static func trackingWithHiddenFrames(_ format: String) throws {
        let copy = try publicCopy()
        defer { try? FileManager.default.removeItem(atPath: copy) }
        let outcome = try run(
            "/usr/bin/setpriv",
            ["--bounding-set=-sys_admin", "--inh-caps=-sys_admin", copy, "track", "\(getpid())", "--format", format])
        #expect(outcome.status == 2 && outcome.output == "", "\(outcome)")
        #expect(outcome.errors.contains("frames"), "\(outcome.errors)")
    }

    @Test static func trackingOfAProcessThatEnds() throws {
        try skippingWhatCannotBeHad {
            let holder = try Holder(["exit", "--memory", "base", "--pages", "4"])
            let tracking = try Tracking(["\(holder.pids[0])", "--interval", "30ms"])
            tracking.wait(lines: 4)
            try holder.step()
            holder.stop()
            #expect(tracking.end() == 0)
            #expect(tracking.text.contains(", until the process ended.\n"), "\(tracking.text)")
            #expect(!tracking.text.contains("\r"), "no terminal, no progress")
        }
    }

    @Test static func trackingForSoManySamplesOrSoLong() throws {
        let pid = "\(getpid())"
        let counted = try run(
            product("hugeaudit"), ["track", pid, "--count", "3", "--interval", "10ms", "--format", "json"])
        #expect(counted.status == 0)
        #expect(try TrackDocument(counted.output).samples.count == 3)
        #expect(try TrackDocument(counted.output).summary.ending == "done")
        let timed = try run(
            product("hugeaudit"),
            ["track", pid, "--duration", "250ms", "--interval", "1m", "--format", "json", "--quiet"])
        #expect(timed.status == 0)
        #expect(timed.output.split(separator: "\n").count == 1)
        #expect(try TrackDocument(timed.output).summary.taken.samples == 2)
    }

    @Test static func trackingOfNothing() throws {
        let cases = [
            (["2147483647"], "There is no process 2147483647"), (["2"], "is a kernel thread, or has ended"),
            (["1", "--count", "1"], "--count must be at least 2"), (["1", "--interval", "0ms"], "--interval must be"),
            (["1", "--duration", "0s"], "--duration must be at least 1ms"),
        ]
        for (arguments, reason) in cases {
            let outcome = try run(product("hugeaudit"), ["track"] + arguments)
            #expect(outcome.status == 2)
            #expect(outcome.errors.contains(reason), "\(outcome.errors)")
            #expect(outcome.output == "")
        }
    }

    /// The line that is written again and again is the terminal's alone.
    @Test static func trackingOnATerminal() throws {
        let command = "\(product("hugeaudit")) track \(getpid()) --count 2 --interval 10ms"
        let outcome = try shell("TERM=xterm script -qec '\(command)' /dev/null </dev/null")
        #expect(outcome.output.contains("\r\u{1b}[K"))
        #expect(outcome.output.contains("samples: 2, as long as was asked for."))
        let dumb = try shell("TERM=dumb script -qec '\(command)' /dev/null </dev/null")
        #expect(!dumb.output.contains("\u{1b}"))
    }

    @Test static func aClosedPipeEndsTrackingQuietly() throws {
        let line = "'\(product("hugeaudit"))' track \(getpid()) --interval 10ms | head -1; echo ${PIPESTATUS[0]}"
        let outcome = try shell(line)
        #expect(outcome.errors.isEmpty)
        #expect(outcome.output.hasSuffix("\n0\n"), "\(outcome.output)")
    }
}
