import Foundation
import PageModel
import TestSupport
import Testing

/// One `hugeaudit leaks` on the live machine.
private struct LiveLeaks {
    let status: Int32
    let report: LeaksDocument

    init(_ arguments: String...) throws {
        let outcome = try run(product("hugeaudit"), ["leaks", "--format", "json"] + arguments)
        try #require(outcome.errors.isEmpty, "\(outcome.errors)")
        #expect(try SchemaCheck.complaints(about: outcome.output, against: "hugeaudit.leaks/1") == "")
        status = outcome.status
        report = try LeaksDocument(outcome.output)
    }

    /// Where root, too, is refused single processes a search is partial, and says so.
    func expectNothing() {
        #expect(report.groups.isEmpty && report.unexplained.isEmpty)
        #expect(status == (report.taken.view == "full" ? 0 : 3))
        #expect(report.verdict.level == (report.taken.view == "full" ? "clean" : "partial"))
    }
}

extension Live {
    @Test static func nothingIsLost() throws {
        try skippingWhatCannotBeHad {
            let pool = try HugePool(twoMiB, pages: 16)
            let holder = try Holder(["private", "--pages", "4"])
            try LiveLeaks().expectNothing()
            try LiveLeaks("--pid", "\(holder.pids[0])").expectNothing()
            let text = try run(product("hugeaudit"), ["leaks"])
            #expect(text.status == 0)
            #expect(text.output.hasPrefix("CLEAN: No huge page is held without a mapping, and none is unexplained.\n"))
            #expect(pool.count("free_hugepages") == 12)
        }
    }

    /// The exit status follows `--fail-on`; a process that keeps nothing has lost nothing.
    @Test static func leakOfAnOrphanFile() throws {
        try skippingWhatCannotBeHad {
            let stage = try Stage(["orphan", "--pages", "4"], steps: 2)
            let leaks = try LiveLeaks()
            #expect(leaks.status == 1)
            #expect(leaks.report.verdict.summary == "8 MiB in 1 file, mapped by nobody")
            let group = try #require(leaks.report.groups.first)
            #expect(leaks.report.groups.count == 1)
            #expect([group.kind, group.name, group.finding] == ["file", stage.file, "orphan-file"])
            #expect(group.pages == 4)
            #expect(group.nodes?.map(\.pages) == [4])
            #expect(group.since != nil)
            #expect(group.remedy.hasPrefix("rm -- \(stage.file) "))
            try LiveLeaks("--pid", "\(stage.pid)").expectNothing()
            let table: [([String], [Int32])] = [
                (["--fail-on", "note"], [1]), (["--fail-on", "error"], [0, 3]), (["--page-size", "2M"], [1]),
                (["--passive"], [1]), (["--node", "4711"], [2]), (["--pid", "2147483646"], [2]),
                (["--no-such-option"], [2]),
            ]
            for (arguments, statuses) in table {
                let outcome = try run(product("hugeaudit"), ["leaks", "--quiet"] + arguments)
                #expect(statuses.contains(outcome.status), "\(arguments)")
                #expect(outcome.output.isEmpty)
            }
            #expect(stage.pool.count("free_hugepages") == 28)
        }
    }

    /// Many files alike are one line, older than the other one, and its command removes them and nothing else.
    @Test static func manyFilesAlike() throws {
        try skippingWhatCannotBeHad {
            let pool = try HugePool(twoMiB, pages: 32)
            let mount = try HugetlbMount(twoMiB)
            for number in 0..<20 {
                let made = try run("/usr/bin/fallocate", ["-l", "2M", "\(mount.folder)/rtemap_\(number)"])
                try #require(made.status == 0, "\(made.errors)")
            }
            #expect(try run("/usr/bin/fallocate", ["-l", "6M", "\(mount.folder)/other"]).status == 0)
            try #require(pool.count("free_hugepages") == 9)
            let stamp = ["-d", "2001-02-03T04:05:06Z", "\(mount.folder)/rtemap_7"]
            #expect(try run("/usr/bin/touch", stamp).status == 0)
            let groups = try LiveLeaks().report.groups
            #expect(groups.map(\.name) == ["\(mount.folder)/rtemap_*", "\(mount.folder)/other"])
            #expect(groups.map(\.count) == [20, 1])
            #expect(groups.map(\.pages) == [20, 3])
            #expect(groups.first?.since == "2001-02-03T04:05:06Z")
            let text = try run(product("hugeaudit"), ["leaks"]).output
            #expect(
                text.contains("orphan-file: \(mount.folder)/rtemap_*: 20 files, 40 MiB, no mapper, no descriptor\n"))
            #expect(try shell(try #require(groups.first?.remedy)).status == 0)
            #expect(pool.count("free_hugepages") == 29)
            #expect(try LiveLeaks().report.groups.map(\.name) == ["\(mount.folder)/other"])
        }
    }

    /// What the process keeps open and no longer maps, and not what others keep.
    @Test static func leaksOfOneProcess() throws {
        try skippingWhatCannotBeHad {
            let stage = try Stage(["orphan", "--pages", "5"], steps: 2)
            let holders = [try Holder(["memfd", "--pages", "3"]), try Holder(["memfd", "--pages", "2"])]
            let pids = holders.map { "\($0.pids[0])" }
            try holders[0].step()
            #expect(try LiveLeaks("--pid", pids[0]).report.groups.map(\.pages) == [3])
            try LiveLeaks("--pid", pids[1]).expectNothing()
            try holders[1].step()
            for (pid, pages) in zip(pids, [3, 2] as [UInt64]) {
                let leaks = try LiveLeaks("--pid", pid)
                #expect(leaks.status == 1)
                #expect(leaks.report.groups.map(\.pages) == [pages])
                #expect(leaks.report.groups.map(\.pids) == [[try #require(Int32(pid))]])
                #expect(leaks.report.groups.first?.remedy.hasPrefix("kill \(pid) ") == true)
            }
            #expect(Set(try LiveLeaks().report.groups.map(\.pages)) == [5, 3, 2])
            #expect(try LiveLeaks("--pid", pids[0], "--pid", pids[1]).report.groups.count == 2)
            #expect(stage.pool.count("free_hugepages") == 22)
        }
    }
}
