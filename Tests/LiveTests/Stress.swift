import PageModel
import TestSupport
import Testing

extension Live {
    /// Processes that fork, map, unmap and exit, and a pool that is resized all the time: no audit of any moment takes what
    /// moves for a leak, and when all is still again, all is free.
    @Test static func churnIsNoLeak() throws {
        try skippingWhatCannotBeHad {
            let pool = try HugePool(twoMiB, pages: 48)
            // At most 3 × 2 pages and as many copies on write: never more than the least that the pool is.
            let resizer = try Holder(["resize", "--pages", "48"])
            let churner = try Holder(["churn", "--pages", "2", "--children", "3"])
            var sawMotion = false
            let end = ContinuousClock.now + .seconds(60)
            while ContinuousClock.now < end {
                let report = try LiveAudit().report
                let isAllowed = { (finding: ReportDocument.Finding) in
                    ["unsettled", "partial-view"].contains(finding.id) || finding.severity == "note"
                }
                let strange = report.findings.filter { !isAllowed($0) }
                #expect(strange.isEmpty)
                sawMotion = sawMotion || report.taken.passes > 1
            }
            #expect(sawMotion, "nothing moved during any audit")
            churner.stop()
            resizer.stop()
            pool.set("nr_hugepages", "48")
            try expectEverythingFree(in: pool)
            #expect(pool.count("surplus_hugepages") == 0)
        }
    }
}
