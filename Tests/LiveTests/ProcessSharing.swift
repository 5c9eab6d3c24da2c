import Foundation
import Observations
import PageModel
import TestSupport
import Testing

@testable import KernelFiles

extension ProcessDocument {
    /// What is said of all of a process, against its smaps_rollup, which leaves hugetlb out, as far as nobody else maps or
    /// unmaps its pages meanwhile: a program without libraries.
    /// - Parameter sharedInSwap: shared memory that is in swap is in no page table. Unit: bytes.
    func expectRollup(_ said: KilobyteFields, sharedInSwap: UInt64 = 0) throws {
        let hugetlb = places.hugetlbBytes
        let (resident, reserved) = (try #require(residentBytes), try #require(reservedBytes))
        #expect(resident - hugetlb + reserved == said["Rss"], "process \(pid)")
        #expect(places.bytes { $0.content == "anonymous" && $0.kind != "hugetlb" } == said["Anonymous"])
        let hugetlbUnique = try #require(hugetlbUniqueBytes)
        let hugetlbShared = try #require(hugetlbSharedBytes)
        #expect(hugetlbUnique + hugetlbShared == hugetlb)
        #expect(try #require(uniqueBytes) - hugetlbUnique == said["Private_Clean", "Private_Dirty"], "process \(pid)")
        let shared = try #require(sharedBytes) - hugetlbShared
        #expect(shared + reserved == said["Shared_Clean", "Shared_Dirty"], "process \(pid)")
        try expectMappedByPMD(said["AnonHugePages", "ShmemPmdMapped", "FilePmdMapped"])
        // The kernel prints whole KiB, and counts the page of the vDSO, which all processes share.
        let proportional = try #require(proportionalBytes) - hugetlb
        #expect(proportional / 1024 <= said["Pss"] / 1024 && said["Pss"] / 1024 <= proportional / 1024 + 1)
        #expect(swappedBytes == said["Swap"] - sharedInSwap)
    }

    /// The kernel tells whether an entry maps a whole huge page since PAGEMAP_SCAN is there: Linux 6.7.
    func expectMappedByPMD(_ bytes: UInt64) throws {
        let hasScan = try KernelRelease.running.hasScan
        #expect(pmdMappedBytes == bytes || pmdMappedBytes == nil && !hasScan)
    }
}

extension KernelRelease {
    static var running: Self {
        get throws { try #require(Self(parsing: ForeignText(try content("/proc/sys/kernel/osrelease")))) }
    }
    /// Whether there is PAGEMAP_SCAN.
    var hasScan: Bool { self >= Self(6, 7) }
}

private struct SaidBySmaps: Equatable {
    let rollup: KilobyteFields
    let mappings: [UInt64: SmapsWitness]

    init(_ pid: PID) throws {
        (rollup, mappings) = (try KilobyteFields(pid, "smaps_rollup"), try SmapsWitness.mappings(of: pid))
    }
}

extension Live {
    /// Two processes had four huge pages. Of three of them one has written to two base pages, the first and another: its
    /// page tables map these huge pages in pieces since, and those of the other still map them whole.
    @Test(arguments: ["child", "owner"], [[], ["--flags"]])
    static func sharingOfHugePagesThatOneHasSplit(_ writer: String, _ more: [String]) throws {
        try skippingWhatCannotBeHad {
            let settings = try MachineChange.settings([
                ("/sys/kernel/mm/transparent_hugepage/enabled", "madvise"), ("/sys/kernel/mm/ksm/run", "0"),
            ])
            defer { settings.undo() }
            let holder = try Holder(["thp-\(writer)-cow", "--pages", "4"], program: try StaticHolder.program.get())
            defer { holder.stop() }
            let start = try #require(holder.ready["address"].flatMap { UInt64($0.dropFirst(2), radix: 16) })
            try #require(holder.pids.count == 2)
            var proportional: UInt64 = 0
            for (pid, role) in zip(holder.pids, ["owner", "child"]) {
                let (said, report) = try Mixture.still({ try SaidBySmaps(pid) }) {
                    try LiveProcess(pid, more).report
                }
                try report.expectRollup(said.rollup)
                try report.expectMappedByPMD(role == writer ? 2 << 20 : 8 << 20)
                let mapping = try #require(report.mappings?.first { $0.first == start })
                try expect(mapping, try #require(said.mappings[start]).fields, isWriters: role == writer)
                proportional += try #require(mapping.proportionalBytes)
            }
            // Each frame is counted once.
            #expect(proportional == (8 << 20) + copied)
        }
    }

    /// Three times two base pages.
    private static let copied: UInt64 = 6 * 4096

    private static func expect(
        _ mapping: ProcessDocument.Mapping, _ said: KilobyteFields, isWriters: Bool
    ) throws {
        let whole: UInt64 = 8 << 20
        #expect(mapping.residentBytes == whole)
        // What one has copied nobody else maps, and of what it was copied from the same is true.
        #expect(mapping.uniqueBytes == copied && copied == said["Private_Clean", "Private_Dirty"])
        #expect(mapping.sharedBytes == whole - copied && whole - copied == said["Shared_Clean", "Shared_Dirty"])
        let proportional = try #require(mapping.proportionalBytes)
        #expect(proportional == copied + (whole - copied) / 2 && proportional / 1024 == said["Pss"] / 1024)
        let places = mapping.placements
        #expect(places.allSatisfy { $0.content == "anonymous" })
        #expect(places.bytes { $0.kind == "thp" } == (isWriters ? whole - copied : whole))
        #expect(places.bytes { $0.kind == "base" } == (isWriters ? copied : 0))
        #expect(places.reduce(0) { $1.kind == "thp" ? $0 + $1.pages : $0 } == 4)
    }
}
