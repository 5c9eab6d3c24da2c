import Foundation
import PageModel
import TestSupport
import Testing

/// Processes that change while they are read.
extension Live {
    /// `hugeaudit process` that stands still in the middle of its work: strace stops it after a system call on a file.
    private final class HaltedProcess {
        private let strace = Process()
        private let output = Pipe()
        private let log = temporaryPath("halted")
        private let walker: PID

        /// - Parameter count: after so many scans of page tables, of one mapping each.
        convenience init(_ pid: PID, afterScans count: Int, word: String? = nil) throws {
            try self.init(word ?? "\(pid)", "/proc/\(pid)/pagemap", "ioctl", count)
        }

        /// - Parameter word: which processes are meant.
        init(_ word: String, _ file: String, _ call: String, _ count: Int) throws {
            guard FileManager.default.fileExists(atPath: "/usr/bin/strace") else {
                throw Holder.Unavailable(description: "strace is not installed")
            }
            strace.executableURL = URL(fileURLWithPath: "/usr/bin/strace")
            let calls = ["-P", file, "-e", "trace=\(call)"]
            let halt = ["-e", "inject=\(call):signal=SIGSTOP:when=\(count)"]
            strace.arguments =
                ["-qq", "-o", log] + calls + halt + [product("hugeaudit"), "process", word, "--format", "json"]
            strace.standardOutput = output
            try strace.run()
            let own = strace.processIdentifier
            let isHalted = { [log] in (try? content(log))?.contains("--- stopped by SIGSTOP") ?? false }
            for _ in 0..<3000 where strace.isRunning && !isHalted() { usleep(10_000) }
            let children = (try? content("/proc/\(own)/task/\(own)/children")) ?? ""
            guard isHalted(), let child = children.split(separator: " ").first.flatMap({ Int32($0) }) else {
                kill(strace.processIdentifier, SIGKILL)
                throw Holder.Unavailable(description: "strace did not stop it: \((try? content(log)) ?? "")")
            }
            walker = PID(child)
        }

        deinit { try? FileManager.default.removeItem(atPath: log) }

        func finish() throws -> (status: Int32, report: ProcessDocument) {
            let (status, text) = finished()
            return (status, try ProcessDocument(text))
        }

        func finished() -> (status: Int32, text: String) {
            kill(walker.rawValue, SIGCONT)
            let text = output.fileHandleForReading.readDataToEndOfFile()
            strace.waitUntilExit()
            return (strace.terminationStatus, String(decoding: text, as: UTF8.self))
        }
    }

    /// What the finding on the partial view says.
    private static func reasons(_ report: ProcessDocument) -> [String] {
        report.findings.flatMap(\.evidence).flatMap { $0.says.components(separatedBy: ": ") }
    }

    /// It says so, and of what: the page tables to their end.
    private static func expectPartial(_ report: ProcessDocument) {
        #expect(report.taken.view == "partial")
        let isTold = report.unread.contains { $0.path == "/proc/\(report.pid)" && $0.what.hasSuffix("to their end") }
        #expect(isTold, "\(report.unread)")
    }

    @Test(arguments: [1, 4, 12]) static func endsInMidWalk(_ count: Int) throws {
        try skippingWhatCannotBeHad {
            let pool = try HugePool(twoMiB, pages: 8)
            let holder = try Holder(["private", "--pages", "4"])
            let pid = holder.pids[0]
            let halted = try HaltedProcess(pid, afterScans: count)
            holder.kill()
            let (status, report) = try halted.finish()
            #expect(status == 3)
            #expect(report.course == "ended" && report.verdict.level == "partial")
            expectPartial(report)
            #expect(reasons(report).contains("process \(pid) ended while it was read"))
            #expect(report.findings.map(\.id) == ["partial-view"])
            #expect(report.places.hugetlbBytes <= 4 << 21)
            #expect(pool.count("free_hugepages") == 8)
        }
    }

    /// Nobody asked for that one: it is listed by the name that it was chosen by, and no reason for doubt. It ends while it is
    /// walked, or when nothing but its name and cgroup was read.
    @Test(arguments: [true, false]) static func oneOfAPatternEnds(inMidWalk: Bool) throws {
        try skippingWhatCannotBeHad {
            let name = "en\(getpid())\(inMidWalk ? "w" : "l")"
            let holder = try Holder(["private", "--memory", "base", "--pages", "4", "--name", name])
            let pid = holder.pids[0]
            let halted =
                inMidWalk
                ? try HaltedProcess(pid, afterScans: 4, word: "\(name)*")
                : try HaltedProcess("\(name)*", "/proc/\(pid)/cgroup", "read", 1)
            holder.kill()
            let (status, text) = halted.finished()
            let list = try ProcessListDocument(text)
            #expect(status == 0 && list.verdict.level == "clean" && list.taken.view == "full", "\(list.verdict)")
            #expect(list.processes.map(\.pid) == [pid.rawValue])
            #expect(list.processes.map(\.name) == [name] && list.processes.map(\.course) == ["ended"])
        }
    }

    /// What it was is told, and that it is no longer that; never a mixture of both.
    @Test(arguments: [1, 4, 12]) static func becomesAnotherProgramInMidWalk(_ count: Int) throws {
        try skippingWhatCannotBeHad {
            let pool = try HugePool(twoMiB, pages: 16)
            let holder = try Holder(["exec", "--pages", "4"])
            let halted = try HaltedProcess(holder.pids[0], afterScans: count)
            try holder.step()
            let (status, report) = try halted.finish()
            #expect(status == 3)
            #expect(report.course == "replaced" && report.verdict.level == "partial")
            expectPartial(report)
            #expect(reasons(report).contains("process \(report.pid) became another program while it was read"))
            #expect(report.findings.map(\.id) == ["partial-view"])
            #expect(report.places.hugetlbBytes <= 4 << 21)
            let again = try LiveProcess(holder.pids[0])
            #expect(again.status == 0 && again.report.course == "complete")
            #expect(again.report.taken.view == "full" && again.report.unread.isEmpty)
            #expect(again.report.places.hugetlbBytes == 4 << 21)
            #expect(pool.count("free_hugepages") == 12)
        }
    }

    /// A fork changes who else has the pages, not where they are.
    @Test(arguments: [1, 4, 12]) static func forksInMidWalk(_ count: Int) throws {
        try skippingWhatCannotBeHad {
            let pool = try HugePool(twoMiB, pages: 8)
            let holder = try Holder(["fork-later", "--pages", "4"])
            let halted = try HaltedProcess(holder.pids[0], afterScans: count)
            try holder.step()
            let (status, report) = try halted.finish()
            #expect(status == 0 && report.course == "complete", "\(report.verdict)")
            #expect(report.taken.view == "full" && report.unread.isEmpty)
            #expect(report.places.hugetlbBytes == 4 << 21)
            let (unique, shared) = (try #require(report.hugetlbUniqueBytes), try #require(report.hugetlbSharedBytes))
            #expect(unique + shared == 4 << 21)
            let again = try LiveProcess(holder.pids[0]).report
            #expect(again.hugetlbUniqueBytes == 0 && again.hugetlbSharedBytes == 4 << 21)
            #expect(pool.count("free_hugepages") == 4)
        }
    }

    /// At any moment: a sentence and one of the four exit statuses, and no page that cannot be.
    @Test(arguments: ["exec-race", "exit-race", "fork-storm"]) static func processesThatNeverRest(_ kind: String) throws
    {
        try skippingWhatCannotBeHad {
            let pool = try HugePool(twoMiB, pages: 32)
            let holder = try Holder([kind, "--pages", "3", "--children", "4"])
            defer { holder.stop() }
            let pid = holder.pids[0]
            var courses: [String: Int] = [:]
            for round in 0..<24 {
                var words = ["\(pid)"]
                if kind != "exec-race", round.isMultiple(of: 2) {
                    // One of the children, which are gone in no time.
                    let children = try content("/proc/\(pid)/task/\(pid)/children").split(separator: " ")
                    words = children.last.map { ["\($0)"] } ?? words
                }
                let outcome = try run(product("hugeaudit"), ["process"] + words + ["--format", "json"])
                #expect((0...3).contains(outcome.status), "\(outcome.errors)")
                if outcome.status == 2 {
                    #expect(outcome.errors.contains("No process is \(words[0])") && words != ["\(pid)"])
                    continue
                }
                let report = try ProcessDocument(outcome.output)
                courses[report.course, default: 0] += 1
                // Private and shared pages of `fork-storm`.
                #expect(report.places.hugetlbBytes <= 6 << 21)
                #expect(report.findings.allSatisfy { $0.id == "partial-view" }, "\(report.findings)")
                #expect(outcome.status == (report.verdict.level == "clean" ? 0 : 3), "\(report.verdict)")
                if kind == "fork-storm", report.pid == pid.rawValue {
                    #expect(report.course == "complete" && report.places.hugetlbBytes == 6 << 21)
                }
                // What was cut short, or refused, is no full view, and nothing else is a partial one.
                let isFull = report.unread.isEmpty
                #expect(report.taken.view == (isFull ? "full" : "partial"))
                #expect(isFull == report.findings.isEmpty && isFull == (outcome.status == 0), "\(report.unread)")
                if ["ended", "replaced"].contains(report.course) { expectPartial(report) }
            }
            // Whoever is still there has not ended.
            #expect(kind != "exec-race" || courses["ended"] == nil, "\(courses)")
            // All of them together, too.
            let all = try run(product("hugeaudit"), ["process", "--all", "--format", "json"])
            #expect([0, 1, 3].contains(all.status), "\(all.errors)")
            #expect(try ProcessListDocument(all.output).processes.contains { $0.pid == pid.rawValue })
            #expect(pool.count("nr_hugepages") == 32)
        }
    }

    /// Where there is nothing to walk it says so.
    @Test static func processesWithoutMemory() throws {
        try skippingWhatCannotBeHad {
            let parent = Process()
            let output = Pipe()
            parent.executableURL = URL(fileURLWithPath: "/bin/bash")
            // The child ends once the shell, which would fetch it, is another program.
            let child = "until [ \"$(cat /proc/$$/comm)\" = sleep ]; do sleep 0.01; done; exec /bin/true"
            parent.arguments = ["-c", "{ \(child); } & echo $!; exec sleep 1000"]
            parent.standardOutput = output
            try parent.run()
            defer {
                kill(parent.processIdentifier, SIGKILL)
                parent.waitUntilExit()
            }
            let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
            let zombie = PID(try #require(Int32(line.trimmingCharacters(in: .whitespacesAndNewlines))))
            for _ in 0..<500 where try !content("/proc/\(zombie)/stat").contains(") Z ") { usleep(10_000) }
            try expectWithoutMemory(zombie, "zombie", "a zombie")
            let threads = try FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap { Int32($0) }
            guard
                let thread = threads.first(where: {
                    (try? content("/proc/\($0)/status"))?.contains("Kthread:\t1") ?? false
                })
            else { throw Holder.Unavailable(description: "no kernel thread is seen here") }
            try expectWithoutMemory(PID(thread), "kernelThread", "a kernel thread")
        }
    }

    private static func expectWithoutMemory(_ pid: PID, _ reason: String, _ said: String) throws {
        let process = try LiveProcess(pid)
        #expect(process.status == 0 && process.report.course == "withoutMemory")
        #expect(process.report.taken.view == "full")
        #expect(process.report.withoutMemoryAs == reason)
        #expect(process.report.verdict.summary.contains(said))
        #expect(process.report.mappings?.isEmpty == true && process.report.residentBytes == 0)
    }

    /// A leader that has ended before its threads: what it had is told by one that lives.
    @Test static func memoryOfALeaderThatHasEnded() throws {
        try skippingWhatCannotBeHad {
            let pool = try HugePool(twoMiB, pages: 8)
            let holder = try Holder(["zombie", "--pages", "3"])
            let process = try LiveProcess(holder.pids[0])
            #expect(process.status == 0 && process.report.course == "complete")
            #expect(process.report.taken.view == "full")
            #expect(process.report.places.hugetlbBytes == 3 << 21)
            #expect(process.report.hugetlbBytes == 3 << 21)
            #expect(pool.count("free_hugepages") == 5)
        }
    }
}
