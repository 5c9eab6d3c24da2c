import Audit
import Observations
import PageModel
import TestSupport
import Testing

private typealias Machine = InventedMachine

private func audit(reserved: Int64, _ files: [HugetlbFile]) -> AuditReport {
    audit { ($0.files, $0.reserved) = (files, reserved) }
}

/// A segment that nobody has touched or is attached to, in the IPC namespace of that number.
private func segment(_ id: Int32, in namespace: UInt64, length: UInt64) -> HugetlbFile {
    let kind = HugetlbFile.Kind.systemV(
        .init(
            key: 1, id: id, creator: PID(5), lastUser: PID(5), attached: 0, namespace: namespace,
            through: PID(Int32(namespace))))
    return Machine.sparse(
        "SYSV key 0x1 id \(id)", inode: UInt64(id), length: length, kind: kind, ipcNamespace: namespace)
}

/// What of the reservations that two audits differ in is left behind, and by whom.
@Suite struct ReservationChangeTests {
    private let old = Machine.sparse("/huge/old", inode: 1, length: 8)
    private let older = Machine.sparse("/huge/older", inode: 2, length: 8)
    private let new = Machine.sparse("/huge/new", inode: 3, length: 5)

    /// Another IPC namespace uses keys and ids again: it is another segment.
    @Test func segmentsAreKnownByTheirNamespace() throws {
        let difference = AuditDifference(
            from: audit(reserved: 4, [segment(3, in: 70, length: 4)]),
            to: audit(reserved: 4, [segment(3, in: 80, length: 4)]))
        #expect(difference.reservations.map(\.change) == [4, -4])
        let finding = try #require(difference.findings.first)
        #expect(difference.findings.count == 1)
        #expect(finding.id == .reservationLeft)
        #expect(finding.remedy.hasPrefix("nsenter -t 80 -i ipcrm -m 3 "))
    }

    /// By which process a file is reached may change, and it is the same file.
    @Test func filesAreKnownByTheirInodes() {
        let names = ["/proc/7/root/huge/a", "/proc/9/root/huge/a"]
        let audits = names.map { audit(reserved: 4, [Machine.sparse($0, inode: 1, length: 8)]) }
        let difference = AuditDifference(from: audits[0], to: audits[1])
        #expect(difference.reservations.isEmpty && difference.findings.isEmpty)
        let another = audit(reserved: 4, [Machine.sparse(names[0], inode: 2, length: 8)])
        #expect(AuditDifference(from: audits[0], to: another).findings.map(\.id) == [.reservationLeft])
    }

    /// Of several files with holes it is the one that is new or has changed, if there is one such.
    @Test(arguments: [0, 4] as [Int64]) func theNewOneOfSeveral(before: Int64) throws {
        let difference = AuditDifference(
            from: audit(reserved: before, [old, older]), to: audit(reserved: before + 5, [old, older, new]))
        let finding = try #require(difference.findings.first)
        #expect(difference.findings.count == 1)
        #expect(finding.id == .reservationLeft)
        #expect(finding.pages == 5)
        #expect(finding.remedy.hasPrefix("rm -- /huge/new "))
        #expect(difference.verdict.level == .findings)
        var grown = old
        grown.length = 16 * Machine.size.bytes
        let changed = AuditDifference(
            from: audit(reserved: before, [old, older]), to: audit(reserved: before + 5, [grown, older]))
        #expect(changed.findings.first?.remedy.hasPrefix("rm -- /huge/old ") == true)
    }

    /// Where it cannot be told which it is, none is named in a command.
    @Test func anyOfSeveral() throws {
        let other = Machine.sparse("/huge/other", inode: 4, length: 5)
        for files in [[old, new, other], [old, older]] {
            let difference = AuditDifference(from: audit(reserved: 0, [old, older]), to: audit(reserved: 5, files))
            let finding = try #require(difference.findings.first)
            #expect(finding.id == .reservationLeft)
            #expect(finding.pages == 5)
            #expect(!finding.remedy.contains("rm"))
            #expect(finding.evidence.count == 2)
            #expect(difference.verdict.level == .findings)
        }
    }

    /// Whose a reservation is may become known, or unknown: nothing is left by that.
    @Test func doubtsAreNoLeak() {
        let sides = [audit(reserved: 4, [old, older]), audit(reserved: 4, [old])]
        for (before, after) in [(sides[0], sides[1]), (sides[1], sides[0])] {
            let difference = AuditDifference(from: before, to: after)
            #expect(difference.findings.isEmpty && difference.reservations.isEmpty)
        }
        var mapped = old
        (mapped.covered, mapped.mappings) = (4, 1)
        let unmapped = AuditDifference(from: audit(reserved: 4, [mapped, older]), to: sides[0])
        #expect(unmapped.findings.isEmpty)
    }

    /// What a live mapping has reserved is not left, whoever else has holes.
    @Test func mappedIsNotLeft() {
        var mapped = new
        (mapped.covered, mapped.mappings) = (5, 1)
        let other = Machine.sparse("/huge/other", inode: 4, length: 5)
        let difference = AuditDifference(
            from: audit(reserved: 4, [old, older]), to: audit(reserved: 9, [old, older, mapped, other]))
        #expect(difference.findings.isEmpty)
        #expect(difference.reservations.map(\.change) == [5])
    }
}
