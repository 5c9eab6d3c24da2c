import Audit
import Observations
import PageModel
import Testing

private let size = PageSize(bytes: 2 << 20)!
private let nodes = [NodeObservation(id: NodeID(0), memoryBytes: 1 << 30, freeBytes: 0, cpus: [0], distances: [10])]
private let host = HostObservation(
    name: ForeignText("made-up"), release: ForeignText("6.18.0"), basePageSize: .fourKiB)

/// One pass over a machine with one node and one size: eight pages in the pool, `mapped` and `heads` as the census has
/// them, `free` before and after.
private func pass(
    free: UInt64, freeAfter: UInt64? = nil, mapped: UInt64, heads: UInt64 = 8, unseen: UInt64 = 0, lost: UInt64 = 0,
    at: Double = 0
) -> HugetlbPass {
    func ledger(_ free: UInt64) -> Ledger {
        let counts = NodeHugepages(nrHugepages: 8, freeHugepages: free, surplusHugepages: 0)
        return Ledger(
            global: [size: GlobalHugepages(counts: counts, reservedHugepages: 0)],
            nodes: [Pool(node: NodeID(0), size: size): counts])
    }
    var census = HugetlbCensus()
    let add = { (pages: UInt64, head: PageFlags, isReached: Bool) in
        if pages > 0 {
            census.add(pages, of: .init(node: NodeID(0), size: size, head: head, isReached: isReached))
        }
    }
    add(mapped - unseen, [.huge, .compoundHead, .mmap], true)
    add(unseen, [.huge, .compoundHead, .mmap], false)
    add(heads - mapped, [.huge, .compoundHead], false)
    return HugetlbPass(
        before: ledger(free), walk: HugetlbWalk(lostFrames: lost), census: census, after: ledger(freeAfter ?? free),
        unread: [], at: at)
}

/// The passes at these times, in seconds.
private func at(_ times: [Double], _ passes: [HugetlbPass]) -> [HugetlbPass] {
    zip(times, passes).map { time, pass in
        var pass = pass
        pass.at = time
        return pass
    }
}

private func isEnough(_ passes: [HugetlbPass]) -> Bool {
    Settling(passes, nodes: nodes, host: host).next == nil
}

private func report(_ passes: [HugetlbPass]) -> AuditReport {
    AuditReport(
        judging: MachineObservation(
            host: host, takenAt: 0, durationSeconds: 0, nodes: nodes, passes: passes, unread: []))
}

struct SettlingTests {
    @Test func aClosedBalanceBetweenEqualCountersNeedsOnePass() {
        #expect(isEnough([pass(free: 5, mapped: 3)]))
        #expect(report([pass(free: 5, mapped: 3)]).verdict.level == .clean)
    }

    /// Each of these is open after one pass and believed when it has stood over three.
    @Test(arguments: [
        (pass(free: 4, mapped: 3), Finding.ID.unexplainedPages),
        (pass(free: 5, mapped: 4), .counterMismatch),
        (pass(free: 5, mapped: 3, heads: 9), .counterMismatch),
        (pass(free: 5, mapped: 3, unseen: 1), .mapperNotSeen),
        (pass(free: 5, mapped: 3, lost: 2), .counterMismatch),
    ])
    func aShortfallIsBelievedWhenItHasStood(_ open: HugetlbPass, _ id: Finding.ID) {
        #expect(!isEnough([open]))
        #expect(!isEnough(at([0, 2], [open, open])))
        #expect(!isEnough(at([0, 0.1, 0.2], [open, open, open])), "a page may be on its way for so long")
        let standing = at([0, 0.5, 1.1], [open, open, open])
        #expect(isEnough(standing))
        #expect(report(standing).findings.map(\.id) == [id])
        #expect(report(standing).isSettled)
    }

    /// A pass that closes ends it, whatever came before: pages were only on their way.
    @Test func aLaterClosedPassEndsIt() {
        let passes = [pass(free: 4, mapped: 3), pass(free: 5, mapped: 3)]
        #expect(isEnough(passes))
        #expect(report(passes).findings.isEmpty)
    }

    /// Counters that moved during the last pass prove nothing, though the figures at its end add up.
    @Test func movingCountersAreNotBelieved() {
        #expect(!isEnough([pass(free: 4, freeAfter: 5, mapped: 3)]))
    }

    /// What keeps moving is reported with its range, and no leak is made of it.
    @Test func whatKeepsMovingIsUnsettled() throws {
        let passes = (0..<10).map { pass(free: 2 + UInt64($0 % 3), mapped: 3, at: Double($0)) }
        #expect(!isEnough(Array(passes.dropLast())))
        #expect(isEnough(passes), "a few passes, not for ever")
        let report = report(passes)
        #expect(!report.isSettled)
        #expect(report.findings.map(\.id) == [.unsettled])
        let finding = try #require(report.findings.first)
        #expect(finding.node == NodeID(0))
        #expect(finding.message.contains("free was 2 to 4"))
        #expect(finding.message.contains("unexplained was 1 to 3"))
    }

    /// A leak on a node that stands still is believed though another node keeps moving.
    @Test func whatStandsBesideWhatMovesIsJudged() throws {
        let other = Pool(node: NodeID(1), size: size)
        let passes = (0..<12).map { index in
            var pass = pass(free: 2 + UInt64(index % 3), mapped: 3, at: Double(index) * 0.12)
            let counts = NodeHugepages(nrHugepages: 4, freeHugepages: 2, surplusHugepages: 0)
            pass.before.nodes[other] = counts
            pass.after.nodes[other] = counts
            pass.census?.add(
                4, of: .init(node: other.node, size: size, head: [.huge, .compoundHead], isReached: false))
            return pass
        }
        #expect(isEnough(passes))
        let report = report(passes)
        #expect(report.findings.filter { $0.node == other.node }.map(\.id) == [.unexplainedPages])
        #expect(report.findings.filter { $0.node == NodeID(0) }.map(\.id) == [.unsettled])
    }

    /// Two passes that agree, and a third that does not: not believed.
    @Test func agreementMustBeInARow() {
        let open = pass(free: 4, mapped: 3)
        let other = pass(free: 3, mapped: 3)
        #expect(!isEnough(at([0, 2, 4], [open, open, other])))
        #expect(!isEnough(at([0, 2, 4, 6, 8], [open, open, other, open, open])))
        #expect(isEnough(at([0, 2, 4, 6, 8, 10], [open, open, other, open, open, open])))
    }
}

/// A page on whose node memory blocks and libnuma disagree is a finding, and a settled one.
/// A search that found one memfd of so many pages, on node 0.
private func search(_ pages: UInt64, _ depth: HolderSearch.Depth = .files, suspects: [PinSuspect] = []) -> HolderSearch
{
    var file = HugetlbFile(
        identity: .init(device: DeviceNumber(major: 0, minor: 9), inode: 7), kind: .memfd,
        name: ForeignText("/memfd:a"),
        size: size, length: pages * size.bytes, pages: pages, owner: ForeignText("root"))
    file.frames = .init(mapped: 0, unmapped: [Placement(node: NodeID(0), size: size, pages: pages)])
    var search = HolderSearch(depth: depth)
    (search.files, search.suspects) = (pages > 0 ? [file] : [], suspects)
    return search
}

/// Three pages in use, none of them mapped.
private func unmapped(_ search: HolderSearch? = nil) -> HugetlbPass {
    var pass = pass(free: 5, mapped: 0)
    pass.search = search
    return pass
}

struct SettlingSearchTests {
    private func next(_ passes: [HugetlbPass]) -> NextPass? { Settling(passes, nodes: nodes, host: host).next }

    /// What lacks a name is looked for at once, first among files, then among suspects.
    @Test func searchesGoDeeperAsLongAsANameIsMissing() {
        #expect(next([pass(free: 5, mapped: 3)]) == nil)
        #expect(next([unmapped()]) == NextPass(pause: 0, search: .files))
        #expect(next([unmapped(), unmapped(search(2))]) == NextPass(pause: 0, search: .suspects))
        let deep = next([unmapped(), unmapped(search(2)), unmapped(search(2, .suspects))])
        #expect(deep?.search == .suspects)
        #expect(deep?.pause ?? 0 > 0)
    }

    /// A holder with a name is believed when two passes agree for a tenth of a second; before, it may be about to end.
    @Test func whatIsHeldByNameSettlesQuickly() {
        let early = at([0, 0.05], [unmapped(), unmapped(search(3))])
        #expect(next(early)?.search == .files)
        #expect(next(early)?.pause ?? 0 > 0)
        let late = at([0, 0.1], [unmapped(), unmapped(search(3))])
        #expect(next(late) == nil)
        #expect(report(late).findings.map(\.id) == [.memfdUnmapped])
        #expect(report(early).findings.map(\.id) == [.unsettled])
    }

    /// Suspects name nothing for sure: that takes as long as a shortfall.
    @Test func suspicionsMustStand() {
        let found = search(0, .suspects, suspects: [PinSuspect(PID(4), descriptor: 3, .socket(inFlight: 1))])
        let passes = [unmapped(found), unmapped(found), unmapped(found)]
        #expect(next(at([0, 0.1, 0.2], passes)) != nil)
        #expect(next(at([0, 0.5, 1.1], passes)) == nil)
        #expect(report(at([0, 0.5, 1.1], passes)).findings.map(\.id) == [.kernelHeld])
    }
}

@Test func nodeDisagreementIsAFinding() throws {
    var passes = [pass(free: 5, mapped: 3)]
    passes[0].walk.disagreements = [
        NodeDisagreement(size: size, byBlocks: NodeID(0), byLibnuma: NodeID(1), pages: 2)
    ]
    #expect(!isEnough(passes))
    let finding = try #require(report(at([0, 1, 2], [passes[0], passes[0], passes[0]])).findings.first)
    #expect(finding.id == .nodeMismatch)
    #expect(finding.node == NodeID(1))
    #expect(finding.pages == 2)
}
