import Audit
import Foundation
import Observations
import PageModel
import Reporting
import TestSupport
import Testing

private let huge = PageSize(bytes: 2 << 20)!
private let gigantic = PageSize(bytes: 1 << 30)!

/// What the kernel counts on two nodes.
private let pools: [Pool: NodeHugepages] = [
    Pool(node: NodeID(0), size: huge): NodeHugepages(nrHugepages: 64, freeHugepages: 62, surplusHugepages: 0),
    Pool(node: NodeID(0), size: gigantic): NodeHugepages(nrHugepages: 1, freeHugepages: 0, surplusHugepages: 0),
    Pool(node: NodeID(1), size: huge): NodeHugepages(nrHugepages: 2, freeHugepages: 1, surplusHugepages: 0),
]

/// A database, a program with a few pages, one that ended, and a kernel thread.
func someProcesses(named name: ForeignText = ForeignText("postgres"), isOfAll: Bool = true) -> ProcessList {
    var small = emptyProcess(12, named: ForeignText("cron"))
    small.mappings = [database().mappings[0]]
    var ended = emptyProcess(13, named: ForeignText("gone"))
    (ended.course, ended.mappings) = (.ended, [database().mappings[4]])
    var kernel = emptyProcess(2, named: ForeignText("kthreadd"))
    kernel.course = .withoutMemory
    let all = [kernel, small, ended, database(named: name)].map { ProcessReport(judging: $0) }
    return ProcessList(
        ProcessOrder.hugetlb.sorted(all), isOfAll: isOfAll, named: [], host: kernel.host, takenAt: kernel.takenAt,
        durationSeconds: 1.256)
}

func table(_ list: ProcessList, isByNode: Bool = false) -> String {
    ProcessTable(list, pools: pools, isByNode: isByNode, isColoured: false).text
}

@Suite struct ProcessListTests {
    @Test(
        arguments: [
            (ProcessOrder.hugetlb, [4711, 12, 13, 2]), (.thp, [4711, 12, 13, 2]), (.resident, [4711, 12, 13, 2]),
            (.swapped, [4711, 2, 12, 13]), (.pid, [2, 12, 13, 4711]), (.name, [12, 13, 2, 4711]),
        ] as [(ProcessOrder, [Int32])])
    func order(_ order: ProcessOrder, _ expected: [Int32]) {
        let list = someProcesses()
        #expect(order.sorted(list.processes.reversed()).map(\.observation.pid.rawValue) == expected)
    }

    /// All that hugetop prints: the pools, and shared and private hugetlb of each process.
    @Test func tableHasPoolsAndProcesses() {
        let text = table(someProcesses())
        let rows = text.split(separator: "\n").map { $0.split(separator: " ").joined(separator: " ") }
        #expect(rows.contains("node 0: 0 of 1 x 1 GiB free, 62 of 64 x 2 MiB free"))
        #expect(rows.contains("node 1: 1 of 2 x 2 MiB free"))
        #expect(rows.contains("PID USER 1 GiB 2 MiB SHARED PRIVATE THP mTHP BASE WHERE COMMAND"))
        #expect(
            rows.contains(
                "4711 postgres 1 GiB 6 MiB 4 MiB 1.0 GiB 5 MiB 256 KiB 6.2 MiB 0: 1.0 GiB, 1: 2.2 MiB postgres"))
        #expect(rows.contains("12 cron 0 0 0 0 0 0 2 MiB 0: 2 MiB cron"))
        #expect(rows.contains { $0.hasSuffix("gone (ended)") })
        #expect(!text.contains("kthreadd"))
        #expect(text.contains(", took 1.25 s, longest read 2 ms, 4 processes, 1 without memory, 1 ended meanwhile\n"))
        let tables = text.split(separator: "\n").dropFirst().prefix { !$0.hasPrefix("SHARED") }
        #expect(tables.allSatisfy { $0.count <= 120 })
    }

    @Test func sharingIsNotToldOfSomeNodes() {
        let whole = someProcesses()
        let part = ProcessList(
            whole.processes.map { $0.limited(to: [NodeID(1)]) }, isOfAll: true, named: [],
            host: whole.host, takenAt: whole.takenAt, durationSeconds: 1)
        let rows = table(part).split(separator: "\n").map { $0.split(separator: " ").joined(separator: " ") }
        #expect(rows.contains("4711 postgres 0 2 MiB - - 0 0 256 KiB 1: 2.2 MiB postgres"))
        #expect(rows.contains("SHARED and PRIVATE are of hugetlb, and not counted by node."))
    }

    @Test func byNodeEachHasALine() {
        let rows = table(someProcesses(), isByNode: true).split(separator: "\n")
            .map { $0.split(separator: " ").joined(separator: " ") }
        #expect(rows.contains("PID USER NODE 1 GiB 2 MiB THP mTHP BASE TOTAL COMMAND"))
        #expect(rows.contains("4711 postgres 1 0 2 MiB 0 0 256 KiB 2.2 MiB postgres"))
        #expect(rows.count { $0.hasPrefix("4711 postgres ") && !$0.contains(":") } == 2)
    }

    @Test(arguments: hostileNames) func textShowsNamesEscaped(_ bytes: [UInt8], _ shown: String) {
        let text = table(someProcesses(named: ForeignText(bytes)))
        #expect(text.contains("  \(shown)\n"))
        #expect(text.unicodeScalars.allSatisfy { $0 == "\n" || !$0.properties.isBidiControl && $0.value >= 0x20 })
        #expect(text.split(separator: "\n").count == table(someProcesses()).split(separator: "\n").count)
    }

    /// One that ended while it was read is normal, however it was chosen, and not where it was asked for by its number.
    @Test(arguments: [ProcessCourse.ended, .replaced], [(true, true), (true, false), (false, true), (false, false)])
    func endingIsNormalUnlessNamed(_ course: ProcessCourse, _ asked: (isOfAll: Bool, isNamed: Bool)) throws {
        var ended = emptyProcess(13, named: ForeignText("gone"))
        ended.course = course
        let processes = [ended, emptyProcess(14, named: ForeignText("idle"))].map {
            ProcessReport(judging: $0, failOn: .note)
        }
        let list = ProcessList(
            processes, isOfAll: asked.isOfAll, named: asked.isNamed ? [PID(13)] : [], host: ended.host,
            takenAt: ended.takenAt, durationSeconds: 0)
        #expect(list.verdict.level == (asked.isNamed ? .partial : .clean), "\(list.verdict.summary)")
        let document = try ProcessListDocument(ProcessListJSON(list, version: "1").text)
        #expect(document.taken.view == (asked.isNamed ? "partial" : "full"))
        let text = asked.isOfAll ? table(list) : ProcessListText(list, isColoured: false).text
        let isCounted = asked.isOfAll || !asked.isNamed
        let words = course == .ended ? "1 ended meanwhile" : "1 became another program"
        #expect(text.contains(words) == isCounted, "\(text)")
        #expect(text.contains("partial-view") == asked.isNamed, "\(text)")
    }

    @Test func worstFindingIsInTheVerdict() {
        let list = someProcesses()
        #expect(list.verdict.level == .findings)
        #expect(list.verdict.summary.hasPrefix("1 of 4 processes has findings; process 4711 (postgres): "))
        #expect(table(list).contains("\n4711 postgres: warning policy-violated: "))
    }

    @Test func documentsHaveTheProcesses() throws {
        let all = try ProcessListDocument(ProcessListJSON(someProcesses(), version: "1").text)
        #expect(all.schema == "hugeaudit.processes/1")
        #expect(all.processes.map(\.pid) == [4711, 12, 13, 2])
        #expect(all.processes.allSatisfy { $0.mappings == nil && $0.schema == nil })
        let named = try ProcessListDocument(ProcessListJSON(someProcesses(isOfAll: false), version: "1").text)
        #expect(named.processes.map(\.mappings?.count) == [5, 1, 1, 0])
        #expect(named.verdict.summary == someProcesses(isOfAll: false).verdict.summary)
    }

    @Test func footerOfOneProcess() {
        let one = emptyProcess(12, named: ForeignText("cron"))
        let list = ProcessList(
            [ProcessReport(judging: one)], isOfAll: true, named: [], host: one.host, takenAt: one.takenAt,
            durationSeconds: 0)
        #expect(table(list).hasSuffix(", took 0 µs, 1 process, 1 without memory\n"))
    }

    @Test func documentHasTheLongestRead() throws {
        #expect(
            try ProcessListDocument(ProcessListJSON(someProcesses(), version: "1").text).taken.longestReadSeconds
                == 0.0021)
    }

    /// That smaps was left out is said once of all, as mappings are not listed.
    @Test func adviceThatWasNotReadIsSaid() {
        var large = database()
        large.mappings[1].vmFlags = nil
        large.mappings[1].isEligible = nil
        for (isLeftOut, count) in [(false, 0), (true, 1)] {
            large.isSmapsLeftOut = isLeftOut
            let list = ProcessList(
                [ProcessReport(judging: large).condensed], isOfAll: true, named: [], host: large.host,
                takenAt: large.takenAt,
                durationSeconds: 0)
            let line = "\nwhat 1 process asked for by madvise(2) was not read: --smaps reads it\n"
            #expect(table(list).ranges(of: line).count == count)
        }
    }

    @Test func documentsFitTheSchema() throws {
        let documents = try [true, false].map { isOfAll in
            try ProcessListJSON(someProcesses(isOfAll: isOfAll), version: "1").text
        }
        try expectFit(
            documents, "hugeaudit.processes/1",
            spoilt: ["\"processes\"", "\"longestReadSeconds\"", "\"course\"", "\"devices\""])
    }
}
