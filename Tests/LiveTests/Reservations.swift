import Foundation
import PageModel
import TestSupport
import Testing

/// Who has reserved pages of 2 MiB that nobody has touched, in one state of a holder.
struct ReservedState: CustomTestStringConvertible, Sendable {
    let arguments: [String]
    var steps = 0
    /// Nil where nothing is reserved.
    let kind: String?
    let pages: UInt64
    /// Whether the holder's PID is that of the row; it need not be where the kernel knows a file only.
    var isNamed = false

    var testDescription: String { (arguments + ["\(steps) steps"]).joined(separator: " ") }
}

private let states = [
    ReservedState(arguments: ["private", "--pages", "10", "--touch", "4"], kind: "private", pages: 6, isNamed: true),
    ReservedState(arguments: ["private", "--pages", "3", "--touch", "0"], kind: "private", pages: 3, isNamed: true),
    ReservedState(arguments: ["noreserve", "--pages", "8", "--touch", "2"], kind: nil, pages: 0),
    // What fork copies has no claim: the maker's is the only one.
    ReservedState(
        arguments: ["fork", "--pages", "4", "--touch", "1", "--children", "2"], kind: "private", pages: 3, isNamed: true
    ),
    ReservedState(arguments: ["shared", "--pages", "6", "--touch", "2"], kind: "sharedMemory", pages: 4),
    ReservedState(arguments: ["memfd", "--pages", "8", "--touch", "3"], kind: "file", pages: 5),
    // After munmap it stays with the inode, with pages in the file and without.
    ReservedState(arguments: ["memfd", "--pages", "8", "--touch", "3"], steps: 1, kind: "file", pages: 5),
    ReservedState(arguments: ["memfd", "--pages", "8", "--touch", "0"], steps: 1, kind: "file", pages: 8),
    ReservedState(arguments: ["file", "--pages", "5", "--touch", "0"], kind: "file", pages: 5),
    ReservedState(arguments: ["orphan", "--pages", "5", "--touch", "0"], steps: 2, kind: "file", pages: 5),
    ReservedState(arguments: ["sparse", "--pages", "8"], steps: 1, kind: "file", pages: 4),
    ReservedState(arguments: ["sysv", "--pages", "6", "--touch", "1"], kind: "sharedMemory", pages: 5),
    ReservedState(arguments: ["sysv", "--pages", "6", "--touch", "1"], steps: 1, kind: "sharedMemory", pages: 5),
    ReservedState(arguments: ["sysv", "--pages", "6", "--touch", "0"], steps: 1, kind: "sharedMemory", pages: 6),
]

extension Live {
    /// Every reserved page has a name, and what is available is less by it.
    @Test(arguments: states) static func reservationIsNamed(_ state: ReservedState) throws {
        try skippingWhatCannotBeHad {
            let pool = try HugePool(twoMiB, pages: 32)
            let mount = try HugetlbMount(twoMiB)
            let holder = try Holder(state.arguments + ["--path", mount.folder + "/data"])
            defer { holder.stop() }  // before its mount goes
            for _ in 0..<state.steps { try holder.step() }
            try #require(pool.count("resv_hugepages") == state.pages, "the state itself is not as the test says")
            let report = try LiveAudit().report
            try checkSums(report, pool)
            #expect(report.reservations.map(\.kind) == [state.kind].compactMap { $0 })
            #expect(report.reservations.map(\.pages) == (state.kind == nil ? [] : [state.pages]))
            if state.isNamed { #expect(report.reservations.map(\.pid) == [holder.pids[0].rawValue]) }
            #expect(!report.findings.contains { $0.id.hasPrefix("reservation") })
        }
    }

    private static func checkSums(_ report: ReportDocument, _ pool: HugePool) throws {
        let total = try #require(report.totals.first { $0.pageSize == twoMiB.bytes })
        let reserved = pool.count("resv_hugepages")
        #expect(total.reserved == Int64(reserved))
        #expect(total.available == pool.count("free_hugepages") - reserved)
        #expect(report.reservations.allSatisfy { $0.pageSize == twoMiB.bytes })
        #expect(report.reservations.reduce(0) { $0 + $1.pages } == reserved)
    }

    /// A mount with min_size keeps that many pages from all others; what its files have is part of it.
    @Test(arguments: [0, 3] as [UInt64]) static func mountReservation(touched: UInt64) throws {
        try skippingWhatCannotBeHad {
            let pool = try HugePool(twoMiB, pages: 32)
            let mount = try HugetlbMount(twoMiB, options: "min_size=16M")
            let holder = try touched == 0 ? nil : Holder(["file", "--pages", "3", "--path", mount.folder + "/data"])
            defer { holder?.stop() }
            try #require(pool.count("resv_hugepages") == 8 - touched, "the state itself is not as the test says")
            let audit = try LiveAudit()
            try checkSums(audit.report, pool)
            #expect(audit.report.reservations.map(\.kind) == ["mount"])
            #expect(audit.report.reservations.first?.name.contains(mount.folder) == true)
            let finding = try #require(audit.findings.first)
            #expect(audit.findings.map(\.id) == ["mount-reservation"])
            #expect(finding.severity == "note")
            #expect(finding.pages == 8 - touched)
            #expect(finding.remedy.contains(mount.folder))
            audit.expectVerdict(isClean: true)
        }
    }

    /// Several at once: each its own row, and together what the kernel counts.
    @Test static func reservationsOfSeveral() throws {
        try skippingWhatCannotBeHad {
            let pool = try HugePool(twoMiB, pages: 32)
            let mount = try HugetlbMount(twoMiB, options: "min_size=4M")
            let holders = try [
                Holder(["private", "--pages", "4", "--touch", "1"]), Holder(["memfd", "--pages", "6", "--touch", "2"]),
                Holder(["sysv", "--pages", "5", "--touch", "0"]),
            ]
            try #require(pool.count("resv_hugepages") == 3 + 4 + 5 + 2, "the state itself is not as the test says")
            let report = try LiveAudit().report
            try checkSums(report, pool)
            let told = Dictionary(report.reservations.map { ($0.kind, $0.pages) }, uniquingKeysWith: +)
            #expect(told == ["private": 3, "file": 4, "sharedMemory": 5, "mount": 2])
            #expect(holders.allSatisfy { $0.pids.count == 1 })
            #expect(FileManager.default.fileExists(atPath: mount.folder))
        }
    }
}
