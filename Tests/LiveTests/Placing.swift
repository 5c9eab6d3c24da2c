import Foundation
import PageModel
import TestSupport
import Testing

extension Live {
    /// Holders of each kind that has a file, two pages each, and 12 pages in all.
    private static func holders(in pool: HugePool) throws -> (stage: Stage, others: [Holder]) {
        let stage = try Stage(["orphan", "--pages", "4"], steps: 2)
        let others = try [["memfd"], ["sealed"], ["readonly"], ["sysv"]].map { kind in
            let path = kind == ["readonly"] ? ["--path", stage.file + "-readonly"] : []
            let holder = try Holder(kind + ["--pages", "2"] + path)
            try holder.step()
            return holder
        }
        return (stage, others)
    }

    private static let counters = ["nr_hugepages", "free_hugepages", "resv_hugepages", "surplus_hugepages"]

    /// `--passive` maps nothing: holders are counted and have no nodes, and say why. With it and without, the counters are
    /// the same afterwards.
    @Test(arguments: [true, false]) static func filesAreLeftAlone(isPassive: Bool) throws {
        try skippingWhatCannotBeHad {
            let pool = try HugePool(twoMiB, pages: 32)
            let (stage, others) = try holders(in: pool)
            let before = counters.map(pool.count)
            let files = try [stage.file, stage.file + "-readonly"].map { try KernelFile($0).pages }
            let calls = try SystemCalls(
                ["userfaultfd", "shmat", "fork", "vfork", "mmap"], of: product("hugeaudit"),
                ["audit", "--format", "json"] + (isPassive ? ["--passive"] : []))
            #expect(calls.outcome.status == 1)
            #expect(calls.calls.contains { $0.name == "userfaultfd" } == !isPassive)
            #expect(calls.calls.contains { $0.name == "shmat" } == !isPassive)
            let maps = calls.calls.filter { $0.name == "mmap" && $0.text.contains(stage.mount?.folder ?? "?") }
            #expect(maps.isEmpty == isPassive)
            let report = try ReportDocument(calls.outcome.output)
            let row = try #require(report.pool(twoMiB.bytes))
            #expect((row.held, row.unexplained) == (12, 0))
            #expect(report.holders.map(\.pages).sorted() == [2, 2, 2, 2, 4])
            #expect(report.holders.allSatisfy { ($0.nodes == nil) == isPassive })
            let reason = "--passive leaves files alone"
            #expect(report.findings.count == 5)
            #expect(
                report.findings.allSatisfy { finding in
                    finding.evidence.contains { $0.says.contains(reason) } == isPassive
                        && (finding.node == nil) == isPassive
                }, "\(report.findings)")
            #expect(counters.map(pool.count) == before)
            #expect(try [stage.file, stage.file + "-readonly"].map { try KernelFile($0).pages } == files)
            #expect(others.count == 4)
        }
    }

    /// Root without the capability that userfaultfd(2) asks for: what lies on mounts is counted without a place; what only
    /// descriptors lead to is not seen, and the report says that it is not.
    @Test static func placingIsRefused() throws {
        try skippingWhatCannotBeHad {
            guard try content("/proc/sys/vm/unprivileged_userfaultfd") == "0" else {
                throw Holder.Unavailable(description: "here everybody may use userfaultfd")
            }
            let stage = try Stage(["orphan", "--pages", "3"], steps: 2)
            let memfd = try Holder(["memfd", "--pages", "2"])
            try memfd.step()
            let (status, report) = try audit(["--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace"])
            #expect(status == 1)
            #expect(report.taken.view == "partial")
            let row = try #require(report.pool(twoMiB.bytes))
            #expect((row.held, row.unexplained) == (3, 2))
            let holder = try #require(report.holders.first)
            #expect((report.holders.count, holder.pages, holder.nodes) == (1, 3, nil))
            let finding = try #require(report.findings.first { $0.id == "orphan-file" })
            #expect(finding.evidence.contains { $0.says.contains("userfaultfd: Operation not permitted") })
            #expect(report.findings.contains { $0.id == "unexplained-pages" && $0.pages == 2 })
            #expect(stage.pool.count("free_hugepages") == 27)
            #expect(memfd.pids.count == 1)
        }
    }

    /// A user who may not read what is needed is told what that is, and no pages are named that were not seen.
    @Test(arguments: [
        ["--reuid=65534", "--regid=65534", "--clear-groups"], ["--bounding-set=-all", "--inh-caps=-all"],
    ])
    static func heldPagesWithoutPrivileges(setpriv: [String]) throws {
        try skippingWhatCannotBeHad {
            let stage = try Stage(["orphan", "--pages", "3"], steps: 2)
            let memfd = try Holder(["memfd", "--pages", "2"])
            try memfd.step()
            let (status, report) = try audit(setpriv)
            #expect(report.taken.view == "partial")
            #expect(!report.unread.isEmpty)
            #expect(report.unread.allSatisfy { !$0.reason.isEmpty && !$0.remedy.isEmpty })
            let row = try #require(report.pool(twoMiB.bytes))
            #expect((row.nr, row.free) == (32, 27))
            let isWorse = report.findings.contains { $0.severity != "note" }
            #expect(status == (isWorse ? 1 : 3))
            #expect(isWorse == (row.unexplained ?? 0 > 0 || row.held ?? 0 > 0), "\(report.findings)")
            #expect(stage.pool.count("free_hugepages") == 27)
        }
    }
}
