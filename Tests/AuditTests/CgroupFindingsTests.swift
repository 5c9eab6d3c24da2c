import Observations
import PageModel
import Testing

@testable import Audit

private let page: UInt64 = 2 << 20
private let size = PageSize(bytes: page)!

/// One cgroup with pages of 2 MiB; amounts in pages.
private func cgroup(
    _ path: String, _ version: HugetlbCgroup.Version = .v2, limit: UInt64? = nil, usage: UInt64 = 0,
    reserved: UInt64 = 0, reservedLimit: UInt64? = nil, refusals: UInt64 = 0
) -> HugetlbCgroup {
    var cgroup = HugetlbCgroup(version, path: ForeignText(path), folder: ForeignText("/cg\(path)"), size: size)
    (cgroup.limit, cgroup.usage, cgroup.reserved) = (limit.map { $0 * page }, usage * page, reserved * page)
    (cgroup.reservedLimit, cgroup.refusals) = (reservedLimit.map { $0 * page }, refusals)
    if version == .v1 { cgroup.refusedReservations = 0 }
    return cgroup
}

@Test func moreReservedThanMayBeUsed() throws {
    let path = "/system.slice/db.service"
    let findings = CgroupFindings([cgroup(path, limit: 4, usage: 2, reserved: 6)]).findings
    let finding = try #require(findings.first)
    #expect(findings.count == 1)
    #expect(finding.id == .cgroupSigbusRisk)
    #expect(finding.severity == .warning)
    #expect(finding.pageSize == size)
    #expect(finding.pages == 2)
    #expect(
        finding.message
            == "Cgroup /system.slice/db.service (db.service) has reserved 6 pages of 2 MiB (12 MiB) and may use "
            + "4 pages of 2 MiB (8 MiB): the first touch of a page beyond that is a SIGBUS")
    #expect(
        finding.remedy
            == "Raise the limit to what is reserved: echo 12582912 > /cg\(path)/hugetlb.2MB.max, or end programs "
            + "there until no more is reserved than may be used (before, the kernel says EBUSY) and let mmap fail in place "
            + "of SIGBUS: echo 8388608 > /cg\(path)/hugetlb.2MB.rsvd.max")
    #expect(
        finding.evidence.map { "\($0.path): \($0.says)" } == [
            "/cg\(path)/hugetlb.2MB.max: no more than 8388608 bytes may be used",
            "/cg\(path)/hugetlb.2MB.rsvd.current: 12582912 bytes are reserved",
            "/cg\(path)/hugetlb.2MB.current: 4194304 bytes are used",
            "/cg\(path)/hugetlb.2MB.rsvd.max: no limit may be reserved",
            "/cg\(path)/hugetlb.2MB.events: max 0: pages refused with SIGBUS, and calls of mmap that failed",
        ])
}

/// Limits and figures that are in order, or only look risky.
private let inOrder: [HugetlbCgroup] = [
    cgroup("/a", limit: 4, usage: 4, reserved: 4),
    cgroup("/a", limit: 4, reserved: 3),
    cgroup("/a", limit: 0),
    cgroup("/a", limit: 4, usage: 2, reserved: 2, reservedLimit: 4),
    cgroup("/a", .v1, limit: 4, usage: 4, reserved: 4),
    cgroup("/a", usage: 9, reserved: 9),
]

@Test(arguments: inOrder) func limitsInOrder(_ cgroup: HugetlbCgroup) {
    #expect(CgroupFindings([cgroup]).findings.isEmpty)
}

/// Refusals by version, what was refused, whether it can be SIGBUS again, and the end of the message.
private let refused: [(HugetlbCgroup, UInt64?, Severity, String)] = [
    (
        cgroup("/a", limit: 4, refusals: 1), nil, .warning,
        "Cgroup /a was refused a page or a reservation of 2 MiB once: it may use 4 pages of 2 MiB (8 MiB)"
    ),
    (
        cgroup("/a", limit: 0, refusals: 3), nil, .warning,
        "Cgroup /a was refused a page or a reservation of 2 MiB 3 times: it may use 0 pages of 2 MiB (0 B)"
    ),
    (
        cgroup("/a", limit: 4, reservedLimit: 4, refusals: 2), nil, .note,
        "Cgroup /a was refused a page or a reservation of 2 MiB 2 times: it may use 4 pages of 2 MiB (8 MiB) and may "
            + "reserve 4 pages of 2 MiB (8 MiB)"
    ),
    (
        cgroup("/a", reservedLimit: 1, refusals: 2), nil, .note,
        "Cgroup /a was refused a page or a reservation of 2 MiB 2 times: it may reserve 1 page of 2 MiB (2 MiB)"
    ),
    (
        cgroup("/a", refusals: 2), nil, .note,
        "Cgroup /a was refused a page or a reservation of 2 MiB 2 times, and has no limit now"
    ),
    (
        cgroup("/a", .v1, limit: 4, refusals: 2), 0, .warning,
        "Cgroup /a was refused a page of 2 MiB 2 times: it may use 4 pages of 2 MiB (8 MiB)"
    ),
    (
        cgroup("/a", .v1, limit: 4, reservedLimit: 4), 2, .note,
        "Cgroup /a was refused a reservation of 2 MiB 2 times: it may use 4 pages of 2 MiB (8 MiB) and may reserve 4 pages "
            + "of 2 MiB (8 MiB)"
    ),
    (
        cgroup("/a", .v1, limit: 4, reservedLimit: 8, refusals: 1), 1, .warning,
        "Cgroup /a was refused a page or a reservation of 2 MiB 2 times: it may use 4 pages of 2 MiB (8 MiB) and may "
            + "reserve 8 pages of 2 MiB (16 MiB)"
    ),
]

@Test(arguments: refused)
func refusalsAreSaid(_ cgroup: HugetlbCgroup, reservations: UInt64?, severity: Severity, message: String) throws {
    var cgroup = cgroup
    cgroup.refusedReservations = reservations
    let finding = try #require(CgroupFindings([cgroup]).findings.first)
    #expect(finding.severity == severity)
    #expect(finding.message == message)
    #expect(finding.pages == nil)
    #expect(finding.evidence.count == (cgroup.version == .v1 ? 6 : 5))
}

/// Who is told of how many refusals, where version 2 counts each of them in every cgroup above.
private let trees: [([HugetlbCgroup], [String: String])] = [
    // The limit is above, the program below.
    ([cgroup("/a", limit: 4, refusals: 2), cgroup("/a/b", refusals: 2)], ["/a": "2 times"]),
    // The limit is below.
    ([cgroup("/a", refusals: 2), cgroup("/a/b", limit: 4, refusals: 2)], ["/a/b": "2 times"]),
    // Three below, of which one limited; two of cgroups that are gone.
    (
        [
            cgroup("/a", limit: 9, refusals: 10), cgroup("/a/b", limit: 1, refusals: 3), cgroup("/a/b/x", refusals: 3),
            cgroup("/a/c", refusals: 4), cgroup("/a/d", refusals: 1),
        ],
        ["/a": "7 times", "/a/b": "3 times"]
    ),
    // Nobody has a limit any more: told once.
    ([cgroup("/a", refusals: 1), cgroup("/a/b", refusals: 1)], ["/a/b": "once"]),
    // Names that only begin alike are no parents.
    ([cgroup("/a", limit: 4), cgroup("/ab", limit: 4, refusals: 1)], ["/ab": "once"]),
    // Version 1 says itself whose limit it was.
    (
        [cgroup("/a", .v1, limit: 4, refusals: 2), cgroup("/a/b", .v1, limit: 1, refusals: 1), cgroup("/a/c", .v1)],
        ["/a": "2 times", "/a/b": "once"]
    ),
    // The top of a container's own view.
    ([cgroup("/", limit: 4, refusals: 1), cgroup("/b", refusals: 1)], ["/": "once"]),
]

@Test(arguments: trees) func refusalsAreToldOnce(_ cgroups: [HugetlbCgroup], _ told: [String: String]) {
    let findings = CgroupFindings(cgroups.shuffled()).findings
    let said = findings.map { finding in
        (
            String(finding.message.split(separator: " ")[1]),
            told.values.first { finding.message.contains(" \($0)") } ?? ""
        )
    }
    #expect(Dictionary(said) { first, _ in first } == told)
    #expect(findings.count == told.count)
}

/// A limit above counts for all below: the shortfall is told where the limit is.
@Test func limitOfAnAncestor() {
    let cgroups = [
        cgroup("/a", limit: 4, reserved: 6), cgroup("/a/b", reserved: 3, refusals: 0),
        cgroup("/a/c", limit: 3, reserved: 3),
    ]
    #expect(CgroupFindings(cgroups).findings.map(\.pages) == [2])
}

/// A path that would run another command or move the cursor is quoted and escaped.
@Test func hostilePathOfACgroup() throws {
    let finding = try #require(CgroupFindings([cgroup("/a; rm -rf ~\u{1b}[2J'", limit: 4, reserved: 6)]).findings.first)
    #expect(finding.remedy.contains(#"> $'/cg/a; rm -rf ~\x1b[2J\x27/hugetlb.2MB.max'"#))
    #expect(finding.message.contains(#"Cgroup /a; rm -rf ~\u{1b}[2J' has"#))
    let texts = [finding.message, finding.remedy] + finding.evidence.flatMap { [$0.path, $0.says] }
    #expect(texts.allSatisfy { !$0.contains("\u{1b}") })
}

/// The report has them, limited to the sizes that were asked for.
@Test func reportHasLimitsOfCgroups() throws {
    let host = HostObservation(name: ForeignText("x"), release: ForeignText("6.18.0"), basePageSize: .fourKiB)
    var observation = MachineObservation(
        host: host, takenAt: 0, durationSeconds: 0, nodes: [], passes: [], unread: [])
    observation.cgroups = [cgroup("/a", limit: 4, reserved: 6)]
    #expect(AuditReport(judging: observation).findings.map(\.id) == [.unsettled, .cgroupSigbusRisk])
    let other = Scope(sizes: [try #require(PageSize(bytes: 1 << 30))])
    #expect(AuditReport(judging: observation, scope: other).findings.map(\.id) == [.unsettled])
}
