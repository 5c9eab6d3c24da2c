import Audit
import KernelFiles
import Observations
import PageModel
import TestSupport
import Testing

private let twoMiB = PageSize(bytes: 2 << 20)!

/// Machines of shapes that could not be saved, made out of saved ones.
struct DerivedMachineTests {
    @Test func nodeNumbersWithGaps() throws {
        let report = try audit(try .nodeGaps())
        #expect(report.nodes.map(\.id.rawValue) == [0, 1, 5, 8])
        let rows = report.pools.filter { $0.pool.size == twoMiB }
        #expect(rows.map(\.pool.node.rawValue) == [0, 1, 5, 8])
        #expect(rows.map(\.heads) == [8, 8, 16, 8])
        #expect(rows.map(\.mapped) == [0, 3, 4, 0])
        #expect(report.processes.first?.placements.first?.node == NodeID(5))
        #expect(report.findings.isEmpty)
    }

    /// The whole machine is node 0, with the machine-wide counters.
    @Test func kernelWithoutNUMA() throws {
        let report = try audit(try .withoutNUMA())
        #expect(report.nodes.map(\.cpus) == [[0, 1, 2, 3]])
        #expect(report.pools.filter { $0.pool.size == twoMiB }.map(\.heads) == [40])
        #expect(report.totals.first?.mapped == 7)
        #expect(report.processes.allSatisfy { $0.placements.allSatisfy { $0.node == NodeID(0) } })
        #expect(report.findings.isEmpty)
        #expect(report.unread.isEmpty)
    }

    /// Zones alone place the pages, also at a node's border in the middle of what would be one block.
    @Test(arguments: ["four-nodes-6.1", "straddle-6.1"]) func kernelWithoutHotplug(_ name: String) throws {
        let whole = try audit(try FixtureTree(name))
        let zonesOnly = try audit(try .withoutMemoryBlocks(name))
        #expect(zonesOnly.pools == whole.pools)
        #expect(zonesOnly.processes == whole.processes)
        #expect(zonesOnly.findings.isEmpty)
    }

    /// Without CAP_SYS_ADMIN frames are hidden: the equation still closes, processes are placed by numa_maps, and the view
    /// is partial.
    @Test func hiddenFramesArePlacedByNumaMaps() throws {
        let report = try audit(try .hiddenFrames())
        #expect(report.verdict.level == .partial)
        #expect(report.totals.first?.unexplained == 0)
        #expect(report.totals.first?.mapped == 7)
        #expect(report.processes.map { $0.placements.map(\.pages) } == [[4], [3], [3]])
        #expect(report.processes.map { $0.placements.first?.node?.rawValue } == [2, 1, 1])
        #expect(report.unread.count == 3)
        #expect(report.unread.allSatisfy { $0.remedy.contains("CAP_SYS_ADMIN") })
        #expect(Set(report.findings.map(\.severity)) == [.note])
    }

    /// Counters are still shown, what is missing is said, and nothing is called clean or leaked.
    @Test func withoutFramesOnlyCountersAreShown() throws {
        let report = try audit(try .withoutFrames())
        #expect(report.verdict.level == .partial)
        #expect(report.totals.first?.global?.counts.nrHugepages == 40)
        #expect(report.totals.first?.mapped == nil)
        #expect(report.totals.first?.unexplained == nil)
        #expect(report.pools.allSatisfy { $0.heads == nil && $0.counts != nil })
        #expect(report.findings.map(\.id) == [.partialView])
        #expect(report.unread.contains { $0.what.contains("physical census") })
        #expect(report.processes.map { $0.placements.map(\.pages) } == [[4], [3], [3], [2]])
    }

    /// Surplus pages within what overcommit allows are in order; one fewer allowed, and they linger.
    @Test(arguments: [(4, 0), (3, 2)]) func surplusWithinOvercommit(_ allowed: Int, _ findings: Int) throws {
        let tree = try FixtureTree("surplus-6.1") { parts in
            for index in parts.indices
            where parts[index].path == "sys/kernel/mm/hugepages/hugepages-2048kB/nr_overcommit_hugepages" {
                parts[index].body = "\(allowed)\n"
            }
        }
        #expect(try audit(tree).findings.count { $0.id == .surplusLingering } == findings)
    }

    /// Where nothing says where memory is, there is no census, and no shortfall is made of it.
    @Test func nothingSaysWhereMemoryIs() throws {
        let tree = try FixtureTree("four-nodes-6.1") { parts in
            parts.removeAll { $0.path == "proc/zoneinfo" || $0.path.contains("/memory") }
        }
        let report = try audit(tree)
        #expect(report.verdict.level == .partial)
        #expect(report.pools.allSatisfy { $0.heads == nil && $0.unexplained == nil })
        #expect(report.findings.map(\.id) == [.partialView])
    }

    /// The census steps by the smallest size of the kernel, and tells three sizes apart.
    @Test func smallestHugePageIsNoConstant() throws {
        let report = try audit(try .smallHugePages())
        let small = try #require(PageSize(bytes: 64 << 10))
        let heads = report.pools.filter { $0.pool.node == NodeID(0) }.map { ($0.pool.size, $0.heads) }
        #expect(heads.first { $0.0 == small }?.1 == 3)
        #expect(heads.first { $0.0 == twoMiB }?.1 == 8)
        #expect(report.totals.first { $0.size == small }?.mapped == 1)
        #expect(report.findings.map(\.id) == [.mapperNotSeen] + [Finding.ID](repeating: .nodeWithoutPages, count: 3))
    }

    /// Each counter that is made to lie, and what the finding says.
    @Test(arguments: [
        ("sys/devices/system/node/node1/hugepages/hugepages-2048kB/free_hugepages", "9", "free is above nr"),
        ("sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages", "9", "physical memory has 8 pages"),
        ("sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "41", "nr_hugepages of 2 MiB pages is 41"),
        ("sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "7", "free_hugepages of 2 MiB pages is 7"),
        ("sys/kernel/mm/hugepages/hugepages-2048kB/surplus_hugepages", "3", "surplus_hugepages of 2 MiB pages is 3"),
        ("sys/devices/system/node/node2/hugepages/hugepages-2048kB/free_hugepages", "13", "than in use"),
    ])
    func countersThatDoNotAddUp(_ path: String, _ value: String, _ says: String) throws {
        let report = try audit(try .fourNodes(path, reads: value))
        let mismatches = report.findings.filter { $0.id == .counterMismatch }
        #expect(mismatches.contains { $0.message.contains(says) }, "\(mismatches.map(\.message))")
        #expect(mismatches.allSatisfy { $0.severity == .error })
        #expect(report.verdict.level == .findings)
    }

    /// `nr_hugetlb` of the node's vmstat, where the kernel has it, must be no more than what the node's pools have in use.
    @Test func nodeVmstatDisagrees() throws {
        let finding = try #require(try audit(vmstatOfNode2(says: 2560)).findings.first)
        #expect(finding.id == .counterMismatch)
        #expect(finding.node == NodeID(2))
        #expect(finding.message.contains("10 MiB"))
        #expect(finding.message.contains("8 MiB"))
    }

    /// Pages that were migrated to a node are missing there for good.
    @Test func nodeVmstatLacksMigratedPages() throws {
        let report = try audit(vmstatOfNode2(says: 512))
        #expect(!report.findings.contains { $0.id == .counterMismatch }, "\(report.findings)")
        #expect(report.isSettled)
    }

    private func vmstatOfNode2(says pages: Int) throws -> FixtureTree {
        try FixtureTree("four-nodes-7.2") { parts in
            for index in parts.indices where parts[index].path == "sys/devices/system/node/node2/vmstat" {
                parts[index].body = parts[index].body.replacing("nr_hugetlb 2048\n", with: "nr_hugetlb \(pages)\n")
            }
        }
    }

    /// A page that is poisoned and still in the free list is poisoned, and no contradiction.
    @Test func poisonedPageThatCountsAsFree() throws {
        let tree = try FixtureTree("four-nodes-5.10") { parts in
            for index in parts.indices where parts[index].path == "proc/kpageflags" {
                parts[index].body += "0x7000 1 1 0xa8000\n0x7001 1 1 0x30000\n"
            }
            for index in parts.indices
            where parts[index].path.hasSuffix("hugepages-2048kB/nr_hugepages")
                || parts[index].path.hasSuffix("hugepages-2048kB/free_hugepages")
            {
                let isNodeZero = parts[index].path.contains("node0")
                let count = UInt64(parts[index].body.filter(\.isNumber)) ?? 0
                if isNodeZero || !parts[index].path.contains("/node/") { parts[index].body = "\(count + 1)\n" }
            }
            for index in parts.indices where parts[index].path == "proc/meminfo" {
                parts[index].body = parts[index].body.replacing(
                    "Hugetlb:           81920 kB", with: "Hugetlb: 83968 kB")
            }
        }
        let report = try audit(tree)
        #expect(report.totals.first?.poisoned == 0)
        #expect(report.totals.first?.unexplained == 0)
        #expect(report.findings.map(\.id) == [.poisonedPage])
        #expect(report.findings.first?.pages == 1)
        #expect(report.findings.first?.evidence.last?.says == "1 of them still count as free")
    }

    /// A view limited to one node has that node's rows, processes and findings; machine-wide figures stay.
    @Test func scopeLimitsRowsProcessesAndFindings() throws {
        let report = try audit(try FixtureTree("leak-6.1"), scope: Scope(nodes: [NodeID(1)]))
        #expect(Set(report.pools.map(\.pool.node)) == [NodeID(1)])
        #expect(Set(report.processes.map(\.name.repaired)) == ["webapp"])
        #expect(report.findings.isEmpty)
        #expect(report.verdict.level == .clean)
        #expect(
            report.verdict.summary == "Every huge page on node 1 is accounted for: 8 pages of 2 MiB (16 MiB), 5 free")
        let other = try audit(try FixtureTree("leak-6.1"), scope: Scope(nodes: [NodeID(3)]))
        #expect(other.findings.map(\.id) == [.unexplainedPages])
    }

    /// A node with memory whose pools cannot be read leaves the equation open: said, and never called clean.
    @Test func nodeWithoutCountersIsNoCleanMachine() throws {
        let tree = try FixtureTree("leak-6.1") { parts in
            parts.removeAll { $0.path.contains("/node3/hugepages") }
        }
        let report = try audit(tree)
        #expect(report.verdict.level == .partial)
        #expect(report.unread.contains { $0.what == "the counters of 2 MiB pages on node 3" })
        #expect(report.totals.first?.unexplained == nil)
        #expect(report.findings.map(\.id) == [.partialView])
    }

    /// One counter that is not readable makes no contradiction out of the others.
    @Test func unreadableCounterIsNoMismatch() throws {
        let path = "sys/devices/system/node/node3/hugepages/hugepages-2048kB/free_hugepages"
        let report = try audit(try .fourNodes(path, reads: "eight"))
        #expect(report.findings.map(\.id) == [.partialView])
        #expect(report.totals.first?.unexplained == nil)
    }

    /// Where zones of two nodes overlap in one block, pages there are placed on no node, and no row is judged by them.
    @Test func overlappingZonesAreNoLeak() throws {
        let tree = try FixtureTree("straddle-6.1") { parts in
            for index in parts.indices where parts[index].path == "proc/zoneinfo" {
                parts[index].body = parts[index].body.replacing("spanned  245760", with: "spanned  262144")
            }
        }
        let report = try audit(tree)
        #expect(report.findings.map(\.id) == [.counterMismatch])
        #expect(report.findings.first?.message.contains("no node claims for itself alone") == true)
        #expect(report.totals.first?.mapped ?? 0 < 9)
    }

    /// Without pagemap, as on a kernel without CONFIG_PROC_PAGE_MONITOR, numa_maps tells where a process is.
    @Test func withoutPagemapNumaMapsTells() throws {
        let tree = try FixtureTree("four-nodes-6.1") { parts in
            parts.removeAll { $0.path.hasSuffix("/pagemap") || $0.path.hasPrefix("proc/kpage") }
        }
        let report = try audit(tree)
        #expect(report.processes.map { $0.placements.map(\.pages) } == [[4], [3], [3]])
        #expect(report.walk.vanished == 0)
        #expect(report.verdict.level == .partial)
    }

    @Test func failOnDecidesTheVerdict() throws {
        let levels = try Severity.allCases.map { try audit(try FixtureTree("leak-6.1"), failOn: $0).verdict.level }
        #expect(levels == [.findings, .findings, .clean])
    }
}
