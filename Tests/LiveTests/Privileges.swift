import Foundation
import PageModel
import TestSupport
import Testing

extension Live {
    /// A copy of the program where every user may run it.
    static func publicCopy() throws -> String {
        let path = temporaryPath("program")
        try FileManager.default.copyItem(atPath: product("hugeaudit"), toPath: path)
        return path
    }

    /// Runs `hugeaudit audit --format json` with fewer privileges, by setpriv.
    static func audit(_ setpriv: [String]) throws -> (status: Int32, report: ReportDocument) {
        let program = try publicCopy()
        defer { try? FileManager.default.removeItem(atPath: program) }
        let outcome = try run("/usr/bin/setpriv", setpriv + [program, "audit", "--format", "json"])
        return (outcome.status, try ReportDocument(outcome.output))
    }

    /// Counters are shown to anybody; what is missing is listed with the privilege; the exit status says "partial".
    @Test static func withoutRoot() throws {
        try skippingWhatCannotBeHad {
            let pool = try HugePool(twoMiB, pages: 16)
            let holder = try Holder(["private", "--pages", "4"])
            let (status, report) = try audit(["--reuid=65534", "--regid=65534", "--clear-groups"])
            #expect(status == 3)
            #expect(report.verdict.level == "partial")
            #expect(report.taken.view == "partial")
            let row = try #require(report.pool(twoMiB.bytes))
            #expect(row.nr == 16)
            #expect(row.free == pool.count("free_hugepages"))
            #expect(row.mapped == nil)
            #expect(row.unexplained == nil)
            #expect(report.unread.contains { $0.path == "/proc/kpageflags" && $0.reason == "Permission denied" })
            #expect(report.unread.contains { $0.path.hasPrefix("/proc/\(holder.pids[0])/") })
            #expect(report.unread.allSatisfy { $0.remedy.contains("root") })
            #expect(report.processes.first?.hugetlbBytes == 4 << 21)
            #expect(report.processes.first?.placements.isEmpty == true)
            #expect(report.findings.contains { $0.id == "partial-view" && $0.severity == "note" })
        }
    }

    /// Root without CAP_SYS_ADMIN reads frames but no frame numbers: the equation closes, numa_maps tells the nodes.
    @Test static func rootWithoutSysAdmin() throws {
        try skippingWhatCannotBeHad {
            let pool = try HugePool(twoMiB, pages: 16)
            let holder = try Holder(["shared", "--pages", "4"])
            let (status, report) = try audit(["--bounding-set=-sys_admin", "--inh-caps=-sys_admin"])
            #expect(status == 3)
            let row = try #require(report.pool(twoMiB.bytes))
            #expect(row.mapped == 4)
            #expect(row.unexplained == 0)
            #expect(row.free == pool.count("free_hugepages"))
            let process = try #require(report.processes.first { $0.pid == holder.pids[0].rawValue })
            #expect(process.placements.map(\.pages) == [4])
            #expect(process.placements.map(\.node) == [0])
            let unread = try #require(report.unread.first { $0.path == "/proc/\(process.pid)/pagemap" })
            #expect(unread.remedy.contains("CAP_SYS_ADMIN"))
        }
    }

    /// A leak seen without the privilege to look into processes is still a leak of nobody known, and no clean bill.
    @Test static func textWithoutRootSaysSo() throws {
        let program = try publicCopy()
        defer { try? FileManager.default.removeItem(atPath: program) }
        let outcome = try run(
            "/usr/bin/setpriv", ["--reuid=65534", "--regid=65534", "--clear-groups", program, "audit"])
        #expect(outcome.status == 3)
        #expect(outcome.output.hasPrefix("PARTIAL: "))
        #expect(outcome.output.contains("/proc/kpageflags"))
        #expect(!outcome.output.contains("accounted for"))
    }

    /// In a PID namespace of its own the audit sees no mapper of what others map: the pages stay mapped, and it says so.
    @Test static func mapperInAnotherPIDNamespace() throws {
        try skippingWhatCannotBeHad {
            let pool = try HugePool(twoMiB, pages: 16)
            let holder = try Holder(["fork", "--pages", "4", "--children", "2"])
            let audit = "'\(product("hugeaudit"))' audit --format json"
            let outcome = try shell("unshare --pid --fork --mount-proc \(audit)")
            #expect(outcome.status == 1)
            let report = try ReportDocument(outcome.output)
            #expect(report.pool(twoMiB.bytes)?.mapped == 4)
            #expect(report.pool(twoMiB.bytes)?.unexplained == 0)
            #expect(report.processes.isEmpty)
            let finding = try #require(report.findings.first)
            #expect(report.findings.map(\.id) == ["mapper-not-seen"])
            #expect(finding.pages == 4)
            #expect(
                finding.evidence.contains { $0.path == "/proc/kpagecount" && $0.says == "they are mapped 12 times" })
            #expect(holder.pids.count == 3)
            #expect(pool.count("free_hugepages") == 12)
        }
    }

    /// A process whose name, arguments and path are full of control characters is listed, and nothing breaks.
    @Test static func hostileNames() throws {
        try skippingWhatCannotBeHad {
            let pool = try HugePool(twoMiB, pages: 16)
            let holder = try Holder(["private", "--pages", "2", "--name", "\\x1b[2J\\nX\\xff\\x07"])
            let text = try run(product("hugeaudit")).output
            #expect(text.contains("\\u{1b}[2J\\nX\\xff\\u{7}"))
            #expect(text.unicodeScalars.allSatisfy { $0 == "\n" || $0.value >= 0x20 })
            let json = try run(product("hugeaudit"), ["--format", "json"]).output
            let process = try #require(try ReportDocument(json).processes.first { $0.pid == holder.pids[0].rawValue })
            #expect(process.name == "\u{1b}[2J\nX\u{fffd}\u{7}")
            #expect(try SchemaCheck.complaints(about: json).isEmpty)
            #expect(pool.count("free_hugepages") == 14)
        }
    }
}
