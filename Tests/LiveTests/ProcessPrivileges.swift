import Foundation
import PageModel
import TestSupport
import Testing

/// What is told of a process to whom the kernel does not show all.
extension Live {
    private static let nobody = ["--reuid=65534", "--regid=65534", "--clear-groups"]

    /// Runs `hugeaudit process` with fewer privileges, by setpriv.
    private static func process(_ pid: PID, _ setpriv: [String]) throws -> (Int32, ProcessDocument) {
        let program = try publicCopy()
        defer { try? FileManager.default.removeItem(atPath: program) }
        let outcome = try run("/usr/bin/setpriv", setpriv + [program, "process", "\(pid)", "--format", "json"])
        try #require(outcome.errors.isEmpty, "\(outcome.errors)")
        #expect(try SchemaCheck.complaints(about: outcome.output, against: "hugeaudit.process/1") == "")
        return (outcome.status, try ProcessDocument(outcome.output))
    }

    /// Root without CAP_SYS_ADMIN, and a user who looks at a process of his own: nodes come from numa_maps, and kinds are not
    /// known, which is said.
    @Test(arguments: [false, true]) static func processWithHiddenFrames(isOwnUsers: Bool) throws {
        try skippingWhatCannotBeHad {
            let pool = try HugePool(twoMiB, pages: 8)
            let program = try publicHolder()
            defer { try? FileManager.default.removeItem(atPath: program) }
            let words = ["mixture", "--parts", "hugetlb-private,base,zero,file,shm"]
            let holder =
                isOwnUsers
                ? try Holder(nobody + [program] + words, program: "/usr/bin/setpriv")
                : try Holder(words, program: program)
            defer { holder.stop() }
            let pid = holder.pids[0]
            let (said, (status, report)) = try Mixture.still({ try NumaMapsWitness(pid) }) {
                try process(pid, isOwnUsers ? nobody : ["--bounding-set=-sys_admin", "--inh-caps=-sys_admin"])
            }
            #expect(status == 3 && report.verdict.level == "partial" && report.taken.view == "partial")
            #expect(report.course == "complete" && !report.taken.classified)
            #expect(report.bytesByMapping == said.bytes)
            #expect(report.placements.allSatisfy { $0.kind == nil || $0.kind == "hugetlb" })
            #expect(report.placements.hugetlbBytes == 2 << 21)
            #expect(report.uniqueBytes == nil && report.proportionalBytes == nil && report.frames == nil)
            #expect(report.findings.map(\.id) == ["partial-view"])
            let unread = try #require(report.unread.first { $0.path.hasPrefix("/proc/") })
            #expect(
                report.unread.contains { $0.remedy.contains("CAP_SYS_ADMIN") || $0.remedy.contains("root") },
                "\(unread)")
            #expect(pool.count("free_hugepages") == 6)
        }
    }

    /// Another user's process: its status is all that can be read.
    @Test static func processOfAnotherUser() throws {
        try skippingWhatCannotBeHad {
            let pool = try HugePool(twoMiB, pages: 8)
            let holder = try Holder(["private", "--pages", "3"])
            let (status, report) = try process(holder.pids[0], nobody)
            #expect(status == 3 && report.verdict.level == "partial")
            #expect(report.course == "refused" && report.placements.isEmpty)
            #expect(report.residentBytes == nil && report.uniqueBytes == nil)
            #expect(report.hugetlbBytes == 3 << 21 && report.rssBytes != nil)
            #expect(report.unread.contains { $0.path.hasPrefix("/proc/\(holder.pids[0])/") })
            #expect(report.unread.allSatisfy { !$0.remedy.isEmpty })
            #expect(pool.count("free_hugepages") == 5)
        }
    }

    /// A copy of the holder where every user may run it.
    private static func publicHolder() throws -> String {
        let path = temporaryPath("holder")
        try FileManager.default.copyItem(atPath: product("holder"), toPath: path)
        return path
    }
}
