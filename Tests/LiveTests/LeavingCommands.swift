import Foundation
import PageModel
import TestSupport
import Testing

/// One command under `hugeaudit run`, with the report in a file: what it prints is the command's own.
private struct CommandAudit {
    let outcome: Outcome
    let report: DifferenceDocument

    init(_ options: [String] = [], _ command: String...) throws { try self.init(options, command) }

    init(_ options: [String], _ command: [String]) throws {
        let file = temporaryPath("diff")
        defer { try? FileManager.default.removeItem(atPath: file) }
        outcome = try run(
            product("hugeaudit"), ["run", "--format", "json", "--output", file] + options + ["--"] + command)
        let json = try content(file)
        #expect(try SchemaCheck.complaints(about: json, against: "hugeaudit.diff/1") == "")
        report = try DifferenceDocument(json)
    }

    /// The row of the pool that the tests use.
    var row: DifferenceDocument.Pool? { report.pool(twoMiB.bytes) }

    func expectClean(status: Int32 = 0) {
        #expect(outcome.status == status, "\(report.findings)")
        #expect(report.verdict.level == "clean", "\(report.findings)")
        #expect(report.holders.isEmpty)
        #expect(row?.usedAfter == row?.usedBefore)
    }

    /// One leak of that name and no other, and the exit status by which it is told.
    func expectLeak(_ finding: String, pages: UInt64, remedy: String, status: Int32 = 1) {
        #expect(outcome.status == status)
        #expect(report.verdict.level == "findings")
        let leaks = report.findings.filter { !["partial-view", "process-remains"].contains($0.id) }
        #expect(leaks.map(\.id) == [finding], "\(report.findings)")
        #expect(leaks.map(\.pages) == [pages])
        #expect(leaks.map(\.node) == [0])
        #expect(leaks.first?.remedy.contains(remedy) == true, "\(leaks)")
        #expect(report.holders.map(\.change) == [Int64(pages)])
        #expect(report.holders.first?.nodes?.map(\.node) == [0])
        #expect(row?.held == Int64(pages))
        #expect(row?.unexplained == 0)
    }
}

/// For bash: lets go of all descriptors above 2. Foundation waits for a process until nobody has a socket of its own any more
/// that it hands down, and so for what the process leaves behind.
private let closingOthers = "for n in $(ls /proc/$$/fd); do if [ $n -gt 2 ]; then eval \"exec $n>&-\"; fi; done"

/// Commands that take pages and give them all back.
private let tidyCommands: [[String]] = [
    ["private", "--pages", "5"], ["shared", "--pages", "4", "--touch", "2"], ["memfd", "--pages", "3"],
    ["sysv", "--pages", "3"], ["fork", "--pages", "4", "--children", "2"],
]

extension Live {
    @Test(arguments: tidyCommands) static func aCommandThatLeavesNothing(_ arguments: [String]) throws {
        try skippingWhatCannotBeHad {
            let pool = try HugePool(twoMiB, pages: 16)
            try CommandAudit([], [product("holder")] + arguments).expectClean()
            try expectEverythingFree(in: pool)
        }
    }

    /// What an orphan's maker left before is blamed on nobody; of what is left then, each is told as it is asked for.
    @Test static func aCommandThatLeavesAFile() throws {
        try skippingWhatCannotBeHad {
            let pool = try HugePool(twoMiB, pages: 32)
            let mount = try HugetlbMount(twoMiB)
            let table: [([String], String, Int32)] = [
                ([], "true", 1), (["--leak-exit-code", "42"], "exit 7", 42), (["--leak-exit-code", "0"], "exit 7", 7),
                (["--fail-on", "error"], "exit 6", 6),
            ]
            for (number, (options, ending, status)) in table.enumerated() {
                let file = "\(mount.folder)/file \(number)x"
                let audit = try CommandAudit(options, "sh", "-c", "fallocate -l 8M '\(file)'; \(ending)")
                #expect(try KernelFile(file).pages == 4)
                #expect(audit.row?.usedBefore == UInt64(number * 4))
                #expect(audit.row?.usedAfter == UInt64(number * 4 + 4))
                #expect(audit.row?.peak ?? 0 >= UInt64(number * 4 + 4))
                if options.contains("error") {
                    #expect(audit.outcome.status == status)
                    #expect(audit.report.verdict.summary.hasPrefix("Nothing of severity error, but: 8 MiB left"))
                } else {
                    audit.expectLeak("orphan-file", pages: 4, remedy: "rm -- '\(file)'", status: status)
                    #expect(audit.report.holders.map(\.name) == [file])
                }
            }
            let after = try CommandAudit([], "sh", "-c", "exit 4")
            #expect(after.outcome.status == 4)
            #expect(after.report.findings.allSatisfy { $0.id == "partial-view" })
            try FileManager.default.removeItem(atPath: mount.folder + "/file 0x")
            let gone = try CommandAudit([], "rm", mount.folder + "/file 1x")
            #expect(gone.outcome.status == 0)
            #expect(gone.report.holders.map(\.change) == [-4])
            #expect(pool.count("free_hugepages") == 24)
        }
    }

    /// Killed while it maps its file: the file stays.
    @Test static func aCommandThatIsKilledHalfway() throws {
        try skippingWhatCannotBeHad {
            let pool = try HugePool(twoMiB, pages: 16)
            let mount = try HugetlbMount(twoMiB)
            let file = mount.folder + "/data"
            let script = """
                coproc holder { exec '\(product("holder"))' file --pages 3 --path \(file); }
                read -r line <&${holder[0]}; [[ $line == ready* ]] || exit 99
                kill -9 $holder_PID; wait $holder_PID
                """
            let audit = try CommandAudit(["--leak-exit-code", "0"], "bash", "-c", script)
            audit.expectLeak("orphan-file", pages: 3, remedy: "rm -- \(file)", status: 137)
            #expect(audit.report.command?.status == 137)
            #expect(audit.report.command?.signal == nil)
            #expect(pool.count("free_hugepages") == 13)
            let killed = try CommandAudit([], "sh", "-c", "fallocate -l 2M \(mount.folder)/other; kill -9 $$")
            killed.expectLeak("orphan-file", pages: 1, remedy: "rm -- \(mount.folder)/other")
            #expect(killed.report.command?.signal == 9)
        }
    }

    @Test static func aCommandThatLeavesASegment() throws {
        try skippingWhatCannotBeHad {
            let pool = try HugePool(twoMiB, pages: 16)
            let file = temporaryPath("line")
            defer { try? FileManager.default.removeItem(atPath: file) }
            let script = """
                coproc holder { exec '\(product("holder"))' sysv --pages 3; }
                read -r line <&${holder[0]}; echo "$line" > \(file); kill -9 $holder_PID; wait $holder_PID; exit 0
                """
            let audit = try CommandAudit([], "bash", "-c", script)
            let words = try content(file).split(separator: " ")
            let id = try #require(words.first { $0.hasPrefix("shmid=") }?.dropFirst(6))
            audit.expectLeak("orphan-shm", pages: 3, remedy: "ipcrm -m \(id)")
            #expect(try run("/usr/bin/ipcrm", ["-m", String(id)]).status == 0)
            try expectEverythingFree(in: pool)
        }
    }

    /// A process that it leaves behind and that maps its pages is no leak.
    @Test static func aCommandThatLeavesADaemon() throws {
        try skippingWhatCannotBeHad {
            let pool = try HugePool(twoMiB, pages: 16)
            let folder = temporaryPath("daemon")
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(atPath: folder) }
            let script = """
                \(closingOthers)
                mkfifo \(folder)/input; exec 3<>\(folder)/input
                '\(product("holder"))' private --pages 3 <&3 >\(folder)/ready 2>/dev/null &
                until grep -q ready \(folder)/ready; do sleep 0.05; done; echo $! > \(folder)/pid
                """
            let audit = try CommandAudit([], "bash", "-c", script)
            let pid = try #require(Int32(try content(folder + "/pid")))
            defer { kill(pid, SIGKILL) }
            #expect(audit.outcome.status == 0)
            #expect(audit.report.verdict.level == "clean")
            #expect(audit.report.findings.map(\.id) == ["process-remains"])
            #expect(audit.report.processes.map(\.pid) == [pid])
            #expect(audit.report.processes.map(\.change) == [Int64(3 * twoMiB.bytes)])
            #expect(audit.row?.mapped == 3)
            #expect(pool.count("free_hugepages") == 13)
        }
    }

    /// A child of the command's has its deleted file open for a moment longer, or for good.
    @Test(arguments: [true, false]) static func whatIsFreedLate(isFreed: Bool) throws {
        try skippingWhatCannotBeHad {
            let pool = try HugePool(twoMiB, pages: 16)
            let mount = try HugetlbMount(twoMiB)
            let (file, pidFile) = (mount.folder + "/data", temporaryPath("pid"))
            defer { try? FileManager.default.removeItem(atPath: pidFile) }
            let script = """
                \(closingOthers)
                exec 3<>\(file); fallocate -l 8M \(file); rm \(file)
                sleep \(isFreed ? "0.5" : "600") >/dev/null 2>&1 & echo $! > \(pidFile)
                """
            let audit = try CommandAudit(["--settle", isFreed ? "5m" : "0ms"], "bash", "-c", script)
            if isFreed {
                audit.expectClean()
            } else {
                let pid = try content(pidFile)
                audit.expectLeak("deleted-file-held", pages: 4, remedy: "kill \(pid)")
                kill(try #require(Int32(pid)), SIGKILL)
            }
            try expectEverythingFree(in: pool)
        }
    }

    /// What comes and goes again is seen while it is there.
    @Test static func peakOfACommand() throws {
        try skippingWhatCannotBeHad {
            let pool = try HugePool(twoMiB, pages: 16)
            let mount = try HugetlbMount(twoMiB)
            let file = mount.folder + "/data"
            let audit = try CommandAudit([], "sh", "-c", "fallocate -l 8M \(file); sleep 1; rm \(file)")
            audit.expectClean()
            #expect(audit.row?.usedBefore == 0)
            #expect(audit.row?.peak == 4)
            #expect(
                audit.report.verdict.summary.hasSuffix(
                    "; at the peak 4 pages of 2 MiB (8 MiB) more than before were in use"))
            #expect(audit.report.command?.samples ?? 0 > 3)
            #expect(pool.count("free_hugepages") == 16)
        }
    }
}
