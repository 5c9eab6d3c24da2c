import Audit
import KernelFiles
import Observations
import PageModel
import TestSupport
import Testing

/// A saved machine, the findings that it must make, and where its processes are: node, pages, by process name.
struct SavedMachine: CustomTestStringConvertible, Sendable {
    let name: String
    var findings: [Finding.ID] = []
    let placements: [String: [Int: UInt64]]
    var size = PageSize(bytes: 2 << 20)!
    var testDescription: String { name }
}

private let fourNodes: [String: [Int: UInt64]] = ["dbserver": [2: 4], "webapp": [1: 3]]
private let pinned: [String: [Int: UInt64]] = ["dbserver": [1: 2]]
private let poisoned: [String: [Int: UInt64]] = ["dbserver": [0: 1], "keeper": [3: 1]]
private let memoryless: [String: [Int: UInt64]] = ["dbserver": [2: 3], "webapp": [0: 2]]

private let machines = [
    SavedMachine(name: "four-nodes-5.10", placements: fourNodes),
    SavedMachine(name: "four-nodes-6.1", placements: fourNodes),
    SavedMachine(name: "four-nodes-6.12", placements: fourNodes),
    SavedMachine(name: "four-nodes-7.2", placements: fourNodes),
    SavedMachine(
        name: "leak-6.1", findings: [.unexplainedPages], placements: fourNodes.merging(["worker": [0: 2]]) { $1 }),
    SavedMachine(name: "straddle-6.1", placements: ["left": [1: 4], "right": [2: 5]]),
    SavedMachine(name: "memoryless-5.10", placements: memoryless),
    SavedMachine(name: "memoryless-6.1", placements: memoryless),
    SavedMachine(name: "gigantic-6.1", placements: ["dbserver": [0: 3], "webapp": [1: 2]]),
    SavedMachine(name: "gigantic-6.1", placements: ["bigdb": [1: 1]], size: PageSize(bytes: 1 << 30)!),
    SavedMachine(name: "pinned-6.1", findings: [.unexplainedPages], placements: pinned),
    SavedMachine(name: "underflow-7.2", findings: [.unexplainedPages, .reservationUnderflow], placements: pinned),
    SavedMachine(name: "poisoned-5.10", findings: [.poisonedPage, .poisonedPage], placements: poisoned),
    SavedMachine(name: "poisoned-6.1", findings: [.poisonedPage, .poisonedPage], placements: poisoned),
    SavedMachine(name: "poisoned-7.2", findings: [.poisonedPage, .poisonedPage], placements: poisoned),
    SavedMachine(
        name: "surplus-6.1",
        findings: [.surplusLingering, .surplusLingering, .nodeWithoutPages, .nodeWithoutPages],
        placements: ["hoarder": [0: 3, 1: 3]]),
    SavedMachine(name: "zombie-leader-6.1", placements: ["zombie": [2: 3], "dbserver": [0: 1]]),
    SavedMachine(name: "pmd-shared-7.2", placements: ["writer": [2: 3], "reader": [2: 3], "unshared": [2: 1]]),
    SavedMachine(name: "pmd-orphan-6.1", placements: ["reader": [2: 3], "unshared": [2: 1]]),
    SavedMachine(name: "pmd-truncated-6.1", placements: ["reader": [2: 2], "cutter": [2: 1]]),
]

/// Real machines, saved from kernels 5.10 to 7.2 with one to four nodes; the truth is what was set up on them.
struct FixtureTruthTests {
    @Test(arguments: machines) func everyFigureIsTheTruth(_ machine: SavedMachine) throws {
        let tree = try FixtureTree(machine.name)
        let report = try audit(tree)
        #expect(!tree.truth.isEmpty)
        for (pool, truth) in tree.truth {
            let row = try #require(report.pools.first { $0.pool == pool })
            #expect(row.counts?.nrHugepages == truth.nr, "\(pool)")
            #expect(row.counts?.freeHugepages == truth.free, "\(pool)")
            #expect(row.counts?.surplusHugepages == truth.surplus, "\(pool)")
            #expect(row.mapped == truth.mapped, "\(pool)")
            #expect(row.poisoned == truth.poisoned, "\(pool)")
            #expect(row.unexplained == Int64(truth.unmapped), "\(pool)")
            #expect(row.heads == truth.nr, "\(pool)")
        }
        #expect(report.findings.map(\.id) == machine.findings)
        #expect(report.isSettled)
        #expect(report.unread.isEmpty)
    }

    @Test(arguments: machines) func everyProcessIsWhereItWas(_ machine: SavedMachine) throws {
        let report = try audit(try FixtureTree(machine.name), scope: Scope(sizes: [machine.size]))
        var found: [String: [Int: UInt64]] = [:]
        for process in report.processes {
            for placement in process.placements {
                found[process.name.repaired, default: [:]][placement.node?.rawValue ?? -1] = placement.pages
            }
        }
        #expect(found == machine.placements)
    }

    /// Two processes that share three pages are both listed; the pages count once.
    @Test func sharedPagesCountOnce() throws {
        let report = try audit(try FixtureTree("four-nodes-6.1"))
        #expect(report.processes.filter { $0.name.repaired == "webapp" }.count == 2)
        #expect(report.totals.first?.mapped == 7)
    }

    /// Only a kernel reference keeps the page: the evidence says so, and that is known without any descriptor.
    @Test(arguments: ["pinned-6.1", "underflow-7.2"]) func pinnedPagesAreToldApart(_ name: String) throws {
        let report = try audit(try FixtureTree(name))
        let finding = try #require(report.findings.first { $0.id == .unexplainedPages })
        #expect(finding.node == NodeID(2))
        #expect(finding.pages == 1)
        #expect(finding.evidence.contains { $0.says.contains("only a reference of the kernel keeps them") })
        #expect(report.pools.first { $0.pool.node == NodeID(2) }?.keptByKernel == 1)
    }

    @Test func underflowedReservation() throws {
        let total = try #require(try audit(try FixtureTree("underflow-7.2")).totals.first)
        #expect(total.global?.reservedHugepages == -1)
        #expect(total.available == nil)
    }

    /// On 5.10 a node without memory has no folder for its pools: the kernel gives no figure there, and none is made up.
    @Test func nodeWithoutMemory() throws {
        let old = try #require(try audit(try FixtureTree("memoryless-5.10")).pools.first { $0.pool.node == NodeID(1) })
        #expect(old.counts == nil)
        #expect(old.unexplained == nil)
        let newer = try audit(try FixtureTree("memoryless-6.1"))
        #expect(newer.nodes.map { $0.memoryBytes > 0 } == [true, false, true])
        #expect(newer.pools.first { $0.pool.node == NodeID(1) }?.counts?.nrHugepages == 0)
    }

    /// A process that only shares page tables is charged for nothing, and still found.
    @Test func sharerOfPageTablesIsNamed() throws {
        for name in ["pmd-shared-7.2", "pmd-orphan-6.1"] {
            let report = try audit(try FixtureTree(name))
            let reader = try #require(report.processes.first { $0.name.repaired == "reader" })
            #expect(reader.hugetlbBytes <= 0)
            #expect(reader.placements.map(\.pages) == [3])
        }
    }

    /// One word for each 2 MiB of memory is read, never the whole file.
    @Test func censusReadsOneWordForEachPage() throws {
        let tree = try FixtureTree("four-nodes-6.1")
        let report = try audit(tree)
        let last = try #require(try tree.root.zoneinfo().spans.map(\.frames.upperBound).max())
        let words = try #require(report.wordsRead)
        #expect(words > 0)
        #expect(words <= last / 512 + 1)
    }
}
