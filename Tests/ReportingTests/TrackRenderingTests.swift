import Audit
import Observations
import PageModel
import Reporting
import TestSupport
import Testing

/// What `hugeaudit track` prints of three samples: pages that are collapsed, move, come and go.
@Suite struct TrackRenderingTests {
    private static let map = NodeMap(
        blocks: [(frames: 1024..<8192, nodes: [NodeID(0)]), (frames: 8192..<16384, nodes: [NodeID(2)])], zones: [])
    private static let samples: [[PageRun]] = [
        [run(0x1000, 512, 1024), run(0x2000, 300, 2048), run(0x3000, 2, 20000)],
        [run(0x1000, 512, 4096, huge), run(0x2000, 300, 8192), run(0x3000, 2, 20000), run(0x4000, 1, 3000)],
        [
            run(0x1000, 512, 8704, huge), run(0x2000, 10, 8192), .swapped(start: 0x200a, pages: 290),
            run(0x3000, 2, 3001),
        ],
    ]
    private static let huge = PageSize(bytes: 2 << 20)

    private static func run(_ start: UInt64, _ pages: UInt64, _ frame: UInt64, _ size: PageSize? = nil) -> PageRun {
        PageRun(start: start, pages: pages, frame: PFN(frame), hugePages: size)
    }

    private static func process(_ name: String = "numad") -> TrackedProcess {
        TrackedProcess(
            host: HostObservation(
                name: ForeignText("guest"), release: ForeignText("6.1.0-32-amd64"), basePageSize: .fourKiB),
            pid: PID(4711), name: ForeignText(name))
    }

    /// The report of all samples, and the step of each.
    private static func followed(_ name: String = "numad") -> (report: TrackReport, steps: [TrackStep]) {
        var report = TrackReport(process(name), map: map)
        let steps = samples.enumerated().compactMap { number, runs in
            var sample = FrameSample(takenAt: 1_700_000_000 + Double(number), secondsIn: Double(number) + 0.0625)
            sample.durationSeconds = 0.004
            for run in runs { sample.append(run) }
            return report.add(sample)
        }
        report.interrupt()
        return (report, steps)
    }

    @Test func text() {
        let (report, steps) = Self.followed()
        let text = TrackText(Self.process(), isColoured: false)
        let lines = ([text.head] + steps.map(text.line) + ["", text.summary(report)]).joined(separator: "\n")
        #expect(
            lines == """
                Process 4711 (numad). A page is what is at one address of it.

                      TIME    RESIDENT     SWAPPED  WHAT BECAME OF PAGES SINCE THE LAST SAMPLE
                    0.062s     3.1 MiB           -  first sample
                    1.062s     3.1 MiB           -  collapsed 2 MiB, moved 1.1 MiB 0->2, came 4 KiB
                    2.062s     2.0 MiB     1.1 MiB  moved 2 MiB 0->2, 8 KiB ?->0, swapped out 1.1 MiB, went 4 KiB

                Process 4711 (numad): 2.0s, samples: 3, until it was interrupted.

                Pages of 4 KiB that moved:
                FROM NODE  TO NODE 0      TO NODE 2
                        0          -  812 (3.1 MiB)
                        ?  2 (8 KiB)              -

                             PAGES   AMOUNT  OF HUGE PAGES
                collapsed      512    2 MiB              1
                moved          814  3.1 MiB              1
                came             1    4 KiB              0
                swapped out    290  1.1 MiB              0
                went             1    4 KiB              0

                guest, Linux 6.1.0-32-amd64, 2023-11-14T22:13:20Z, the longest took 4 ms

                """)
    }

    @Test func progressFitsTheLine() {
        let (report, _) = Self.followed()
        let text = TrackText(Self.process(), isColoured: false)
        #expect(
            text.progress(report, width: 200)
                == "2.0s, samples: 3; Ctrl-C ends; so far collapsed 2 MiB, moved 3.1 MiB, came 4 KiB, "
                + "swapped out 1.1 MiB, went 4 KiB")
        for width in 1...120 { #expect(text.progress(report, width: width).count <= width) }
    }

    @Test func nothingMoved() {
        var report = TrackReport(Self.process(), map: Self.map)
        for secondsIn in [0.0, 1.0] { _ = report.add(FrameSample(takenAt: 1_700_000_000, secondsIn: secondsIn)) }
        let summary = TrackText(Self.process(), isColoured: true).summary(report)
        #expect(summary.contains("\n\nNo page moved.\n\n"))
        #expect(summary.contains("samples: 2, as long as was asked for."))
    }

    /// Of fewer than two samples nobody knows whether pages moved.
    @Test(arguments: [0, 1]) func nothingToCompare(_ samples: Int) throws {
        var report = TrackReport(Self.process(), map: Self.map)
        for _ in 0..<samples { _ = report.add(FrameSample(takenAt: 1_700_000_000, secondsIn: 0)) }
        var end = FrameSample(takenAt: 1_700_000_001, secondsIn: 1)
        end.course = .ended
        #expect(report.add(end) == nil)
        let summary = TrackText(Self.process(), isColoured: true).summary(report)
        #expect(!summary.contains("No page moved"))
        #expect(summary.contains("\n\nNothing was compared: "))
        let line = try TrackJSON(report.process, version: "1.2.3").summary(report)
        let document = try TrackDocument(line)
        #expect(document.summary.totals == nil && document.summary.changes == nil)
        #expect(document.summary.taken.samples == samples)
        #expect(try SchemaCheck.complaints(about: line, against: "hugeaudit.track/1") == "")
    }

    /// A name is what the process says it is.
    @Test func hostileName() {
        let text = TrackText(Self.process("a\u{1b}[2J\nb"), isColoured: false)
        #expect(!text.head.contains("\u{1b}"))
        #expect(text.head.split(separator: "\n").count == 2)
    }

    @Test func colourIsForWhatMoved() {
        let (_, steps) = Self.followed()
        let text = TrackText(Self.process(), isColoured: true)
        #expect(!text.line(steps[0]).contains("\u{1b}"))
        #expect(text.line(steps[2]).contains("\u{1b}[1;33mmoved 2 MiB 0->2, 8 KiB ?->0\u{1b}[0m, swapped out"))
    }

    @Test func json() throws {
        let (report, steps) = Self.followed("a\u{1b}[2J\nb")
        let json = TrackJSON(report.process, version: "1.2.3")
        let lines = try steps.map(json.line) + [json.summary(report)]
        #expect(lines.allSatisfy { $0.hasSuffix("}\n") && $0.filter { $0 == "\n" }.count == 1 })
        let document = try TrackDocument(lines.joined())
        #expect(document.samples.map(\.sample) == [1, 2, 3])
        #expect(document.samples[0].changes == nil)
        #expect(document.samples[0].ranges == nil)
        #expect(document.samples[0].nodes.map(\.node) == [0, nil])
        let last = document.samples[2]
        #expect(last.changes?.map(\.kind) == ["moved", "moved", "swappedOut", "went"])
        let moved = try #require(last.changes?.first)
        #expect([moved.from, moved.to] == [0, 2])
        #expect([moved.pages, moved.bytes, moved.hugePages] == [512, 2 << 20, 1])
        #expect(
            last.ranges?.map { "\($0.start)-\($0.end) \($0.kind) \($0.from ?? -1) \($0.to ?? -1)" } == [
                "0x1000000-0x1200000 moved 0 2", "0x200a000-0x212c000 swappedOut 2 -1",
                "0x3000000-0x3002000 moved -1 0", "0x4000000-0x4001000 went 0 -1",
            ])
        #expect(last.rangesLeftOut == 0)
        #expect(document.summary.totals?["moved"]?.pages == 814)
        #expect(document.summary.totals?["moved"]?.bytes == 814 << 12)
        #expect(document.summary.totals?["moved"]?.hugePages == 1)
        #expect(document.summary.totals?.count == PageFlow.Kind.allCases.count)
        #expect(document.summary.ending == "interrupted")
        for line in lines { #expect(try SchemaCheck.complaints(about: line, against: "hugeaudit.track/1") == "") }
    }
}
