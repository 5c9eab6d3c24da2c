import Audit
import Observations
import PageModel
import TestSupport
import Testing

private typealias Machine = InventedMachine
private let size = Machine.size

/// A cgroup of which programs were refused pages so often.
private func cgroup(_ path: String, refusals: UInt64) -> HugetlbCgroup {
    var cgroup = HugetlbCgroup(.v2, path: ForeignText(path), folder: ForeignText("/cg\(path)"), size: size)
    (cgroup.limit, cgroup.refusals) = (4 * size.bytes, refusals)
    return cgroup
}

/// A mount on /huge in the namespace of that process.
private func mount(_ process: Int32, minimum: UInt64) -> Observations.HugetlbMount {
    Observations.HugetlbMount(
        device: DeviceNumber(major: 0, minor: UInt32(process)), folder: ForeignText("/huge"), through: PID(process),
        size: size, minimum: minimum)
}

/// By what a finding of two audits is known again: that of another thing, and one that is worse, are new.
@Suite struct KnownFindingTests {
    @Test(
        arguments: [
            ([cgroup("/a", refusals: 3)], []), ([cgroup("/a", refusals: 4)], ["Cgroup /a was refused"]),
            ([cgroup("/a", refusals: 3), cgroup("/b", refusals: 3)], ["Cgroup /b was refused"]),
        ] as [([HugetlbCgroup], [String])])
    func cgroups(after: [HugetlbCgroup], new: [String]) {
        let difference = AuditDifference(
            from: audit { $0.cgroups = [cgroup("/a", refusals: 3)] }, to: audit { $0.cgroups = after })
        #expect(difference.findings.map { String($0.message.prefix(21)) } == new)
        #expect(difference.findings.allSatisfy { $0.id == .cgroupSigbusRisk })
    }

    @Test(
        arguments: [
            ([mount(7, minimum: 6)], []), ([mount(7, minimum: 5)], []), ([mount(7, minimum: 8)], [8]),
            ([mount(7, minimum: 6), mount(9, minimum: 4)], [4]),
        ] as [([Observations.HugetlbMount], [UInt64])])
    func mounts(after: [Observations.HugetlbMount], new: [UInt64]) {
        let reserved = { (mounts: [Observations.HugetlbMount]) in Int64(mounts.reduce(0) { $0 + $1.minimum }) }
        let before = audit { ($0.mounts, $0.reserved) = ([mount(7, minimum: 6)], 6) }
        let difference = AuditDifference(
            from: before, to: audit { ($0.mounts, $0.reserved) = (after, reserved(after)) })
        #expect(difference.findings.map(\.pages) == new)
        #expect(difference.findings.allSatisfy { $0.id == .mountReservation })
    }

    /// The mount that is named is the one that has reserved the pages, and not another on the same folder.
    @Test func theMountOfAReservation() {
        let report = audit { ($0.mounts, $0.reserved) = ([mount(7, minimum: 0), mount(9, minimum: 4)], 4) }
        #expect(report.findings.map(\.id) == [.mountReservation])
        #expect(report.findings.first?.remedy.hasPrefix("umount -N 9 /huge ") == true)
        #expect(report.findings.first?.evidence.first?.says == "min_size is 4 pages of 2 MiB (8 MiB)")
        #expect(report.findings.first?.evidence.first?.path == "/proc/9/mountinfo")
    }

    /// Why files could not be placed is what is in the way, and only `--passive` is told to be left out.
    @Test(
        arguments: [
            (true, "Audit again without --passive"),
            (false, "Audit again; why their place could not be told: /proc/kpageflags cannot be read"),
        ]) func pagesWithoutANode(isPassive: Bool, remedy: String) throws
    {
        var file = Machine.file("/huge/a", inode: 1, [2])
        (file.frames, file.unplaced) = (nil, "/proc/kpageflags cannot be read")
        let report = audit { ($0.files, $0.nameless, $0.isPassive) = ([file], [3, 2], isPassive) }
        let finding = try #require(report.findings.first { $0.id == .unexplainedPages })
        #expect(finding.node == nil)
        #expect(finding.pages == 3)
        #expect(finding.remedy == remedy)
    }
}
