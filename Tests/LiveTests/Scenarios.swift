import Foundation
import PageModel
import TestSupport
import Testing

/// States in which the audit has to look for pages, and the steps that lead there.
private let untraced: [([String], Int)] = [
    (["memfd", "--pages", "6"], 1), (["memfd", "--pages", "6", "--touch", "2"], 1),
    (["sealed", "--pages", "6", "--touch", "4"], 1), (["readonly", "--pages", "6", "--touch", "3"], 1),
    (["sparse", "--pages", "8"], 1), (["cow", "--pages", "4"], 0), (["sysv", "--pages", "6", "--touch", "3"], 1),
    (["shared-by-the-dead", "--pages", "4", "--touch", "2"], 0), (["mountns", "--pages", "4"], 0),
    (["ipcns", "--pages", "4"], 0),
]

extension Live {
    /// Scenario A: a file of 100 huge pages, mapped, then unmapped with its descriptor open, then gone. The failure to
    /// guard against is silence.
    @Test static func leakPagemap() throws {
        try skippingWhatCannotBeHad {
            let stage = try Stage(["file", "--pages", "100"], poolPages: 128)
            let inode = try KernelFile(stage.file).inode
            try stage.expect(mapped: 100)
            if let heads = try Witness.pageTypes(with: [.mmap, .compoundHead], without: .anon) {
                #expect(heads == 100)
            }
            if let tails = try Witness.pageTypes(with: [.mmap, .compoundTail], without: .anon) {
                #expect(tails == 51_100)
            }
            try stage.holder.step()
            try stage.expect(
                HeldTruth(
                    kind: "file", name: stage.file, pages: 100, total: 100, pids: [stage.pid], inode: inode,
                    path: stage.file, user: "root", finding: "file-unmapped", remedy: ["\(stage.pid)"]))
            try stage.holder.step()
            try stage.expect(
                HeldTruth(
                    kind: "deletedFile", name: stage.file, pages: 100, total: 100, pids: [stage.pid], inode: inode,
                    user: "root", finding: "deleted-file-held", remedy: ["\(stage.pid)"]))
            try stage.holder.step()
            try stage.expectAllFree()
        }
    }

    /// Scenario B on the nodes that this machine has: what is asked of one node's own file is there and nowhere else.
    @Test static func perNodeAttributes() throws {
        try skippingWhatCannotBeHad {
            let pool = try HugePool(twoMiB, pages: 0)
            try "16".write(
                toFile: "/sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages", atomically: false,
                encoding: .utf8)
            let rows = try LiveAudit().report.pools.filter { $0.pageSize == twoMiB.bytes }
            #expect(rows.map(\.nr) == [16] + rows.dropFirst().map { _ in 0 })
            #expect(rows.first?.free == 16)
            #expect(rows.first?.surplus == 0)
            pool.set("nr_hugepages", "8")
            let total = try LiveAudit().report.totals.first { $0.pageSize == twoMiB.bytes }
            #expect(total?.nr == 8)
            #expect(total?.free == 8)
        }
    }

    /// A pool made smaller than what is in use keeps surplus pages, and the audit says who must let go.
    @Test static func surplusLingers() throws {
        try skippingWhatCannotBeHad {
            let pool = try HugePool(twoMiB, pages: 16)
            let holder = try Holder(["private", "--pages", "10"])
            pool.set("nr_hugepages", "4")
            let audit = try LiveAudit()
            let finding = try #require(audit.report.findings.first { $0.id == "surplus-lingering" })
            #expect(finding.pages == pool.count("surplus_hugepages"))
            #expect(finding.pages == 6)
            #expect(audit.pages(of: holder.pids[0], twoMiB) == 10)
            #expect(audit.status == 1)
        }
    }

    /// Reserved and untouched pages are inside free, and what is available is less by them.
    @Test static func reservedPagesAreNotAvailable() throws {
        try skippingWhatCannotBeHad {
            let pool = try HugePool(twoMiB, pages: 16)
            let holder = try Holder(["private", "--pages", "10", "--touch", "4"])
            let total = try #require(try LiveAudit().report.totals.first { $0.pageSize == twoMiB.bytes })
            #expect(total.reserved == 6)
            #expect(total.reserved == Int64(pool.count("resv_hugepages")))
            #expect(total.available == 6)
            #expect(total.free == 12)
            #expect(holder.pids.count == 1)
        }
    }

    /// Pages that come and go all the time are never called a leak.
    @Test(arguments: ["exit-race", "resize-fault"]) static func movingPagesAreNoLeak(_ kind: String) throws {
        try skippingWhatCannotBeHad {
            let pool = try HugePool(twoMiB, pages: 32)
            let holder = try Holder([kind, "--pages", "4", "--children", "3"])
            let allowed: Set<String> = ["unsettled", "partial-view"]
            for round in 0..<6 {
                pool.set("nr_hugepages", round.isMultiple(of: 2) ? "24" : "32")
                let audit = try LiveAudit()
                let strange = Set(audit.report.findings.map(\.id)).subtracting(allowed)
                #expect(strange.isEmpty, "round \(round): \(audit.report.findings)")
                #expect(audit.report.taken.settled == !audit.report.findings.contains { $0.id == "unsettled" })
            }
            holder.stop()
            #expect(try LiveAudit().status == 0)
        }
    }

    /// It only reads: every counter is as before, also where it looks for the pages of files that nobody maps, with holes
    /// and without, sealed and read-only. It finds them all.
    @Test(arguments: untraced) static func auditLeavesNoTrace(_ arguments: [String], steps: Int) throws {
        try skippingWhatCannotBeHad {
            let stage = try Stage(arguments, steps: steps)
            let counters = ["nr", "free", "surplus", "resv"].map { "\($0)_hugepages" }
            let before = counters.map(stage.pool.count)
            let report = try LiveAudit().report
            #expect(counters.map(stage.pool.count) == before)
            #expect(!report.holders.isEmpty)
            #expect(report.holders.allSatisfy { $0.nodes != nil })
        }
    }
}
