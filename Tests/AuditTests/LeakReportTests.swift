import Audit
import Observations
import PageModel
import TestSupport
import Testing

private typealias Machine = InventedMachine

private func report(
    of processes: Set<PID>? = nil, failOn: Severity = .warning, _ change: (inout Machine) -> Void = { _ in }
) -> LeakReport {
    LeakReport(audit(change), processes: processes, failOn: failOn)
}

@Suite struct LeakReportTests {
    /// An orphan, a deleted file and a memfd that processes 7 and 8 have open, and twenty files alike.
    private static let files =
        [
            Machine.file("/huge/old", inode: 1, [4, 0], since: 500),
            Machine.file("/huge/gone", inode: 2, [0, 2], kind: .deleted, since: 300, openIn: [7]),
            Machine.file("/memfd:x", inode: 3, [1, 1], kind: .memfd, since: 400, openIn: [7, 8]),
        ] + (0..<20).map { Machine.file("/huge/rtemap_\($0)", inode: 10 + $0, [1, 0], since: 320 + Double($0)) }

    /// Mapped in one page of three by process 9.
    private static var partlyMapped: HugetlbFile {
        var file = Machine.file("/huge/part", inode: 50, [2], openIn: [9])
        (file.mappings, file.pages) = (1, 3)
        file.frames?.mapped = 1
        return file
    }

    @Test func nothingIsLost() {
        let report = report { $0.processes = [Machine.process(5, "qemu", [9, 9])] }
        #expect(report.leaks.isEmpty && report.unexplained.isEmpty && report.findings.isEmpty)
        #expect(report.verdict.level == .clean)
        #expect(report.verdict.summary == "No huge page is held without a mapping, and none is unexplained")
    }

    /// The oldest first, also of groups, whose age is that of their oldest file.
    @Test func theOldestComesFirst() {
        let report = report { $0.files = Self.files }
        #expect(
            report.leaks.map(\.group.name.repaired) == ["/huge/gone", "/huge/rtemap_*", "/memfd:x", "/huge/old"])
        #expect(report.leaks.map(\.group.since) == [300, 320, 400, 500])
        #expect(report.leaks.map(\.group.pages) == [2, 20, 2, 4])
        #expect(report.leaks.map(\.group.holders.count) == [1, 20, 1, 1])
        #expect(report.leaks.allSatisfy { !$0.remedy.isEmpty && $0.severity == .warning })
        #expect(report.verdict.level == .findings)
        #expect(
            report.verdict.summary
                == "56 MiB in 21 files, 1 deleted file and 1 memfd, mapped by nobody")
    }

    @Test(
        arguments: [
            ([7], ["/huge/gone", "/memfd:x"]), ([8], ["/memfd:x"]), ([6], []), ([6, 8], ["/memfd:x"]),
        ] as [(Set<Int32>, [String])])
    func ofOneProcess(_ processes: Set<Int32>, _ names: [String]) {
        let report = report(of: Set(processes.map { PID($0) })) {
            $0.files = Self.files
            $0.nameless = [3]
        }
        #expect(report.leaks.map(\.group.name.repaired) == names)
        #expect(report.unexplained.isEmpty)
        #expect(report.verdict.level == (names.isEmpty ? .clean : .findings))
        #expect(report.verdict.summary.hasSuffix("by process 6") == names.isEmpty)
    }

    @Test func pagesAndReservationsWithoutAName() {
        let report = report {
            $0.nameless = [3, 1]
            $0.reserved = 5
        }
        #expect(report.unexplained.map(\.node) == [NodeID(0), NodeID(1)])
        #expect(report.unexplained.map(\.pages) == [3, 1])
        #expect(Set(report.findings.map(\.id)) == [.unexplainedPages, .reservationUnexplained])
        #expect(report.verdict.level == .findings)
        for words in [
            "3 pages of 2 MiB (6 MiB) on node 0 that nothing known holds",
            "5 pages of 2 MiB (10 MiB) reserved by nobody",
        ] {
            #expect(report.verdict.summary.contains(words), "\(report.verdict.summary)")
        }
    }

    /// Pages of a file that somebody maps in part are no leak, but listed.
    @Test(arguments: [(.note, .findings), (.warning, .clean)] as [(Severity, Verdict.Level)])
    func notesAreNoLeak(failOn: Severity, level: Verdict.Level) {
        let report = report(failOn: failOn) { machine in
            machine.files = [Self.partlyMapped]
        }
        #expect(report.leaks.map(\.group.finding) == [.partlyMapped])
        #expect(report.leaks.map(\.severity) == [.note])
        #expect(report.verdict.level == level)
        #expect(report.verdict.summary.hasPrefix("No huge page is lost; 4 MiB") == (level == .clean))
        #expect((report.verdict.summary == "4 MiB in no page table, of 1 file mapped in part") == (level == .findings))
    }

    @Test func whatMovesIsNoLeak() {
        let report = report {
            $0.files = Self.files
            $0.isMoving = true
        }
        #expect(report.leaks.allSatisfy { $0.group.nodes?.allSatisfy { $0.node == NodeID(1) } == true })
        #expect(report.unexplained.isEmpty)
        #expect(report.findings.contains { $0.id == .unsettled })
    }

    @Test func whatCouldNotBeReadIsSaid() {
        let unread = Unread(
            .holders, what: "descriptors", path: ForeignText("/proc/1"), reason: "Permission denied", remedy: "Be root")
        let report = report { $0.unread = [unread] }
        #expect(report.verdict.level == .partial)
        #expect(report.verdict.summary.hasPrefix("No leak was found, but not all could be judged: "))
    }

    @Test(arguments: [(.warning, .findings), (.error, .clean)] as [(Severity, Verdict.Level)])
    func severity(failOn: Severity, level: Verdict.Level) {
        let report = report(failOn: failOn) { $0.files = Self.files }
        #expect(report.verdict.level == level)
        #expect(report.verdict.summary.contains("56 MiB in 21 files"))
    }
}
