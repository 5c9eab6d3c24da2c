import Foundation
import PageModel
import TestSupport
import Testing

extension Live {
    /// Scenario A: a file of 100 huge pages, mapped, then unmapped with its descriptor open, then gone. The failure to
    /// guard against is silence.
    @Test static func leakPagemap() throws {
        try skippingWhatCannotBeHad {
            let pool = try HugePool(twoMiB, pages: 128)
            let mount = try HugetlbMount(twoMiB)
            let holder = try Holder(["file", "--pages", "100", "--path", mount.folder + "/leak"])
            let mapped = try LiveAudit()
            #expect(mapped.report.pool(twoMiB.bytes)?.mapped == 100)
            #expect(mapped.status == 0)
            if let heads = try Witness.pageTypes(with: [.mmap, .compoundHead], without: .anon) {
                #expect(heads == 100)
            }
            if let tails = try Witness.pageTypes(with: [.mmap, .compoundTail], without: .anon) {
                #expect(tails == 51_100)
            }

            for state in ["munmap with the descriptor open", "unlink with the descriptor open"] {
                try holder.step()
                let held = try LiveAudit()
                let row = try #require(held.report.pool(twoMiB.bytes))
                #expect(row.mapped == 0, "\(state)")
                #expect(row.unexplained == 100, "\(state)")
                #expect(held.status == 1, "\(state)")
                let finding = try #require(held.report.findings.first { $0.id == "unexplained-pages" })
                #expect(finding.pages == 100)
                #expect(finding.bytes == 100 << 21)
                #expect(finding.node == 0)
                #expect(held.report.taken.passes >= 3, "a shortfall is believed when it has stood")
            }
            try holder.step()
            let closed = try LiveAudit()
            #expect(closed.report.pool(twoMiB.bytes)?.unexplained == 0)
            #expect(closed.report.pool(twoMiB.bytes)?.free == 128)
            #expect(closed.status == 0)
            #expect(pool.count("free_hugepages") == 128)
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
            let allowed: Set<String> = ["unsettled"]
            for round in 0..<12 {
                pool.set("nr_hugepages", round.isMultiple(of: 2) ? "24" : "32")
                let audit = try LiveAudit()
                let strange = Set(audit.report.findings.map(\.id)).subtracting(allowed)
                #expect(strange.isEmpty, "round \(round): \(audit.report.findings)")
                #expect(audit.report.taken.settled == audit.report.findings.isEmpty)
            }
            holder.stop()
            #expect(try LiveAudit().status == 0)
        }
    }

    /// It only reads: every counter is as before.
    @Test static func auditLeavesNoTrace() throws {
        try skippingWhatCannotBeHad {
            let pool = try HugePool(twoMiB, pages: 16)
            let holder = try Holder(["memfd", "--pages", "6", "--touch", "2"])
            try holder.step()
            let counters = ["nr", "free", "surplus", "resv"].map { "\($0)_hugepages" }
            let before = counters.map(pool.count)
            _ = try LiveAudit()
            #expect(counters.map(pool.count) == before)
        }
    }
}
