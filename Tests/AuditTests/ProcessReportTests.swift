import Observations
import PageModel
import TestSupport
import Testing

@testable import Audit

private typealias Invented = InventedProcess

/// `kind size@node pages`, for comparison.
private func shown(_ amounts: [PageAmount]) -> [String] {
    amounts.map { amount in
        let kind = amount.kind.map(\.rawValue) ?? "?"
        return "\(kind) \(amount.size)@\(amount.node.map(\.description) ?? "?") \(amount.pages)"
    }
}

@Test func placementsAreSumsInOrder() {
    let mTHP = PageSize(bytes: 65536)!
    let report = ProcessReport(
        judging: Invented.observation([
            Invented.mapping(
                0,
                [
                    Invented.pages(3, nil, on: 0, nil), Invented.pages(5, .base, on: nil),
                    Invented.pages(7, .base, on: 1), Invented.pages(2, .base, on: 0, .file),
                    Invented.pages(4, .mthp, mTHP, on: 0), Invented.pages(1, .thp, Invented.pmd, on: 1),
                ]),
            Invented.mapping(
                1, hugetlb: Invented.pmd, [Invented.pages(6, .hugetlb, Invented.pmd, on: 0, .shared)]),
            Invented.mapping(
                2, hugetlb: Invented.gibibyte, [Invented.pages(1, .hugetlb, Invented.gibibyte, on: 1)]),
            Invented.mapping(3, [Invented.pages(8, .base, on: 0)]),
        ]))
    #expect(
        shown(report.placements) == [
            "hugetlb 1 GiB@1 1", "hugetlb 2 MiB@0 6", "thp 2 MiB@1 1", "mthp 64 KiB@0 4", "base 4 KiB@0 10",
            "base 4 KiB@1 7", "base 4 KiB@? 5", "? 4 KiB@0 3",
        ])
    #expect(report.placements.allSatisfy { $0.content == nil })
    #expect(report.pages.resident == report.placements.reduce(0) { $0 + $1.bytes })
    #expect(report.nodesOfAllowedCPUs == [NodeID(0), NodeID(1)])
    #expect(report.nodesOfUsedCPUs == [NodeID(0)])
}

private let misplacements: [(String, String, PageAmount, PageSize?, [NodeID: UInt64])] = [
    ("bind:0", "", Invented.pages(1, .base, on: 1), nil, [NodeID(1): 4096]),
    ("bind:0", "", Invented.pages(1, .base, on: 0), nil, [:]),
    ("interleave:0,2", "", Invented.pages(1, .thp, Invented.pmd, on: 1), nil, [NodeID(1): 2 << 20]),
    ("weighted interleave:0-1", "", Invented.pages(1, .base, on: 1), nil, [:]),
    ("prefer:0", "/dev/shm/a", Invented.pages(1, .base, on: 1, .shared), nil, [NodeID(1): 4096]),
    ("prefer (many):0", "", Invented.pages(1, .base, on: 1), nil, [NodeID(1): 4096]),
    ("local", "", Invented.pages(1, .base, on: 1), nil, [:]),
    ("default", "", Invented.pages(1, .base, on: 1), nil, [:]),
    ("bind:", "", Invented.pages(1, .base, on: 1), nil, [:]),
    ("bind:0", "", Invented.pages(1, .base, on: nil), nil, [:]),
    // The page cache of a file is where its first reader was.
    ("bind:0", "/bin/a", Invented.pages(1, .base, on: 1, .file), nil, [:]),
    ("bind:0", "/bin/a", Invented.pages(1, .base, on: 1, .anonymous), nil, [NodeID(1): 4096]),
    ("bind:0", "/bin/a", Invented.pages(1, nil, on: 1, nil), nil, [:]),
    ("bind:0", "", Invented.pages(1, nil, on: 1, nil), nil, [NodeID(1): 4096]),
    ("bind:0", "/huge/a", Invented.pages(512, nil, on: 1, nil), Invented.pmd, [NodeID(1): 2 << 20]),
    (
        "bind:0", "/huge/a", Invented.pages(1, .hugetlb, Invented.pmd, on: 1, .shared), Invented.pmd,
        [NodeID(1): 2 << 20]
    ),
]

@Test(arguments: misplacements) func misplaced(
    _ policy: String, name: String, amount: PageAmount, hugetlb: PageSize?, expected: [NodeID: UInt64]
) {
    let mapping = Invented.mapping(name: name, policy: policy, hugetlb: hugetlb, [amount])
    let report = ProcessReport(judging: Invented.observation(nodes: 3, [mapping, Invented.mapping(1)]))
    #expect(report.mappings[0].misplaced == expected)
}

private let vdso = Invented.mapping(1, name: "[vdso]", policy: "bind:0", permissions: "r-xp")
private let code = Invented.mapping(1, name: "/bin/a", policy: "bind:0", permissions: "r-xp")
private let otherCode = Invented.mapping(1, name: "/bin/a", policy: "bind:1", permissions: "r-xp")
private let lent = Invented.mapping(2, name: "[vvar]", policy: "bind:0", permissions: "r--p")

/// Shared memory of which a page is on node 1, by its policy and what else the process maps: whether that is told.
private let sharedPolicies: [(String, [MappingObservation], PageSize?, Bool)] = [
    ("bind:0", [vdso], nil, false),  // that of the process's thread: who touched the page is not known
    ("bind:0", [code], nil, false),
    ("bind:0", [], nil, false),  // nothing tells
    ("bind:0", [Invented.mapping(1, policy: "bind:2")], nil, false),
    ("bind:0", [Invented.mapping(1, policy: nil)], nil, false),
    ("bind:0", [otherCode], nil, true),
    ("bind:0", [otherCode, lent], nil, false),
    ("bind:0", [Invented.mapping(1)], nil, true),
    ("bind:0,2", [vdso], nil, true),
    ("bind:0", [vdso], Invented.pmd, false),
    ("bind:0,2", [vdso], Invented.pmd, true),
]

@Test(arguments: sharedPolicies) func sharedMemoryObeysOnlyAPolicyOfItsOwn(
    _ policy: String, others: [MappingObservation], hugetlb: PageSize?, isTold: Bool
) {
    for content in [PageContent.shared, nil] {
        let page =
            hugetlb.map { Invented.pages(1, content.map { _ in .hugetlb }, $0, on: 1, content) }
            ?? Invented.pages(1, content.map { _ in .base }, on: 1, content)
        let mapping = Invented.mapping(policy: policy, hugetlb: hugetlb, permissions: "rw-s", [page])
        let report = ProcessReport(judging: Invented.observation(nodes: 3, [mapping] + others))
        #expect(report.mappings[0].misplaced.isEmpty == !isTold)
        #expect(report.findings.contains { $0.id == .policyViolated } == isTold)
        #expect(!report.verdict.summary.contains("as its policies ask"))
    }
}

/// Private memory obeys the policy of the process's thread, too.
@Test func privateMemoryObeysThePolicyOfItsProcess() {
    let mapping = Invented.mapping(policy: "bind:0", [Invented.pages(1, .base, on: 1)])
    let report = ProcessReport(judging: Invented.observation([mapping, vdso]))
    #expect(report.findings.map(\.id) == [.policyViolated])
}

@Test func hugeBytesOfMappings() {
    let base = Invented.pages(1000, .base, on: 0)
    let huge = Invented.pages(2, .thp, Invented.pmd, on: 0)
    let mappings = [
        Invented.mapping(0, flags: "hg", room: 6 << 20, [base, huge]),
        Invented.mapping(1, flags: "nh", room: 6 << 20, [base, huge]),
        Invented.mapping(2, room: 1 << 20, [huge]),
        Invented.mapping(3, hugetlb: Invented.pmd, [Invented.pages(3, .hugetlb, Invented.pmd, on: 0, .shared)]),
        Invented.mapping(4, hugetlb: Invented.pmd, [Invented.pages(1024, nil, on: 0, nil)]),
        Invented.mapping(5, hugetlb: Invented.pmd),
        Invented.mapping(6),
        Invented.mapping(7, [Invented.pages(1, nil, on: 0, nil)]),
    ]
    let reports = ProcessReport(judging: Invented.observation(mappings)).mappings
    #expect(reports.map { $0.hugeBytes >> 20 } == [4, 4, 4, 6, 4, 0, 0, 0])
    #expect(reports.map { report in report.possibleHugeBytes.map { $0 >> 20 } } == [6, 4, 4, 6, 4, 0, 0, 0])
    #expect(reports.map(\.kind) == [.thp, .thp, .thp, .hugetlb, .hugetlb, .hugetlb, nil, nil])
    #expect(reports.map(\.pageSize) == Array(repeating: Invented.pmd, count: 6) + [nil, nil])
    #expect(reports[1].eligibility == .disabledByAdvice)
    #expect(reports[3].eligibility == nil)
}

@Test func notableMappings() {
    let sizes: [UInt64] = [0, 1, 2, 3000, 20, 5000, 6000, 31, 900, 4]
    let mappings = sizes.enumerated().map { index, pages in
        Invented.mapping(UInt64(index), [Invented.pages(pages, .base, on: 0)])
    }
    let starts = { (report: ProcessReport) in report.notable.map { ($0.start - 0x7f00_0000_0000) >> 36 } }
    // From 1 % of all on, which is 149.58 pages.
    #expect(starts(ProcessReport(judging: Invented.observation(mappings))) == [6, 5, 3, 8])
    // Three of them, however small, and none without memory.
    #expect(starts(ProcessReport(judging: Invented.observation(Array(mappings.prefix(3))))) == [2, 1])
    let many = (0..<40).map { Invented.mapping(UInt64($0), [Invented.pages(7, .base, on: 0)]) }
    #expect(starts(ProcessReport(judging: Invented.observation(many))) == Array(0..<12))
    // What a finding is about comes first.
    var bound = mappings
    bound[7].policy = ForeignText("bind:1")
    #expect(starts(ProcessReport(judging: Invented.observation(bound))) == [7, 6, 5, 3, 8])
    // Swapped memory counts.
    var swapped = mappings
    swapped[0].pages.swapped = 1 << 40
    #expect(starts(ProcessReport(judging: Invented.observation(swapped))) == [0, 6, 5])
}

private let verdicts: [([MappingObservation], String)] = [
    ([], "Process 4711 (postgres): nothing in RAM"),
    (
        [Invented.mapping(0, [Invented.pages(2, .base, on: 1)])],
        "Process 4711 (postgres): 8 KiB in RAM, none of it in huge pages, all on node 1"
    ),
    (
        [
            Invented.mapping(0, policy: "bind:0", [Invented.pages(1, .thp, Invented.pmd, on: 0)]),
            Invented.mapping(1, [Invented.pages(256, .base, on: 0)]),
        ],
        "Process 4711 (postgres): 3 MiB in RAM, 2 MiB of it in huge pages, all on node 0, as its policies ask"
    ),
    (
        [
            Invented.mapping(
                hugetlb: Invented.pmd,
                [
                    Invented.pages(1, .hugetlb, Invented.pmd, on: 0, .shared),
                    Invented.pages(1, .hugetlb, Invented.pmd, on: 1, .shared),
                ])
        ], "Process 4711 (postgres): 4 MiB in RAM, all of it in huge pages, on nodes 0-1"
    ),
    (
        [Invented.mapping(0, [Invented.pages(1, .base, on: nil)])],
        "Process 4711 (postgres): 4 KiB in RAM, none of it in huge pages"
    ),
]

@Test(arguments: verdicts) func cleanVerdict(_ mappings: [MappingObservation], _ summary: String) {
    let verdict = ProcessReport(judging: Invented.observation(mappings)).verdict
    #expect(verdict.summary == summary)
    #expect(verdict.level == .clean)
}

@Test func verdictOfAHostileName() {
    var process = Invented.observation()
    process.name = ForeignText("a\u{1b}[2J")
    #expect(ProcessReport(judging: process).verdict.summary == #"Process 4711 (a\u{1b}[2J): nothing in RAM"#)
}

private let courses: [(ProcessCourse, Verdict.Level, String)] = [
    (.complete, .clean, "Process 4711 (postgres): nothing in RAM"),
    (.withoutMemory, .clean, "Process 4711 (postgres) has no memory of its own"),
    (.ended, .partial, "ended while it was read"),
    (.replaced, .partial, "became another program while it was read"),
    (.refused, .partial, "the kernel refused to show them"),
]

@Test(arguments: courses) func verdictOfACourse(_ course: ProcessCourse, level: Verdict.Level, says: String) {
    var process = Invented.observation()
    process.course = course
    let report = ProcessReport(judging: process)
    #expect(report.verdict.level == level)
    #expect(report.findings.map(\.id) == (level == .partial ? [.partialView] : []))
    let said = [report.verdict.summary] + report.findings.flatMap(\.evidence).map(\.says)
    #expect(said.contains { $0.contains(says) })
}

/// What the kernel refused is told once, in the words of who asked for it.
@Test func refusalIsToldOnce() {
    var process = Invented.observation()
    process.course = .refused
    process.unread = [
        Unread(
            .pageTables, what: "its pages", path: ForeignText("/proc/4711/pagemap"), reason: "EPERM", remedy: "Be root")
    ]
    let report = ProcessReport(judging: process)
    #expect(report.findings.map(\.message) == ["One thing could not be read: its pages"])
    #expect(report.verdict.level == .partial)
}

@Test func contradictionsOfFrames() {
    var process = Invented.observation()
    let one = FrameWords.Contradiction(
        .tailWithoutHead, address: 0x7000, frame: PFN(0x123), flags: [.compoundTail, .huge])
    for _ in 0..<2 { process.frames.note(one) }
    process.frames.contradictionCount = 5
    var report = ProcessReport(judging: process)
    #expect(report.findings.map(\.id) == [.compoundMismatch])
    #expect(report.findings[0].severity == .error)
    #expect(report.findings[0].message.hasPrefix("At least 2 frames that the process maps are compound tails"))
    #expect(report.findings[0].evidence[0].says == "frame 0x123, mapped at 0x7000, has 0x30000 (compound_tail,huge)")
    #expect(report.verdict.level == .findings)
    process.frames.contradictions.append(.init(.hugetlbWithoutHuge, address: 0x8000, frame: PFN(9), flags: []))
    report = ProcessReport(judging: process)
    #expect(report.findings.map { $0.message.prefix(18) } == ["At least 2 frames ", "At least 1 frame t"])
}

private let contradictions: [(FrameWords.Contradiction.Kind, UInt64, String, String)] = [
    (.tailWithoutHead, 1, "1 frame that the process maps is a compound tail with no head before it", ""),
    (
        .tailWithoutHead, 2, "2 frames that the process maps are compound tails with no head before them",
        ", as the one beside it"
    ),
    (
        .tailsEndEarly, 1, "1 frame that the process maps is a compound head with too few tails for any page size", ""
    ),
    (.hugetlbWithoutHuge, 1, "1 frame that a hugetlb mapping leads to is without HUGE", ""),
    (.hugetlbWithoutHuge, 512, "512 frames that hugetlb mappings lead to are without HUGE", ", as the 511 beside it"),
]

/// Neighbours that contradict alike are noted once, and each frame counts.
@Test(arguments: contradictions) func contradictionsAreCountedByFrames(
    _ kind: FrameWords.Contradiction.Kind, frames: UInt64, message: String, end: String
) {
    var process = Invented.observation()
    let other = FrameWords.Contradiction.Kind.allCases.first { $0 != kind }!
    let noted = FrameWords.Contradiction(kind, address: 0x7000, frame: PFN(0x123), flags: [])
    process.frames.note(noted, frames: frames)
    #expect(process.frames.contradictionCount == frames)
    var findings = ProcessReport(judging: process).findings
    #expect(findings.map(\.message) == [message])
    #expect(findings[0].evidence.map(\.says) == ["frame 0x123, mapped at 0x7000, has 0x0 ()\(end)"])
    process.frames.note(.init(other, address: 0, frame: PFN(1), flags: []), frames: 3)
    #expect(process.frames.contradictionCount == frames + 3)
    findings = ProcessReport(judging: process).findings
    #expect(findings.count == 2 && findings.contains { $0.message == message })
}

// MARK: on some nodes only

@Test func reportOnSomeNodes() throws {
    let huge = Invented.pages(2, .thp, Invented.pmd, on: 1)
    var mapping = Invented.mapping(0, room: 8 << 20, [huge, Invented.pages(900, .base, on: 0)])
    mapping.pages.swapped = 4096
    let hugetlb = Invented.mapping(
        1, hugetlb: Invented.pmd, [Invented.pages(1, .hugetlb, Invented.pmd, on: 1, .shared)])
    let whole = ProcessReport(judging: Invented.observation(nodes: 3, [mapping, hugetlb]))
    #expect(whole.limitedTo == nil && whole.hugetlbSharing != nil && whole.hasMemory)
    #expect(whole.mappings[0].hugeBytes == 4 << 20 && whole.mappings[0].possibleHugeBytes == 8 << 20)
    let near = whole.limited(to: [NodeID(0)])
    #expect(near.limitedTo == [NodeID(0)] && near.hugetlbSharing == nil && near.hasMemory)
    #expect(near.mappings.map(\.hugeBytes) == [0] && near.mappings.map(\.possibleHugeBytes) == [nil])
    #expect(near.mappings.map(\.kind) == [.base] && near.mappings.map(\.pageSize) == [.fourKiB])
    #expect(near.verdict.summary == "Process 4711 (postgres) has 3.5 MiB in RAM on node 0")
    let far = whole.limited(to: [NodeID(1), NodeID(2)])
    #expect(far.mappings.map(\.hugeBytes) == [4 << 20, 2 << 20])
    #expect(far.mappings.map(\.kind) == [.thp, .hugetlb])
    #expect(far.verdict.summary == "Process 4711 (postgres) has 6 MiB in RAM on nodes 1-2")
    // What is swapped is on no node.
    #expect(!whole.limited(to: [NodeID(2)]).hasMemory)
}

@Test func nodeMismatchOfAProcess() {
    var process = Invented.observation()
    process.disagreements = [.init(size: .fourKiB, byBlocks: NodeID(0), byLibnuma: NodeID(1), pages: 3)]
    let finding = ProcessReport(judging: process).findings[0]
    #expect((finding.id, finding.node, finding.pages) == (.nodeMismatch, NodeID(1), 3))
    #expect(finding.message.hasPrefix("3 pages of 4 KiB (12 KiB) are on node 1 by libnuma"))
}

@Test func numbersInLists() {
    #expect(NumberList([3, 1, 0, 2, 8, 8]).description == "0-3,8")
    #expect(NumberList([Int.max, Int.min]).description == "\(Int.min),\(Int.max)")
    #expect(NumberList([Int]()).description == "")
    #expect(NumberList([NodeID(1), NodeID(0)]).description == "0-1")
}

// MARK: what was not read, and who has nothing to read

private let unreadAdvice: [(setting: String, possible: UInt64?)] = [
    ("madvise", nil), ("always", 6 << 20), ("never", 2 << 20),
]

/// Where smaps was left out, nothing is said of what it alone would tell.
@Test(arguments: unreadAdvice) func adviceThatWasNotRead(_ setting: String, possible: UInt64?) {
    let amounts = [Invented.pages(1, .thp, Invented.pmd, on: 0), Invented.pages(1024, .base, on: 0)]
    var process = Invented.observation([
        Invented.mapping(0, room: 6 << 20, amounts), Invented.mapping(1, length: 1 << 20),
    ])
    (process.transparent.enabled, process.isSmapsLeftOut) = (setting, true)
    let report = ProcessReport(judging: process, failOn: .error)
    #expect(report.mappings.map(\.possibleHugeBytes) == [possible, 0])
    #expect(report.isAdviceUnread == (possible == nil))
    #expect(report.condensed.isAdviceUnread == (possible == nil))
    let end = "; what it asked for by madvise(2) was not read"
    let parts = [report, report.limited(to: [NodeID(0)])]
    for part in parts { #expect(part.verdict.summary.hasSuffix(end) == (possible == nil)) }
    #expect(!report.limited(to: [NodeID(1)]).isAdviceUnread)
    #expect(report.verdict.level == .clean)
    #expect(list([report.condensed]).verdict.summary.hasSuffix("madvise(2) was not read") == (possible == nil))
}

/// Only memory that it matters to, and only where reading smaps would help.
@Test func adviceThatNeedNotBeRead() {
    var swapped = Invented.mapping()
    for (isLeftOut, bytes, isUnread) in [(true, UInt64(4096), true), (true, 0, false), (false, 4096, false)] {
        swapped.pages.swapped = bytes
        var process = Invented.observation([swapped])
        (process.transparent.enabled, process.isSmapsLeftOut) = ("madvise", isLeftOut)
        let report = ProcessReport(judging: process)
        #expect(report.isAdviceUnread == isUnread)
        #expect(report.verdict.summary.hasSuffix("not read") == isUnread)
        #expect(report.mappings[0].possibleHugeBytes == nil)
    }
}

private func list(_ reports: [ProcessReport]) -> ProcessList {
    ProcessList(
        reports, isOfAll: true, named: [], host: Invented.observation().host, takenAt: 0, durationSeconds: 0)
}

@Test func listsOfOneAndOfMore() {
    let small = ProcessReport(judging: Invented.observation([Invented.mapping(0, [Invented.pages(1, .base, on: 0)])]))
    let huge = ProcessReport(
        judging: Invented.observation([Invented.mapping(0, [Invented.pages(1, .thp, Invented.pmd, on: 0)])]))
    let cases = [
        ([small], "0 of 1 process has"), ([huge], "1 of 1 process has"), ([small, huge], "1 of 2 processes has"),
        ([small, small], "0 of 2 processes have"),
    ]
    for (reports, begin) in cases {
        #expect(list(reports).verdict.summary == "\(begin) huge pages, and nothing is wrong with them")
    }
}

@Test func longestReadOfAListIsThatOfAny() {
    let reports = [0.25, 1.5, 0].map { seconds in
        var process = Invented.observation()
        process.longestReadSeconds = seconds
        return ProcessReport(judging: process)
    }
    #expect(list(reports).longestReadSeconds == 1.5)
    #expect(list([]).longestReadSeconds == 0)
}

@Test(
    arguments: [
        (.kernelThread, "is a kernel thread and has no memory of its own"), (nil, "has no memory of its own"),
        (.zombie, "has ended and has no memory any more: a zombie that its parent did not reap yet (state Z)"),
    ] as [(WithoutMemory?, String)])
func verdictOfOneWithoutMemory(_ kind: WithoutMemory?, says: String) {
    var process = Invented.observation()
    (process.course, process.withoutMemoryAs) = (.withoutMemory, kind)
    #expect(ProcessReport(judging: process).verdict.summary == "Process 4711 (postgres) \(says)")
}
