import Foundation
import PageModel
import TestSupport
import Testing

/// Everything that touches this machine's pools, mounts or processes: one test after the other, as they share one kernel.
@Suite(.serialized, .enabled(if: geteuid() == 0, "live tests need root"))
enum Live {}

let twoMiB = PageSize(bytes: 2 << 20)!
let oneGiB = PageSize(bytes: 1 << 30)!

/// Runs `body`, and skips the test with the reason where this machine cannot have the state that it needs. The reason is
/// printed, too, because the testing library keeps silent about a single case of several.
func skippingWhatCannotBeHad(_ body: () throws -> Void) throws {
    do { try body() } catch let reason as Holder.Unavailable {
        print("➜ \(Test.current?.name ?? "A test") skipped a case: \(reason)")
        try Test.cancel("\(reason)")
    }
}

/// One audit of the live machine by the program itself.
struct LiveAudit {
    let status: Int32
    let report: ReportDocument

    init(_ arguments: String...) throws {
        let outcome = try run(product("hugeaudit"), ["audit", "--format", "json"] + arguments)
        status = outcome.status
        try #require(outcome.errors.isEmpty, "\(outcome.errors)")
        report = try ReportDocument(outcome.output)
    }

    /// All placements of one process, as pages by page size; nil where it is not listed.
    func pages(of process: PID, _ size: PageSize) -> UInt64? {
        report.processes.first { $0.pid == process.rawValue || $0.siblings.contains(process.rawValue) }?
            .placements.filter { $0.pageSize == size.bytes }.reduce(0) { $0 + $1.pages }
    }
}

extension LiveAudit {
    /// All but the note that the view is partial, which `expectVerdict` judges.
    var findings: [ReportDocument.Finding] { report.findings.filter { $0.id != "partial-view" } }

    /// The verdict and the exit status. On some machines root, too, is refused single processes, the first one mostly: then
    /// a search that goes through all of them is partial, and says so, and only then.
    func expectVerdict(isClean: Bool) {
        for unread in report.unread {
            #expect(Witness.isRefused(unread.path), "\(unread) could have been read")
        }
        let isPartial = !report.unread.isEmpty
        #expect(report.taken.view == (isPartial ? "partial" : "full"))
        #expect(status == (!isClean ? 1 : isPartial ? 3 : 0), "\(report.findings)")
        #expect(report.verdict.level == (!isClean ? "findings" : isPartial ? "partial" : "clean"))
    }
}

/// What tools other than ours say.
enum Witness {
    /// The process that `path` belongs to does not let this one, root as well, look at what it has.
    static func isRefused(_ path: String) -> Bool {
        let parts = path.split(separator: "/")
        guard parts.count > 1, parts[0] == "proc", Int32(parts[1]) != nil else { return false }
        var target: CChar = 0
        return readlink("/proc/\(parts[1])/ns/mnt", &target, 1) < 0 && [EACCES, EPERM].contains(errno)
    }

    /// Huge pages of `process` by numastat, all nodes together. It takes each page for one of the default size, so that
    /// its MiB are right for that size only; as a count of pages they are right for all.
    static func numastat(_ process: PID) throws -> UInt64? {
        let row = try run("/usr/bin/numastat", ["-p", "\(process)"]).table.first { $0.first == "Huge" }
        let size = try content("/proc/meminfo").split(separator: "\n").first { $0.hasPrefix("Hugepagesize:") }
        let kilobytes = size.flatMap { Double($0.split(whereSeparator: \.isWhitespace)[1]) }
        guard let amount = row?.last.flatMap({ Double($0) }), let kilobytes else { return nil }
        return UInt64(amount * 1024 / kilobytes)
    }

    /// Pages of each size by the `N0=` fields of the hugetlb lines in numa_maps.
    static func numaMaps(_ process: PID, _ size: PageSize) throws -> UInt64 {
        var pages: UInt64 = 0
        for line in try content("/proc/\(process)/numa_maps").split(separator: "\n") {
            let fields = line.split(separator: " ")
            guard fields.contains("huge"), fields.contains("kernelpagesize_kB=\(size.bytes / 1024)") else { continue }
            for field in fields where field.first == "N" {
                pages += field.split(separator: "=").last.flatMap { UInt64($0) } ?? 0
            }
        }
        return pages
    }

    /// `HugetlbPages`. Unit: bytes.
    static func status(_ process: PID) throws -> UInt64? {
        try content("/proc/\(process)/status").split(separator: "\n").first { $0.hasPrefix("HugetlbPages:") }
            .flatMap { UInt64($0.split(whereSeparator: \.isWhitespace)[1]) }.map { $0 * 1024 }
    }

    /// HUGE base pages of all memory by page-types, those with every flag of `flags` and none of `without`.
    static func pageTypes(with flags: PageFlags, without: PageFlags = []) throws -> UInt64? {
        guard let program = ProcessInfo.processInfo.environment["HUGEAUDIT_PAGE_TYPES"] else { return nil }
        return try run(program, ["-b", "huge", "-r"]).table.reduce(0) { sum, row in
            guard row.count > 2, row[0].hasPrefix("0x"), let word = UInt64(row[0].dropFirst(2), radix: 16),
                let pages = UInt64(row[1]), PageFlags(rawValue: word).isSuperset(of: flags.union(.huge)),
                PageFlags(rawValue: word).isDisjoint(with: without)
            else { return sum }
            return sum + pages
        }
    }
}
