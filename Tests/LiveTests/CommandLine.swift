import Foundation
import KernelFiles
import PageModel
import SystemPackage
import TestSupport
import Testing

/// One wrong use, and words that the refusal must contain.
struct WrongUse: CustomTestStringConvertible, Sendable {
    let arguments: [String]
    let says: [String]
    var testDescription: String { arguments.joined(separator: " ") }
}

private let wrongUses = [
    WrongUse(arguments: ["--node", "4711"], says: ["no node 4711", "node 0"]),
    WrongUse(arguments: ["--page-size", "4M"], says: ["no huge pages of 4 MiB", "2 MiB"]),
    WrongUse(arguments: ["--page-size", "3M"], says: ["page-size"]),
    WrongUse(arguments: ["--pid", "2147483646"], says: ["no process 2147483646"]),
    WrongUse(arguments: ["--root", "/usr"], says: ["/usr is no saved tree", "sys/kernel/mm/hugepages"]),
    WrongUse(arguments: ["--root", "/nowhere/at\u{1b}[31mall"], says: ["no saved tree", "\\u{1b}[31m"]),
    WrongUse(arguments: ["--format", "yaml"], says: ["text", "json"]),
    WrongUse(arguments: ["--fail-on", "never"], says: ["note", "warning", "error"]),
    WrongUse(arguments: ["--no-such-option"], says: ["no-such-option"]),
    WrongUse(arguments: ["no-such-command"], says: ["no-such-command"]),
]

extension Live {
    @Test(arguments: wrongUses) static func wrongUseIsRefused(_ use: WrongUse) throws {
        let outcome = try run(product("hugeaudit"), use.arguments)
        #expect(outcome.status == 2)
        #expect(outcome.output.isEmpty)
        for words in use.says { #expect(outcome.errors.contains(words), "\(outcome.errors)") }
        #expect(!outcome.errors.contains("\u{1b}"))
    }

    @Test static func aPidThatIsNotThereListsTheHolders() throws {
        try skippingWhatCannotBeHad {
            let pool = try HugePool(twoMiB, pages: 8)
            let holder = try Holder(["private", "--pages", "2"])
            let outcome = try run(product("hugeaudit"), ["--pid", "2147483646"])
            #expect(outcome.errors.contains("\(holder.pids[0])"))
            #expect(pool.count("nr_hugepages") == 8)
        }
    }

    /// What was asked of the pools concerns the audit alone.
    @Test(arguments: [("audit", 1), ("leaks", 0)])
    static func onlyTheAuditJudgesRequests(_ command: String, _ status: Int32) throws {
        let tree = try FixtureTree.shortfall()
        let outcome = try run(product("hugeaudit"), [command, "--root", tree.root.directory.string])
        #expect(outcome.status == status)
        #expect(outcome.output.contains("pool-shortfall") == (status == 1), "\(outcome.output)")
    }

    @Test static func helpAndVersion() throws {
        for arguments in [["--help"], ["audit", "--help"], ["--version"]] {
            let outcome = try run(product("hugeaudit"), arguments)
            #expect(outcome.status == 0)
            #expect(outcome.errors.isEmpty)
            #expect(!outcome.output.isEmpty)
        }
    }

    /// The exit status follows the finding and `--fail-on`; `--quiet` prints nothing.
    @Test static func exitStatusFollowsTheWorstFinding() throws {
        try skippingWhatCannotBeHad {
            let pool = try HugePool(twoMiB, pages: 16)
            let holder = try Holder(["memfd", "--pages", "3"])
            try holder.step()
            let table: [([String], Int32)] = [
                ([], 1), (["--fail-on", "note"], 1), (["--fail-on", "warning"], 1), (["--fail-on", "error"], 0),
                (["--node", "0"], 1), (["--page-size", "2M"], 1), (["--page-size", "2048kB"], 1),
            ]
            for (arguments, status) in table {
                let outcome = try run(product("hugeaudit"), arguments + ["--quiet"])
                #expect(outcome.status == status, "\(arguments)")
                #expect(outcome.output.isEmpty)
            }
            #expect(pool.count("free_hugepages") == 13)
        }
    }

    /// A size without findings is clean though another has one.
    @Test static func pageSizeLimitsTheReport() throws {
        try skippingWhatCannotBeHad {
            let pool = try HugePool(twoMiB, pages: 16)
            guard FileManager.default.fileExists(atPath: "/sys/kernel/mm/hugepages/hugepages-1048576kB") else {
                throw Holder.Unavailable(description: "this kernel has one huge page size only")
            }
            let holder = try Holder(["memfd", "--pages", "3"])
            try holder.step()
            let audit = try LiveAudit("--page-size", "1G")
            #expect(audit.status == 0)
            #expect(Set(audit.report.pools.map(\.pageSize)) == [oneGiB.bytes])
            #expect(Set(audit.report.totals.map(\.pageSize)) == [oneGiB.bytes])
            #expect(pool.count("free_hugepages") == 13)
        }
    }

    /// Nobody reads what it prints, from the beginning on: its exit status, and what it complains of.
    private static func unread(_ program: String, _ arguments: [String]) throws -> (status: Int32, errors: String) {
        let (process, pipe, errors) = (Process(), Pipe(), try namelessFile())
        try pipe.fileHandleForReading.close()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        process.standardOutput = pipe
        process.standardError = errors
        try process.run()
        process.waitUntilExit()
        try errors.seek(toOffset: 0)
        let text = String(decoding: try errors.readToEnd() ?? Data(), as: UTF8.self)
        return (process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus, text)
    }

    /// Findings and a partial view are told by the exit status whether or not somebody reads the report.
    @Test static func aClosedPipeIsQuietAndLeavesTheVerdict() throws {
        let tree = try FixtureTree.shortfall()
        let copy = try publicCopy()
        defer { try? FileManager.default.removeItem(atPath: copy) }
        let (root, own) = (tree.root.directory.string, "\(getpid())")
        let nobody = ["--reuid=65534", "--regid=65534", "--clear-groups", copy, "process", own]
        let table: [(String, [String], Int32)] = [
            (product("hugeaudit"), ["audit", "--root", root], 1), (product("hugeaudit"), ["leaks", "--root", root], 0),
            ("/usr/bin/setpriv", nobody, 3), (product("hugeaudit"), ["track", own, "--interval", "10ms"], 0),
            (product("hugeaudit"), ["--help"], 0),
        ]
        for (program, arguments, status) in table {
            let outcome = try unread(program, arguments)
            #expect(outcome.status == status && outcome.errors == "", "\(arguments): \(outcome)")
        }
        let full = try shell("'\(product("hugeaudit"))' audit --root '\(root)' >/dev/full")
        #expect(full.status == 2 && full.errors.contains("could not write the report"), "\(full)")
    }

    /// The arguments are read from it: without them no other command than the one that was asked for is run.
    @Test(arguments: ["process 1", "run -- echo ran", "--version"])
    static func withoutProcNothingIsDone(_ arguments: String) throws {
        let outcome = try shell(
            "unshare -m sh -c 'umount -l /proc && exec \"$0\" \(arguments)' '\(product("hugeaudit"))'")
        #expect(outcome.status == 2 && outcome.output == "", "\(outcome)")
        #expect(outcome.errors.contains("is /proc mounted"), "\(outcome.errors)")
    }

    /// The verdict comes first, and no colour goes where nobody asked for it.
    @Test static func textStartsWithTheVerdict() throws {
        let outcome = try run(product("hugeaudit"), environment: ["NO_COLOR": ""])
        #expect(outcome.output.hasPrefix("CLEAN: ") || outcome.output.hasPrefix("FINDINGS: "))
        #expect(!outcome.output.contains("\u{1b}"))
        let terminal = { (environment: String, arguments: String) in
            let line =
                "\(environment) TERM=xterm script -qec '\(product("hugeaudit")) \(arguments)' /dev/null </dev/null"
            return try shell(line).output
        }
        #expect(try terminal("env -u NO_COLOR", "").hasPrefix("\u{1b}["))
        #expect(!(try terminal("env NO_COLOR=1", "").contains("\u{1b}[")))
        #expect(!(try terminal("env -u NO_COLOR", "--no-color").contains("\u{1b}[")))
    }

    /// Real output, with findings and without, is as the schema that ships with the tool says.
    @Test static func outputFitsTheSchema() throws {
        try skippingWhatCannotBeHad {
            let pool = try HugePool(twoMiB, pages: 16)
            let holder = try Holder(["memfd", "--pages", "3"])
            for status: Int32 in [0, 1] {
                if status == 1 { try holder.step() }
                let outcome = try run(product("hugeaudit"), ["audit", "--format", "json"])
                #expect(outcome.status == status)
                #expect(try SchemaCheck.complaints(about: outcome.output).isEmpty)
            }
            #expect(pool.count("free_hugepages") == 13)
        }
    }
}
