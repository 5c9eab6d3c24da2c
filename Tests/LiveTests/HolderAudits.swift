import Foundation
import PageModel
import TestSupport
import Testing

/// One state of huge pages and what is true of it.
struct HeldState: CustomTestStringConvertible, Sendable {
    let kind: String
    var arguments: [String] = []
    var size: PageSize = twoMiB
    /// Distinct pages that page tables reach.
    let mapped: UInt64
    /// Pages that each process of it maps, the holder first, then its children.
    let each: [UInt64]
    /// The kernel counts shared page tables for the process that touched the pages first only.
    var isCountedForAll = true
    var poolPages: UInt64 = 64

    var testDescription: String { ([kind] + arguments + ["\(size)"]).joined(separator: " ") }
}

private let states = [
    HeldState(kind: "private", arguments: ["--pages", "5"], mapped: 5, each: [5]),
    HeldState(kind: "private", arguments: ["--pages", "5", "--touch", "3"], mapped: 3, each: [3]),
    HeldState(kind: "shared", arguments: ["--pages", "4"], mapped: 4, each: [4]),
    HeldState(kind: "memfd", arguments: ["--pages", "6"], mapped: 6, each: [6]),
    HeldState(kind: "sysv", arguments: ["--pages", "3"], mapped: 3, each: [3]),
    HeldState(kind: "fork", arguments: ["--pages", "4", "--children", "2"], mapped: 4, each: [4, 4, 4]),
    HeldState(kind: "forkshared", arguments: ["--pages", "4", "--children", "3"], mapped: 4, each: [4, 4, 4, 4]),
    HeldState(kind: "vfork", arguments: ["--pages", "4"], mapped: 4, each: [4, 4]),
    HeldState(kind: "pmdshared", arguments: ["--touch", "8"], mapped: 8, each: [8, 8], isCountedForAll: false),
    HeldState(kind: "file", arguments: ["--pages", "6"], mapped: 6, each: [6]),
    HeldState(kind: "private", arguments: ["--pages", "1"], size: oneGiB, mapped: 1, each: [1], poolPages: 1),
    HeldState(kind: "shared", arguments: ["--pages", "1"], size: oneGiB, mapped: 1, each: [1], poolPages: 1),
    HeldState(kind: "file", arguments: ["--pages", "1"], size: oneGiB, mapped: 1, each: [1], poolPages: 1),
    HeldState(kind: "memfd", arguments: ["--pages", "1"], size: oneGiB, mapped: 1, each: [1], poolPages: 1),
]

extension Live {
    /// A holder with a known number of pages, and every figure of the audit held against the other witnesses.
    @Test(arguments: states) static func holderIsCountedOnceAndNamed(_ state: HeldState) throws {
        try skippingWhatCannotBeHad {
            let pool = try HugePool(state.size, pages: state.poolPages)
            let mount = state.kind == "file" ? try HugetlbMount(state.size) : nil
            let path = mount.map { ["--path", $0.folder + "/data"] } ?? []
            let holder = try Holder([state.kind, "--size", "\(state.size.bytes)"] + state.arguments + path)
            defer { holder.stop() }  // before its mount goes
            let audit = try LiveAudit()
            try check(audit, state, pool)
            for (pid, pages) in zip(holder.pids, state.each) {
                #expect(audit.pages(of: pid, state.size) == pages)
                #expect(try Witness.numaMaps(pid, state.size) == pages)
                #expect(try Witness.numastat(pid) == pages)
                if state.isCountedForAll { #expect(try Witness.status(pid) == pages * state.size.bytes) }
            }
            #expect(holder.pids.count == state.each.count)
            audit.expectVerdict(isClean: true)
        }
    }

    /// The equation, against sysfs and against page-types.
    private static func check(_ audit: LiveAudit, _ state: HeldState, _ pool: HugePool) throws {
        let row = try #require(audit.report.pool(state.size.bytes))
        #expect(row.mapped == state.mapped)
        #expect(row.held == 0)
        #expect(row.unexplained == 0)
        #expect(audit.report.holders.isEmpty)
        #expect(row.nr == pool.count("nr_hugepages"))
        #expect(row.free == pool.count("free_hugepages"))
        #expect(row.nr == row.heads)
        #expect(row.free == state.poolPages - state.mapped)
        #expect(audit.report.taken.settled)
        #expect(audit.report.taken.comparedWithLibnuma == state.mapped)
        let perPage = state.size.count(of: .fourKiB)
        if let mappedFrames = try Witness.pageTypes(with: .mmap) { #expect(mappedFrames == state.mapped * perPage) }
        if let heads = try Witness.pageTypes(with: .compoundHead) { #expect(heads == HugePool.pagesOfAllSizes) }
    }

    /// A leader that has ended is read through a thread that lives.
    @Test static func zombieLeader() throws {
        try skippingWhatCannotBeHad {
            let pool = try HugePool(twoMiB, pages: 16)
            let holder = try Holder(["zombie", "--pages", "4"])
            #expect(try content("/proc/\(holder.pids[0])/maps").isEmpty)
            let audit = try LiveAudit()
            #expect(audit.pages(of: holder.pids[0], twoMiB) == 4)
            #expect(audit.report.pool(twoMiB.bytes)?.mapped == 4)
            #expect(audit.report.pool(twoMiB.bytes)?.free == pool.count("free_hugepages"))
            #expect(audit.status == 0)
        }
    }

    /// Two PIDs in one address space are one entry.
    @Test static func vforkChildIsNoSecondProcess() throws {
        try skippingWhatCannotBeHad {
            let pool = try HugePool(twoMiB, pages: 16)
            let holder = try Holder(["vfork", "--pages", "4"])
            let entries = try LiveAudit().report.processes
            #expect(entries.map(\.pid) == [holder.pids[0].rawValue])
            #expect(entries.first?.siblings == [holder.pids[1].rawValue])
            #expect(pool.count("free_hugepages") == 12)
        }
    }

    /// A process that only shares another's page tables is charged for nothing, and listed with all that it maps.
    @Test static func sharerOfPageTablesIsListed() throws {
        try skippingWhatCannotBeHad {
            let pool = try HugePool(twoMiB, pages: 16)
            let holder = try Holder(["pmdshared", "--touch", "8"])
            let audit = try LiveAudit("--pid", "\(holder.pids[1])")
            #expect(try Witness.status(holder.pids[1]) == 0)
            #expect(audit.report.processes.map(\.pid) == [holder.pids[1].rawValue])
            #expect(audit.report.processes.first?.hugetlbBytes == 0)
            #expect(audit.pages(of: holder.pids[1], twoMiB) == 8)
            #expect(pool.count("free_hugepages") == 8)
        }
    }
}
