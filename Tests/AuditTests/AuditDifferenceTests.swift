import Audit
import Observations
import PageModel
import TestSupport
import Testing

private typealias Machine = InventedMachine
private let size = Machine.size

private func run(_ words: String..., peak: UInt64 = 0) -> CommandRun {
    var usage = PoolUsage()
    let pool = Pool(node: NodeID(0), size: size)
    usage.add([pool: 3])
    usage.add([pool: 3 + peak])
    return CommandRun(
        arguments: words.map { ForeignText($0) }, ending: .exited(status: 0), durationSeconds: 1, usage: usage)
}

extension AuditDifference {
    fileprivate var told: [String] { findings.map { "\($0.id.rawValue) \($0.pages.map { "\($0)" } ?? "-")" } }
}

@Suite struct AuditDifferenceTests {
    private let orphan = Machine.file("/huge/old", inode: 1, [4, 0])

    @Test func nothingIsLeft() {
        let difference = AuditDifference(from: audit(), to: audit(), run: run("make", "me", peak: 12))
        #expect(difference.verdict.level == .clean)
        #expect(
            difference.verdict.summary
                == "Nothing was left behind while \"make me\" ran; at the peak 12 pages of 2 MiB (24 MiB) more than before were "
                + "in use")
        #expect(difference.findings.isEmpty && difference.holders.isEmpty && difference.processes.isEmpty)
        #expect(difference.pools.map(\.free) == [0, 0])
        #expect(difference.isAtRest)
    }

    /// Neither a file nor pages without a name are blamed on what ran while they stayed.
    @Test func whatWasThereBeforeIsNotBlamed() {
        let before = audit {
            $0.files = [orphan]
            $0.nameless = [0, 3]
        }
        let difference = AuditDifference(from: before, to: before, run: run("true"))
        #expect(before.findings.count == 2)
        #expect(difference.verdict.level == .clean)
        #expect(difference.findings.isEmpty && difference.holders.isEmpty)
    }

    @Test func aNewFileIsNamedWithItsNodeAndPages() throws {
        let after = audit { $0.files = [orphan, Machine.file("/huge/new", inode: 2, [0, 5])] }
        let difference = AuditDifference(from: audit { $0.files = [orphan] }, to: after, run: run("prog"))
        #expect(difference.verdict.level == .findings)
        #expect(
            difference.verdict.summary.hasPrefix(
                "10 MiB left behind while \"prog\" ran: 5 pages of 2 MiB (10 MiB) on node 1 are kept by file /huge/new")
        )
        let finding = try #require(difference.findings.first)
        #expect(difference.told == ["orphan-file 5"])
        #expect(finding.node == NodeID(1))
        #expect(finding.remedy.hasPrefix("rm -- /huge/new "))
        #expect(difference.holders.map(\.change) == [5])
        #expect(difference.pools.map(\.held) == [0, 5])
        #expect(difference.pools.map(\.free) == [0, -5])
        #expect(!difference.isAtRest)
    }

    /// Only what a file has more than before is new, and it is where the file has grown.
    @Test func aFileThatGrows() throws {
        let after = audit { $0.files = [Machine.file("/huge/old", inode: 1, [4, 3])] }
        let difference = AuditDifference(from: audit { $0.files = [orphan] }, to: after)
        #expect(difference.told == ["orphan-file 3"])
        #expect(difference.findings.first?.node == NodeID(1))
        #expect(difference.holders.map(\.holder.pages) == [7])
        #expect(difference.verdict.summary.hasPrefix("6 MiB left behind between the two audits: "))
    }

    /// The same inode under another name is the same file; the same name with another inode is another.
    @Test func filesAreKnownByTheirInodes() {
        let before = audit { $0.files = [orphan] }
        let renamed = audit { $0.files = [Machine.file("/huge/renamed", inode: 1, [4, 0])] }
        #expect(AuditDifference(from: before, to: renamed).findings.isEmpty)
        let replaced = audit { $0.files = [Machine.file("/huge/old", inode: 2, [4, 0])] }
        let difference = AuditDifference(from: before, to: replaced)
        #expect(difference.told == ["orphan-file 4"])
        #expect(difference.holders.map(\.change) == [4, -4])
    }

    @Test func whatIsGoneIsNoLeak() {
        let difference = AuditDifference(from: audit { $0.files = [orphan] }, to: audit())
        #expect(difference.verdict.level == .clean)
        #expect(difference.holders.map(\.change) == [-4])
        #expect(difference.holders.map(\.holder.pages) == [0])
        #expect(difference.pools.map(\.held) == [-4, 0])
    }

    /// Many files alike are one finding; others beside it are counted.
    @Test func manyFilesAreOneFinding() {
        let after = audit {
            $0.files = (0..<20).map { Machine.file("/huge/rtemap_\($0)", inode: $0 + 10, [1, 1]) }
            $0.files.append(Machine.file("/memfd:x", inode: 5, [2], kind: .memfd, openIn: [77]))
        }
        let difference = AuditDifference(from: audit(), to: after, run: run("dpdk"))
        #expect(Set(difference.told) == ["orphan-file 40", "memfd-unmapped 2"])
        #expect(difference.verdict.summary.hasPrefix("84 MiB left behind while \"dpdk\" ran: "))
        #expect(difference.verdict.summary.hasSuffix("; 1 more leak"))
    }

    @Test(arguments: [(2, 5, 3), (0, 5, 5), (5, 5, nil), (5, 2, nil)] as [(UInt64, UInt64, UInt64?)])
    func pagesWithoutAName(before: UInt64, after: UInt64, new: UInt64?) {
        let difference = AuditDifference(
            from: audit { $0.nameless = [0, before] }, to: audit { $0.nameless = [0, after] })
        #expect(difference.told == new.map { ["unexplained-pages \($0)"] } ?? [])
        #expect(difference.findings.allSatisfy { $0.node == NodeID(1) })
        #expect(difference.findings.contains { $0.message.contains("more than before") } == (new == 3))
        #expect(difference.verdict.level == (new == nil ? .clean : .findings))
    }

    /// Pages that had no name and are laid to a suspect now are the same pages, and not new ones.
    @Test(arguments: [(3, nil), (7, 4)] as [(UInt64, UInt64?)])
    func aSuspectTakesOverPagesWithoutAName(after: UInt64, new: UInt64?) {
        let socket = PinSuspect(PID(9), descriptor: 4, .socket(inFlight: 1))
        let difference = AuditDifference(
            from: audit { $0.nameless = [3] },
            to: audit { ($0.nameless, $0.suspects) = ([after], [socket]) })
        #expect(difference.told == new.map { ["kernel-held \($0)"] } ?? [])
    }

    /// A process that maps what it has is left behind on purpose, or not: a note, and no leak.
    @Test func aProcessThatMapsItsPages() {
        let difference = AuditDifference(
            from: audit(), to: audit { $0.processes = [Machine.process(42, "daemon", [3, 1])] }, run: run("start"))
        #expect(difference.verdict.level == .clean)
        #expect(difference.findings.map(\.id) == [.processRemains])
        #expect(difference.findings.first?.remedy.contains("kill") == false)
        #expect(difference.findings.first?.message.hasPrefix("Process 42 (daemon) maps 8 MiB") == true)
        #expect(difference.processes.map(\.change) == [8 << 20])
        #expect(difference.isAtRest)
        let ended = AuditDifference(
            from: audit { $0.processes = [Machine.process(42, "daemon", [3, 1])] }, to: audit())
        #expect(ended.findings.isEmpty)
        #expect(ended.processes.map(\.change) == [-(8 << 20)])
    }

    /// A file without pages that nobody has open can still reserve some.
    @Test func reservationsOfAFileThatNobodyUses() {
        var sparse = Machine.file("/huge/sparse", inode: 8, [])
        sparse.length = 6 * size.bytes
        let difference = AuditDifference(
            from: audit(), to: audit { ($0.files, $0.reserved) = ([sparse], 6) }, run: run("mapper"))
        #expect(difference.told == ["reservation-left 6"])
        #expect(difference.reservations.map(\.change) == [6])
        #expect(difference.verdict.level == .findings)
        let nobodys = AuditDifference(from: audit { $0.reserved = 2 }, to: audit { $0.reserved = 7 })
        #expect(nobodys.told == ["reservation-unexplained 5"])
        let one = AuditDifference(from: audit { $0.reserved = 2 }, to: audit { $0.reserved = 3 }).findings.first
        #expect(one?.message.hasPrefix("1 page of 2 MiB (2 MiB) more than before is reserved by no ") == true)
    }

    /// No leak is read from pools that keep moving, and nothing is called clean either.
    @Test func whatMovesIsNoLeak() {
        let difference = AuditDifference(from: audit(), to: audit { $0.isMoving = true }, run: run("true"))
        #expect(difference.verdict.level == .partial)
        #expect(difference.findings.allSatisfy { $0.id == .unsettled })
        #expect(!difference.findings.isEmpty)
        #expect(!difference.isAtRest)
    }

    /// Nor from those that moved before: what they had then is not known.
    @Test func whatMovedBeforeIsNoLeak() {
        let moving = audit { $0.isMoving = true }
        let after = audit { ($0.nameless, $0.files) = ([5], [orphan]) }
        let difference = AuditDifference(from: moving, to: after)
        #expect(difference.findings.isEmpty)
        #expect(difference.verdict.level == .partial)
        let other = AuditDifference(from: moving, to: audit { $0.files = [Machine.file("/huge/x", inode: 2, [0, 1])] })
        #expect(other.told == ["orphan-file 1"])
    }

    /// What could not be read before or after makes a clean verdict partial, and is nothing to wait for.
    @Test(arguments: [true, false]) func aPartialView(isBefore: Bool) {
        let unread = Unread(
            .holders, what: "descriptors", path: ForeignText("/proc/1"), reason: "Permission denied", remedy: "Be root")
        let partial = audit { $0.unread = [unread] }
        let difference = isBefore ? AuditDifference(from: partial, to: audit()) : .init(from: audit(), to: partial)
        #expect(difference.verdict.level == .partial)
        #expect(difference.isAtRest)
        let leak = AuditDifference(from: partial, to: audit { $0.files = [orphan] })
        #expect(leak.verdict.level == .findings)
    }

    /// `failOn` moves the verdict, and never hides what was left.
    @Test(arguments: [(.note, .findings), (.warning, .findings), (.error, .clean)] as [(Severity, Verdict.Level)])
    func severity(failOn: Severity, level: Verdict.Level) {
        let difference = AuditDifference(from: audit(), to: audit { $0.files = [orphan] }, failOn: failOn)
        #expect(difference.verdict.level == level)
        #expect(difference.verdict.summary.contains("8 MiB left behind"))
        #expect(difference.verdict.summary.hasPrefix("Nothing of severity error, but: ") == (failOn == .error))
        #expect(!difference.isAtRest)
    }

    /// Ending only gives back: what is in use right afterwards was in use at the end, however seldom somebody looked.
    @Test func usageAtTheEnd() {
        let pools = (0...1).map { Pool(node: NodeID($0), size: size) }
        var usage = PoolUsage()
        usage.add([pools[0]: 1, pools[1]: 0])
        usage.add([pools[0]: 9, pools[1]: 2])
        usage.add([pools[0]: 6, pools[1]: 2])
        usage.add(afterEnd: [pools[0]: 0, pools[1]: 4])
        #expect(usage.peak == [pools[0]: 9, pools[1]: 4])
        #expect(usage.peakOfSize == [size: 11])
        #expect(usage.atEnd == [pools[0]: 6, pools[1]: 4])
        #expect(usage.atEnd(of: size) == 10)
        #expect(usage.growth == [size: 10])
        let second = Scope(nodes: [NodeID(1)]).limited([pools[0]: 9, pools[1]: 2])
        #expect(second == [pools[1]: 2])
        #expect(Scope(sizes: [PageSize(bytes: 1 << 30)!]).limited(second).isEmpty)
        #expect(usage.looks == 4)
    }
}
