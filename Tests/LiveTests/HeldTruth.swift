import Foundation
import PageModel
import TestSupport
import Testing

/// What is true of pages of 2 MiB that nobody maps, and so the row and the finding by which an audit must tell it.
struct HeldTruth {
    /// Of the holder, as in `holders[]`.
    let kind: String
    /// A part of its name; nil for what is no file.
    var name: String?
    /// Those that no page table leads to.
    let pages: UInt64
    /// Those in its file, mapped or not; nil where there is no file.
    var total: UInt64?
    /// Who keeps it; of a suspicion, who must be among the suspects.
    var pids: [PID] = []
    var inode: UInt64?
    /// By which it can be removed, where it has a name.
    var path: String?
    /// Whose file it is.
    var user: String?
    let finding: String
    var severity = "warning"
    /// Words of what is to be done about it.
    var remedy: [String] = []

    /// No file says so: it follows from what else there is.
    private var isSuspicion: Bool { ["ioUring", "socket", "kernel"].contains(kind) }

    fileprivate func isTold(by row: ReportDocument.Holder) -> Bool {
        row.kind == kind && row.pageSize == twoMiB.bytes && (inode == nil || row.inode == inode)
            && name.map(row.name.contains) ?? !row.name.isEmpty
    }

    fileprivate func expectToldExactly(by row: ReportDocument.Holder) {
        #expect(row.pages == pages)
        #expect(row.nodes?.map(\.node) == [0])
        #expect(row.nodes?.map(\.pages) == [pages])
        #expect(row.path == path)
        if let total { #expect(row.total == total) }
        if let user { #expect(row.user == user) }
        if ["file", "deletedFile", "memfd"].contains(kind) { #expect(row.since != nil) }
        let named = Set(row.pids)
        if isSuspicion {
            #expect(named.isSuperset(of: pids.map(\.rawValue)))
        } else {
            #expect(named == Set(pids.map(\.rawValue)))
        }
    }

    fileprivate func expectToldExactly(by told: ReportDocument.Finding) {
        #expect(told.severity == severity)
        #expect(told.pages == pages)
        #expect(told.bytes == pages * twoMiB.bytes)
        #expect(told.pageSize == twoMiB.bytes)
        #expect(told.node == 0)
        #expect(!told.evidence.isEmpty)
        for words in remedy { #expect(told.remedy.contains(words), "\(told.remedy)") }
    }
}

/// What the kernel says of a file, by any path that leads to it: also `/proc/PID/fd/N` and the like.
struct KernelFile {
    let inode: UInt64
    let links: UInt64
    /// Huge pages of 2 MiB in its page cache.
    let pages: UInt64

    init(_ path: String) throws {
        var status = stat()
        try #require(stat(path, &status) == 0, "\(path): \(String(cString: strerror(errno)))")
        (inode, links) = (UInt64(status.st_ino), UInt64(status.st_nlink))
        pages = UInt64(status.st_blocks) * 512 / twoMiB.bytes
    }
}

/// One state on the live machine: a pool, a hugetlbfs where its kind wants a file, and the holder in that state.
final class Stage {
    let pool: HugePool
    /// Its folder is where `mountns` mounts another.
    let mount: HugetlbMount?
    let holder: Holder

    /// - Parameters:
    ///   - arguments: the holder's: its kind first; a path is given as needed.
    ///   - steps: how many of its kind's steps it takes.
    ///   - owner: of the mount, by user id.
    init(_ arguments: [String], poolPages: UInt64 = 32, steps: Int = 0, owner: UInt32 = 0) throws {
        let kind = arguments[0]
        pool = try HugePool(twoMiB, pages: poolPages)
        mount = Self.withFile.contains(kind) ? try HugetlbMount(twoMiB, options: "uid=\(owner)") : nil
        let path = mount.map { ["--path", kind == "mountns" ? $0.folder : $0.folder + "/data"] } ?? []
        holder = try Holder(arguments + path)
        for _ in 0..<steps { try holder.step() }
    }

    /// The holder first, then what it left, then its mount, then the pool.
    deinit {
        holder.stop()
        holder.removeWhatIsLeft()
    }

    private static let withFile: Set = ["file", "orphan", "readonly", "sparse", "handed", "detached", "mountns", "cow"]

    var pid: PID { holder.pids[0] }
    /// The first child.
    var child: PID { holder.pids[1] }
    /// The file of those kinds that have one.
    var file: String { (mount?.folder ?? "") + "/data" }
    /// The holder's file by its descriptor, in the table of `process` or of one thread, `PID/task/TID`.
    func descriptor(of process: String) -> String { "/proc/\(process)/fd/\(holder.ready["fd"] ?? "")" }

    /// First the kernel says what is true, then the audit must say that and nothing else.
    /// - Parameter mapped: pages that some page table leads to.
    func expect(_ truths: HeldTruth..., mapped: UInt64 = 0) throws { try expectHeld(truths, mapped: mapped, in: pool) }

    func expectAllFree() throws { try expectEverythingFree(in: pool) }
}

/// First the kernel says what is true, then the audit must say that and nothing else.
/// - Parameter mapped: pages that some page table leads to.
func expectHeld(_ truths: [HeldTruth], mapped: UInt64, in pool: HugePool) throws {
    let held = truths.reduce(0) { $0 + $1.pages }
    let nr = pool.count("nr_hugepages")
    try #require(pool.count("free_hugepages") == nr - mapped - held, "the state itself is not as the test says")
    let audit = try LiveAudit()
    let row = try #require(audit.report.pool(twoMiB.bytes))
    #expect(row.nr == nr)
    #expect(row.heads == nr)
    #expect(row.free == nr - mapped - held)
    #expect(row.mapped == mapped)
    #expect(row.held == held)
    #expect(row.poisoned == 0)
    #expect(row.unexplained == 0)
    #expect(audit.report.taken.settled)
    for truth in truths {
        let rows = audit.report.holders.filter(truth.isTold)
        #expect(rows.count == 1, "\(truth) is told by \(audit.report.holders)")
        rows.first.map(truth.expectToldExactly)
    }
    #expect(audit.report.holders.count == truths.count, "\(audit.report.holders)")
    expectFindings(audit, truths)
}

/// A pinned private page makes the kernel's count of reserved pages too small: a finding of its own, where that is below 0.
private func expectFindings(_ audit: LiveAudit, _ truths: [HeldTruth]) {
    let reserved = audit.report.totals.first { $0.pageSize == twoMiB.bytes }?.reserved ?? 0
    let underflows = audit.findings.filter { $0.id == "reservation-underflow" }
    #expect(underflows.count == (reserved < 0 ? 1 : 0))
    let findings = audit.findings.filter { $0.id != "reservation-underflow" }
    #expect(findings.map(\.id).sorted() == truths.map(\.finding).sorted(), "\(findings)")
    for truth in truths where findings.count == truths.count {
        let told = findings.first { $0.id == truth.finding && $0.pages == truth.pages }
        #expect(told != nil)
        told.map(truth.expectToldExactly)
    }
    audit.expectVerdict(isClean: underflows.isEmpty && truths.allSatisfy { $0.severity == "note" })
}

/// Nothing is left and nothing is said. The kernel may give pages back a moment after the last holder's end: io_uring does,
/// and so do mounts and IPC namespaces.
func expectEverythingFree(in pool: HugePool) throws {
    let counts = { (pool.count("free_hugepages"), pool.count("resv_hugepages")) }
    for _ in 0..<1000 where counts() != (pool.count("nr_hugepages"), 0) { usleep(10_000) }
    #expect(counts() == (pool.count("nr_hugepages"), 0))
    let audit = try LiveAudit()
    let row = try #require(audit.report.pool(twoMiB.bytes))
    #expect(row.free == pool.count("nr_hugepages"))
    #expect(row.held == 0)
    #expect(row.unexplained == 0)
    #expect(audit.report.holders.isEmpty)
    #expect(audit.report.reservations.isEmpty)
    #expect(audit.report.findings.isEmpty, "\(audit.report.findings)")
    #expect(audit.status == 0)
}
