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

    @Test static func aClosedPipeIsAQuietSuccess() throws {
        let file = temporaryPath("status")
        defer { try? FileManager.default.removeItem(atPath: file) }
        let line = "( sleep 0.2; '\(product("hugeaudit"))' audit --format json; echo $? > \(file) ) | true"
        let outcome = try shell(line)
        #expect(outcome.errors.isEmpty)
        for _ in 0..<100 where !FileManager.default.fileExists(atPath: file) { usleep(50_000) }
        #expect(try content(file) == "0")
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
