import Foundation
import PageModel
import TestSupport
import Testing

extension Live {
    /// A cgroup that may use four pages and has reserved six in a child: told before it happens, when it has happened, and
    /// mended by the command that the finding gives.
    @Test(arguments: LimitedCgroup.Version.allCases)
    static func cgroupThatMayReserveMoreThanItMayUse(_ version: LimitedCgroup.Version) throws {
        try skippingWhatCannotBeHad {
            let pool = try HugePool(twoMiB, pages: 16)
            let cgroup = try LimitedCgroup(version, name: "hugeaudit \(version) \(getpid()).slice")
            let prefix = "\(cgroup.folder)/hugetlb.2MB."
            let (limit, reservedLimit) =
                version == .v1 ? ("limit_in_bytes", "rsvd.limit_in_bytes") : ("max", "rsvd.max")
            try cgroup.set("hugetlb.2MB.\(limit)", 8 << 20)

            let risk = try inCgroup(cgroup, touching: 2) { holder in
                let audit = try LiveAudit()
                #expect(audit.status == 1)
                #expect(audit.pages(of: holder.pids[0], twoMiB) == 2)
                #expect(audit.report.processes.first?.cgroup == cgroup.path + "/kid")
                #expect(
                    throws: (any Error).self, "the kernel lets no limit be set below what is reserved",
                    performing: { try cgroup.set("hugetlb.2MB.\(reservedLimit)", 8 << 20) })
                return try finding(audit)
            }
            #expect((risk.severity, risk.pages, risk.bytes) == ("warning", 2, 4 << 20))
            #expect(
                risk.message
                    == "Cgroup \(cgroup.path) has reserved 6 pages of 2 MiB (12 MiB) and may use 4 pages of 2 MiB "
                    + "(8 MiB): the first touch of a page beyond that is a SIGBUS")
            #expect(risk.remedy.contains("echo 12582912 > '\(prefix)\(limit)'"))
            let says = Dictionary(uniqueKeysWithValues: risk.evidence.map { ($0.path, $0.says) })
            #expect(says["\(prefix)\(limit)"] == "no more than 8388608 bytes may be used")
            #expect(says["\(prefix)\(reservedLimit)"] == "no limit may be reserved")
            let names = version == .v1 ? ["rsvd.usage_in_bytes", "usage_in_bytes"] : ["rsvd.current", "current"]
            #expect(says[prefix + names[0]] == "12582912 bytes are reserved")
            #expect(says[prefix + names[1]] == "4194304 bytes are used")

            let killed = try #require(throws: Holder.Unavailable.self) { try inCgroup(cgroup, touching: 6) { _ in } }
            #expect(killed.description.contains("touch a page"))
            let refused = try LiveAudit()
            #expect(refused.status == 1)
            let refusal = try finding(refused)
            let what = version == .v1 ? "a page" : "a page or a reservation"
            #expect(refusal.severity == "warning")
            #expect(
                refusal.message
                    == "Cgroup \(cgroup.path) was refused \(what) of 2 MiB once: it may use 4 pages of 2 MiB "
                    + "(8 MiB)")

            let command = try #require(refusal.remedy.components(separatedBy: "in place of SIGBUS: ").last)
            #expect(try shell(command).status == 0)
            let failed = try #require(throws: Holder.Unavailable.self) { try inCgroup(cgroup, touching: 6) { _ in } }
            #expect(failed.description.contains("mmap"))
            let mended = try LiveAudit()
            #expect(mended.status == 0)
            #expect(try finding(mended).severity == "note")
            #expect(try finding(mended).message.contains(" 2 times: "))
            #expect(pool.count("free_hugepages") == 16)
        }
    }

    /// A holder of six private pages in a child of `cgroup`.
    private static func inCgroup<Value>(
        _ cgroup: LimitedCgroup, touching pages: Int, _ body: (Holder) throws -> Value
    ) throws -> Value {
        let holder = try Holder(["private", "--pages", "6", "--touch", "\(pages)"], in: cgroup.processes)
        defer { holder.stop() }
        return try body(holder)
    }

    /// The only one.
    private static func finding(_ audit: LiveAudit) throws -> ReportDocument.Finding {
        #expect(audit.report.findings.map(\.id) == ["cgroup-sigbus-risk"])
        #expect(audit.report.unread.isEmpty)
        return try #require(audit.report.findings.first)
    }
}
