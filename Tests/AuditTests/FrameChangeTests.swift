import Audit
import Observations
import PageModel
import TestSupport
import Testing

private let base = PageSize.fourKiB
private let huge = PageSize(bytes: 16 << 10)!  // four base pages: small enough to be drawn
/// Nodes 0 and 2 with 1000 frames each, and a hole of 100 between them.
private let map = NodeMap(
    blocks: [
        (frames: 1000..<2000, nodes: [NodeID(0)]), (frames: 2100..<3100, nodes: [NodeID(2)]),
    ], zones: [])
private let (zero, two) = (NodeID(0), NodeID(2))

private func sample(_ runs: [PageRun]) -> FrameSample {
    var sample = FrameSample(takenAt: 0, secondsIn: 0)
    for run in runs { sample.append(run) }
    return sample
}

private func run(
    _ start: UInt64, _ pages: UInt64, _ frame: UInt64, _ step: PageRun.Step = .up, _ size: PageSize? = nil
) -> PageRun { PageRun(start: start, pages: pages, frame: PFN(frame), step: step, hugePages: size) }

private func flow(
    _ kind: PageFlow.Kind, _ from: NodeID?, _ to: NodeID?, _ pages: UInt64, huge: UInt64 = 0
) -> [PageFlow: PageCount] { [PageFlow(kind, from: from, to: to): PageCount(pages: pages, hugePages: huge)] }

private struct Case: CustomTestStringConvertible {
    let testDescription: String
    let before: [PageRun]
    let after: [PageRun]
    let flows: [PageFlow: PageCount]
    init(_ what: String, _ before: [PageRun], _ after: [PageRun], _ flows: [PageFlow: PageCount]...) {
        (testDescription, self.before, self.after) = (what, before, after)
        self.flows = flows.reduce(into: [:]) { $0.merge($1) { $1 } }
    }
}

private let cases = [
    Case("nothing", [], []),
    Case(
        "nothing new", [run(8, 4, 1000), .swapped(start: 12, pages: 2)],
        [run(8, 4, 1000), .swapped(start: 12, pages: 2)]),
    Case("to another node", [run(8, 4, 1000)], [run(8, 4, 2100)], flow(.moved, zero, two, 4)),
    Case("to the same node", [run(8, 4, 1000)], [run(8, 4, 1001)], flow(.moved, zero, zero, 4)),
    Case("some of them", [run(8, 4, 1000)], [run(8, 1, 1000), run(9, 3, 2100)], flow(.moved, zero, two, 3)),
    Case("backwards over a crossing", [run(8, 5, 1000)], [run(8, 5, 1004, .down)], flow(.moved, zero, zero, 4)),
    Case("backwards without a crossing", [run(8, 4, 1000)], [run(8, 4, 1003, .down)], flow(.moved, zero, zero, 4)),
    Case("merged", [run(8, 4, 1000)], [run(8, 4, 1002, .same)], flow(.moved, zero, zero, 3)),
    Case(
        "off the edge of a node", [run(8, 4, 1998)], [run(8, 4, 1990)], flow(.moved, zero, zero, 2),
        flow(.moved, nil, zero, 2)),
    Case(
        "downwards over the edge", [run(8, 4, 1500)], [run(8, 4, 2101, .down)], flow(.moved, zero, two, 2),
        flow(.moved, zero, nil, 2)),
    Case("came and went", [run(8, 2, 1000)], [run(10, 3, 2100)], flow(.went, zero, nil, 2), flow(.came, nil, two, 3)),
    Case(
        "to swap", [run(8, 4, 1000)], [run(8, 1, 1000), .swapped(start: 9, pages: 3)], flow(.swappedOut, zero, nil, 3)),
    Case(
        "from swap", [.swapped(start: 9, pages: 3)], [run(8, 4, 2100)], flow(.swappedIn, nil, two, 3),
        flow(.came, nil, two, 1)),
    Case(
        "swap that is given back, and swap that was nothing", [.swapped(start: 9, pages: 3)],
        [.swapped(start: 20, pages: 1)]),
    Case("collapsed", [run(8, 8, 1000)], [run(8, 8, 1200, .up, huge)], flow(.collapsed, zero, zero, 8, huge: 2)),
    Case(
        "collapsed in place", [run(8, 4, 1000)], [run(8, 4, 1000, .up, huge)], flow(.collapsed, zero, zero, 4, huge: 1)),
    Case(
        "collapsed from two nodes, from swap and from nothing",
        [run(8, 1, 1000), run(9, 1, 2100), .swapped(start: 10, pages: 1)], [run(8, 4, 1200, .up, huge)],
        flow(.collapsed, zero, zero, 1, huge: 1), flow(.collapsed, two, zero, 1),
        flow(.swappedIn, nil, zero, 1, huge: 1),
        flow(.came, nil, zero, 1, huge: 1)),
    Case("split", [run(8, 8, 1000, .up, huge)], [run(8, 8, 1000)], flow(.split, zero, zero, 8, huge: 2)),
    Case(
        "split, and a part of it freed", [run(8, 4, 1000, .up, huge)], [run(8, 1, 1000), run(10, 2, 1002)],
        flow(.split, zero, zero, 3, huge: 1), flow(.went, zero, nil, 1, huge: 1)),
    Case(
        "huge pages that move", [run(8, 12, 1000, .up, huge)],
        [run(8, 4, 1000, .up, huge), run(12, 8, 2200, .up, huge)],
        flow(.moved, zero, two, 8, huge: 2)),
    Case("huge pages that come", [], [run(8, 12, 1000, .up, huge)], flow(.came, nil, zero, 12, huge: 3)),
]

@Suite struct FrameChangeTests {
    @Test(arguments: cases) private func whatBecameOfPages(_ example: Case) {
        let change = FrameChange(from: sample(example.before), to: sample(example.after), base: base, map: map)
        #expect(change.flows == example.flows)
    }

    /// Neighbours that went one way are one stretch, however scattered their frames are.
    @Test func stretches() {
        let before = sample([run(8, 6, 1000), run(20, 1, 1500)])
        let after = sample([run(8, 1, 2100), run(9, 1, 2300), run(10, 2, 2102), run(12, 2, 1004), run(20, 1, 1501)])
        let change = FrameChange(from: before, to: after, base: base, map: map)
        #expect(
            change.stretches == [
                .init(8..<12, PageFlow(.moved, from: zero, to: two)),
                .init(20..<21, PageFlow(.moved, from: zero, to: zero)),
            ])
        #expect(change.stretchCount == 2)
    }

    @Test func stretchesAreNotListedWithoutEnd() {
        let scattered = sample((0..<1000).map { run($0 * 2, 1, 1000) })
        let change = FrameChange(from: sample([]), to: scattered, base: base, map: map)
        #expect(change.stretches.count == FrameChange.mostStretches)
        #expect(change.stretchCount == 1000)
        #expect(change.flows.sum(.came).pages == 1000)
    }

    /// Seen in the middle of a move, a page is where it was: it moves once it arrives.
    @Test func pagesUnderWay() {
        var report = TrackReport(
            TrackedProcess(
                host: HostObservation(name: ForeignText(""), release: ForeignText(""), basePageSize: base), pid: PID(1),
                name: ForeignText("")), map: map)
        let places: [[PageRun]] = [
            [run(8, 12, 1000, .up, huge)],
            [run(8, 4, 1000, .up, huge), .moving(start: 12, pages: 4), run(16, 4, 1008, .up, huge)],
            [
                run(8, 4, 1000, .up, huge), run(12, 4, 2200, .up, huge), run(16, 4, 1008, .up, huge),
                .moving(start: 99, pages: 1),
            ],
        ]
        let changes = places.map { report.add(sample($0))?.change }
        #expect(changes[0] == nil)
        #expect(changes[1]?.flows == [:])
        #expect(changes[2]?.flows == flow(.moved, zero, two, 4, huge: 1))
        #expect(report.flows == flow(.moved, zero, two, 4, huge: 1))
        #expect(report.samples == 3)
    }

    @Test(arguments: [
        (ProcessCourse.ended, TrackReport.Ending.ended), (.replaced, .replaced), (.withoutMemory, .ended),
    ])
    func theEndOfAProcess(_ course: ProcessCourse, _ ending: TrackReport.Ending) {
        var report = TrackReport(
            TrackedProcess(
                host: HostObservation(name: ForeignText(""), release: ForeignText(""), basePageSize: base), pid: PID(1),
                name: ForeignText("")), map: map)
        #expect(report.add(sample([run(8, 12, 1000)])) != nil)
        var last = sample([])
        last.course = course
        #expect(report.add(last) == nil)
        report.interrupt()
        #expect(report.ending == ending)
        #expect(report.flows.isEmpty)
        #expect(report.samples == 1)
    }

    @Test func residentPagesByNode() {
        var report = TrackReport(
            TrackedProcess(
                host: HostObservation(name: ForeignText(""), release: ForeignText(""), basePageSize: base), pid: PID(1),
                name: ForeignText("")), map: map)
        let step = report.add(
            sample([
                run(0, 4, 1998), .swapped(start: 4, pages: 5), run(16, 8, 2200, .up, huge), run(40, 2, 1001, .down),
            ]))
        #expect(step?.resident.map(\.node) == [zero, two, nil])
        #expect(step?.resident.map(\.count.pages) == [4, 8, 2])
        #expect(step?.resident.map(\.count.hugePages) == [0, 2, 0])
        #expect(step?.swapped == 5)
    }
}
