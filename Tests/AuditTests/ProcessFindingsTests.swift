import Observations
import PageModel
import TestSupport
import Testing

@testable import Audit

private typealias Invented = InventedProcess
private let mebibyte: UInt64 = 1 << 20

/// What a rule said, in short: `severity node pages: message`.
private func said(_ process: ProcessObservation, _ id: Finding.ID) -> [String] {
    ProcessReport(judging: process).findings.filter { $0.id == id }.map { finding in
        let node = finding.node.map { " n\($0)" } ?? ""
        let pages = finding.pageSize.flatMap { size in finding.pages.map { " \($0)×\(size)" } } ?? ""
        return "\(finding.severity)\(node)\(pages): \(finding.message)"
    }
}

private func thp(_ pages: UInt64, on node: Int) -> PageAmount { Invented.pages(pages, .thp, Invented.pmd, on: node) }
private func base(_ pages: UInt64, on node: Int, _ content: PageContent? = .anonymous) -> PageAmount {
    Invented.pages(pages, content == nil ? nil : .base, on: node, content)
}

// MARK: policy-violated

private let violations: [([MappingObservation], [String])] = [
    (
        [Invented.mapping(policy: "bind:0", [base(3, on: 1), base(9, on: 0)])],
        ["warning n1 3×4 KiB: 12 KiB of one mapping is on node 1, which its policy (bind:0) does not name"]
    ),
    (
        [Invented.mapping(0, policy: "prefer:1", [base(1, on: 0)])],
        [
            "note n0 1×4 KiB: 4 KiB of one mapping is on node 0, which its policy (prefer:1) does not name; a preference "
                + "gives way where memory is short"
        ]
    ),
    (
        [
            Invented.mapping(0, policy: "bind:0", [base(1, on: 1)]),
            Invented.mapping(1, policy: "interleave:0,2", [thp(1, on: 1)]),
            Invented.mapping(2, policy: "bind:0", [base(1, on: 2)]),
        ],
        [
            "warning n1: 2.0 MiB of 2 mappings is on node 1, which their policies (interleave:0,2, bind:0) do not name",
            "warning n2 1×4 KiB: 4 KiB of one mapping is on node 2, which its policy (bind:0) does not name",
        ]
    ),
    ([Invented.mapping(policy: "bind:0-1", [base(1, on: 1)])], []),
    ([Invented.mapping(name: "/bin/x", policy: "bind:0", [base(1, on: 1, .file)])], []),
    ([Invented.mapping(policy: "entangled:0", [base(1, on: 1)])], []),
    ([Invented.mapping(policy: nil, [base(1, on: 1)])], []),
]

@Test(arguments: violations) func policyViolated(_ mappings: [MappingObservation], _ expected: [String]) {
    #expect(said(Invented.observation(nodes: 3, mappings), .policyViolated) == expected)
}

@Test func remedyOfAViolation() throws {
    let mappings = (0..<7).map { index in
        Invented.mapping(
            index, name: "/huge/a;rm\u{1b}", policy: "bind:0,2", hugetlb: Invented.pmd,
            [Invented.pages(1 + index, .hugetlb, Invented.pmd, on: 1, .shared)])
    }
    let report = ProcessReport(judging: Invented.observation(nodes: 3, mappings + [Invented.mapping(7)]))
    let finding = try #require(report.findings.first { $0.id == .policyViolated })
    #expect(finding.remedy.hasPrefix("migratepages 4711 1 0,2  # "))
    #expect(finding.remedy.contains("hugetlb"))
    #expect(finding.evidence.map(\.path) == Array(repeating: "/proc/4711/numa_maps", count: 5))
    #expect(finding.evidence[0].says == #"0x7f6000000000 /huge/a;rm\u{1b}: 14 MiB on node 1, policy bind:0,2"#)
    #expect(finding.evidence[4].says == "3 more mappings")
    #expect(report.notable.first?.start == 0x7f60_0000_0000)
}

// MARK: remote-placement

struct RemoteCase: CustomTestStringConvertible, Sendable {
    var allowed = [0, 1]
    var lastUsed: [Int: UInt64] = [0: 3]
    var memoryOnly: Set<Int> = []
    var mappings: [MappingObservation]
    var expected: [String]
    var testDescription: String { expected.first ?? "nothing" }
}

private let pinnedWords = "at distance 21 from the CPUs that it may run on (node 0)"
private let remotes: [RemoteCase] = [
    .init(
        mappings: [Invented.mapping(0, [thp(3, on: 1), thp(1, on: 0)])],
        expected: ["warning n1 3×2 MiB: 6 MiB (75 % of its memory) is on node 1, \(pinnedWords)"]),
    .init(
        mappings: [Invented.mapping(0, [thp(1, on: 1), thp(19, on: 0)])],
        expected: ["note n1 1×2 MiB: 2 MiB (5 % of its memory) is on node 1, \(pinnedWords)"]),
    .init(mappings: [Invented.mapping(0, [base(511, on: 1)])], expected: []),
    .init(mappings: [Invented.mapping(name: "/bin/x", [base(4096, on: 1, .file)])], expected: []),
    .init(mappings: [Invented.mapping(name: "/bin/x", [base(4096, on: 1, nil)])], expected: []),
    .init(
        mappings: [Invented.mapping(0, [base(512, on: 1, nil)])],
        expected: ["warning n1: 2 MiB (100 % of its memory) is on node 1, \(pinnedWords)"]),
    // All CPUs: where its threads were is what counts, and the scheduler may move them.
    .init(
        allowed: [0, 1, 2, 3, 4, 5], lastUsed: [2: 1], mappings: [Invented.mapping(0, [thp(1, on: 0), thp(1, on: 1)])],
        expected: [
            "note n0 1×2 MiB: 2 MiB (50 % of its memory) is on node 0, at distance 21 from the CPUs that its threads ran "
                + "on last (node 1)"
        ]),
    // Not all CPUs, but some of each node.
    .init(
        allowed: [0, 2, 4], lastUsed: [0: 1, 2: 1], mappings: [Invented.mapping(0, [thp(1, on: 0), thp(1, on: 1)])],
        expected: []),
    .init(allowed: [], lastUsed: [:], mappings: [Invented.mapping(0, [thp(1, on: 1)])], expected: []),
    .init(
        mappings: [Invented.mapping(policy: "bind:1", [thp(4, on: 1)])],
        expected: ["note n1 4×2 MiB: 8 MiB (100 % of its memory) is on node 1, \(pinnedWords), as its policies ask"]),
    .init(
        mappings: [
            Invented.mapping(0, policy: "interleave:0-1", [thp(4, on: 1)]), Invented.mapping(1, [thp(1, on: 1)]),
        ],
        expected: ["warning n1 1×2 MiB: 2 MiB (20 % of its memory) is on node 1, \(pinnedWords)"]),
    .init(
        memoryOnly: [1], mappings: [Invented.mapping(0, [thp(1, on: 1)])],
        expected: [
            "note n1 1×2 MiB: 2 MiB (100 % of its memory) is on node 1, \(pinnedWords); node 1 has no CPUs"
        ]),
    .init(
        mappings: [Invented.mapping(0, [thp(1, on: 1), thp(1, on: 2)])],
        expected: [
            "warning n1 1×2 MiB: 2 MiB (50 % of its memory) is on node 1, \(pinnedWords)",
            "warning n2 1×2 MiB: 2 MiB (50 % of its memory) is on node 2, at distance 22 from the CPUs that it may run on "
                + "(node 0)",
        ]),
]

@Test(arguments: remotes) func remotePlacement(_ row: RemoteCase) {
    var process = Invented.observation(nodes: 3, memoryOnly: row.memoryOnly, row.mappings)
    process.range.cpusAllowed = row.allowed
    process.range.cpusLastUsed = row.lastUsed
    #expect(said(process, .remotePlacement) == row.expected)
}

@Test func remedyOfRemotePlacement() throws {
    var process = Invented.observation([Invented.mapping(0, [thp(1, on: 1)])])
    process.range.cpusAllowed = [0, 1]
    let remedy = { (process: ProcessObservation) in ProcessReport(judging: process).findings.first?.remedy }
    #expect(
        remedy(process)
            == "migratepages 4711 1 0  # moves its memory to its CPUs; the other way round: taskset -a -c -p 2-3 4711")
    process.range.nodesAllowed = [NodeID(1)]
    #expect(
        remedy(process)?.hasPrefix("Let its cpuset have memory of node 0 (cpuset.mems of its cgroup), then: ") == true)
    let evidence = try #require(ProcessReport(judging: process).findings.first).evidence
    #expect(
        evidence.map(\.path) == [
            "/proc/4711/status", "/sys/devices/system/node/node0/distance", "/proc/4711/pagemap",
        ])
    #expect(
        evidence.map(\.says) == [
            "Cpus_allowed_list is 0-1", "21 from node 0 to node 1", "0x7f0000000000 anonymous: 2 MiB on node 1",
        ])
}

private func device(_ name: String, _ node: Int?) -> OpenDevice {
    OpenDevice(
        name: ForeignText(name), path: ForeignText("/sys/devices/\(name)"), node: node.map { NodeID($0) })
}

private let attached: [([OpenDevice], [PageAmount], [String])] = [
    (
        [device("vfio/12", 1)], [thp(2, on: 0)],
        [
            "note n1: Device vfio/12 is attached to node 1, and all of the process's memory (4 MiB) is on node 0, at "
                + "distance 21"
        ]
    ),
    (
        [device("eth0\u{1b}", 2), device("b", 2), device("c", 0), device("d", nil)], [thp(1, on: 0), thp(1, on: 1)],
        [
            #"note n2: Device eth0\u{1b} and 1 more are attached to node 2, and all of the process's memory (4 MiB) is on "#
                + "nodes 0-1, at distance 21"
        ]
    ),
    ([device("a", 1)], [thp(2, on: 0), base(512, on: 1)], []),
    (
        [device("a", 1)], [thp(2, on: 0), base(1, on: 1)],
        [
            "note n1: Device a is attached to node 1, and all but 4 KiB of the process's memory (4 MiB) is on node 0, at "
                + "distance 21"
        ]
    ),
    ([device("a", 1)], [base(511, on: 0), base(511, on: 1)], []),
    ([device("a", 1)], [base(511, on: 0)], []),
    ([device("a", nil)], [thp(2, on: 0)], []),
    (
        [device("a", 7)], [thp(1, on: 0)],
        ["note n7: Device a is attached to node 7, and all of the process's memory (2 MiB) is on node 0"]
    ),
]

@Test(arguments: attached) func remoteDevice(_ devices: [OpenDevice], _ amounts: [PageAmount], _ expected: [String]) {
    var process = Invented.observation(nodes: 3, [Invented.mapping(0, amounts)])
    process.range.devices = devices
    process.range.cpusLastUsed = [0: 1, 2: 1]
    #expect(said(process, .remotePlacement) == expected)
}

// MARK: fallback-to-base

private let never =
    "was asked to be in huge pages of 2 MiB (MADV_HUGEPAGE) and is not: the settings forbid it (enabled: never)"
private let fell =
    "was asked to be in huge pages of 2 MiB (MADV_HUGEPAGE) and is in smaller ones: it was touched before "
    + "madvise(2), none was free then, or they were split"
private let could = "could be in huge pages of 2 MiB and is in smaller ones"

private func room(_ index: UInt64, _ megabytes: UInt64, huge: UInt64 = 0, flags: String?) -> MappingObservation {
    Invented.mapping(
        index, flags: flags, room: megabytes * mebibyte,
        [thp(huge, on: 0), base((megabytes - 2 * huge) * 256, on: 0)])
}

private let fallbacks: [(String, [MappingObservation], [String])] = [
    ("madvise", [room(0, 8, huge: 1, flags: "rd hg")], ["warning 3×2 MiB: 6 MiB of 8 MiB \(fell)"]),
    ("madvise", [room(0, 8, huge: 3, flags: "rd hg")], ["note 1×2 MiB: 2 MiB of 8 MiB \(fell)"]),
    ("madvise", [room(0, 8, huge: 4, flags: "rd hg")], []),
    ("madvise", [room(0, 8, flags: "rd")], []),
    ("madvise", [room(0, 8, flags: nil)], []),
    ("madvise", [room(0, 1, flags: "hg")], []),
    ("madvise", [room(0, 1, flags: "hg"), room(1, 1, flags: "hg")], ["warning 1×2 MiB: 2 MiB of 2 MiB \(fell)"]),
    ("never", [room(0, 8, flags: "hg")], ["warning 4×2 MiB: 8 MiB of 8 MiB \(never)"]),
    ("never", [room(0, 8, flags: "rd")], []),
    ("always", [room(0, 8, flags: nil)], ["note 4×2 MiB: 8 MiB of 8 MiB \(could)"]),
    ("always", [room(0, 8, flags: "nh")], []),
    (
        "always", [room(0, 8, flags: "rd"), room(1, 4, huge: 1, flags: "hg")],
        ["warning 1×2 MiB: 2 MiB of 4 MiB \(fell)", "note 4×2 MiB: 8 MiB of 8 MiB \(could)"]
    ),
]

@Test(arguments: fallbacks) func fallbackToBase(
    _ enabled: String, _ mappings: [MappingObservation], _ expected: [String]
) {
    var process = Invented.observation(mappings)
    process.transparent.enabled = enabled
    #expect(said(process, .fallbackToBase) == expected)
}

@Test func fallbackByTheProcessItself() throws {
    var process = Invented.observation([room(0, 8, flags: "hg")])
    process.isTransparentEnabled = false
    #expect(said(process, .fallbackToBase).first?.hasSuffix("PR_SET_THP_DISABLE forbids it") == true)
    process.isTransparentEnabled = true
    process.transparent.sizes[Invented.pmd] = "never"
    let finding = try #require(ProcessReport(judging: process).findings.first)
    #expect(finding.remedy.hasPrefix("echo madvise > /sys/kernel/mm/transparent_hugepage/hugepages-2048kB/enabled  # "))
    #expect(finding.evidence[0].path == "/sys/kernel/mm/transparent_hugepage/hugepages-2048kB/enabled")
    #expect(finding.evidence[0].says == "never")
    #expect(finding.evidence[1].says == "0x7f0000000000 anonymous: 0 B of 8 MiB is in huge pages")
    process.isClassified = false
    #expect(said(process, .fallbackToBase).isEmpty)
}

// MARK: thp-bloat

private let samples: [(zero: UInt64, base: UInt64, thp: UInt64, said: String?)] = [
    (
        512, 1024, 8,
        "warning: About 8 MiB (50 %) of the 16 MiB in transparent huge pages is nothing but zeros, by a sample of "
            + "2 of 9 huge pages"
    ),
    (
        128, 1024, 8,
        "note: About 2 MiB (12 %) of the 16 MiB in transparent huge pages is nothing but zeros, by a sample of "
            + "2 of 9 huge pages"
    ),
    (127, 1024, 8, nil), (0, 1024, 8, nil), (0, 0, 8, nil), (1024, 1024, 0, nil),
    // More zeros than pages: nobody can have seen that.
    (
        .max, 1024, 1,
        "warning: About 2 MiB (100 %) of the 2 MiB in transparent huge pages is nothing but zeros, by a sample of "
            + "2 of 9 huge pages"
    ),
]

@Test(arguments: samples) func thpBloat(_ row: (zero: UInt64, base: UInt64, thp: UInt64, said: String?)) {
    var process = Invented.observation([
        Invented.mapping(0, [thp(row.thp, on: 0), Invented.pages(9, .thp, Invented.pmd, on: 0, .file)])
    ])
    process.content = ContentSample()
    process.content?.hugePages = 2
    process.content?.candidates = 9
    process.content?.basePages = row.base
    process.content?.zeroFilled = row.zero
    #expect(said(process, .thpBloat) == (row.said.map { [$0] } ?? []))
}

/// What is mapped in parts was not looked into, and the sample does not speak for it.
@Test func bloatOfWhatWasSampled() throws {
    var process = Invented.observation([Invented.mapping(0, [thp(8, on: 0)])])
    var content = ContentSample()
    (content.hugePages, content.candidates, content.basePages, content.zeroFilled) = (2, 3, 1024, 1024)
    process.content = content
    let report = ProcessReport(judging: process)
    let finding = try #require(report.findings.first)
    #expect(
        finding.message.hasPrefix("About 6 MiB (100 %) of the 6 MiB in transparent huge pages is nothing but zeros"))
    #expect(finding.evidence[0].says.hasSuffix("; 10 MiB more, mapped in parts, was not looked into"))
    #expect(report.unread.isEmpty)
}

/// Somebody asked, nothing was looked into: why. Nil: whether they are mapped whole is not known.
private let unseen: [(pages: UInt64, whole: UInt64?, candidates: UInt64, reason: String?)] = [
    (4, nil, 0, "PAGEMAP_SCAN, Linux 6.7"), (4, 0, 0, "they are mapped in parts"),
    (4, 8 << 20, 4, "none of the sample could be read to its end"), (0, nil, 0, nil), (0, 0, 0, nil),
]

@Test(arguments: unseen) func contentThatWasNotSeen(
    _ row: (pages: UInt64, whole: UInt64?, candidates: UInt64, reason: String?)
) {
    var mapping = Invented.mapping(0, [Invented.pages(3, .thp, Invented.pmd, on: 0, .file)])
    if row.pages > 0 { mapping.pages.add(thp(row.pages, on: 0)) }
    mapping.pages.mappedByPMD = row.whole
    var process = Invented.observation([mapping])
    #expect(ProcessReport(judging: process).unread.isEmpty)
    process.content = ContentSample()
    process.content?.candidates = row.candidates
    let report = ProcessReport(judging: process)
    #expect(report.unread.map(\.what) == (row.reason == nil ? [] : ["what 8 MiB in transparent huge pages holds"]))
    #expect(report.unread.allSatisfy { $0.reason.contains(row.reason ?? "") })
    #expect(report.verdict.level == (row.reason == nil ? .clean : .partial))
}

// MARK: all together

@Test func worstFindingFirstAndVerdict() {
    var process = Invented.observation([Invented.mapping(policy: "bind:0", [thp(2, on: 1)])])
    process.range.cpusAllowed = [0]
    process.unread = [
        Unread(.pageTables, what: "smaps", path: ForeignText("/proc/4711/smaps"), reason: "no", remedy: "none")
    ]
    let report = ProcessReport(judging: process)
    #expect(report.findings.map(\.id) == [.policyViolated, .remotePlacement, .partialView])
    #expect(report.verdict.level == .findings)
    #expect(
        report.verdict.summary
            == "4 MiB of one mapping is on node 1, which its policy (bind:0) does not name; 1 more finding")
    #expect(ProcessReport(judging: process, failOn: .error).verdict.level == .partial)
}

/// Amounts that no machine has.
@Test func absurdAmounts() {
    let huge = PageAmount(
        node: NodeID(1), kind: .thp, size: Invented.pmd, content: .anonymous, pages: .max, bytes: .max)
    var mapping = Invented.mapping(policy: "bind:0", flags: "hg", room: .max, [huge, huge])
    mapping.pages.swapped = .max
    var process = Invented.observation([mapping, Invented.mapping(1, policy: "bind:0", [huge])])
    process.range.cpusAllowed = [0]
    var content = ContentSample()
    (content.basePages, content.zeroFilled) = (1, .max)
    process.content = content
    #expect(!ProcessReport(judging: process).findings.isEmpty)
}
