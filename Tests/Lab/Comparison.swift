import Foundation
import TestSupport

/// An audit in a guest, and the counters that the kernel showed before and after it.
struct GuestAudit {
    let report: ReportDocument
    let status: Int
    /// What it said on standard error.
    let errors: String
    let before: Counters
    let after: Counters

    /// - Throws: what is wrong with the answer.
    init(_ answer: Answer) throws {
        let parts = answer.output.split(separator: /(?m)^@@/)
        guard parts.count == 4, let line = parts[2].firstIndex(of: "\n"), let status = Int(parts[2][..<line]) else {
            throw Failure("no answer of an audit: \(answer.output.prefix(500))")
        }
        (before, after) = (Counters(parts[0]), Counters(parts[2][line...]))
        errors = parts[3].trimmingCharacters(in: .newlines)
        self.status = status
        do {
            report = try ReportDocument(String(parts[1].dropFirst()))
        } catch {
            throw Failure(
                "no report, exit status \(status), \(errors): \(parts[1].prefix(500)): \(error)")
        }
    }
}

/// Holds what an audit said against the kernel's counters and against what is true, figure for figure.
struct Comparison {
    private let audit: GuestAudit
    private var report: ReportDocument { audit.report }
    private let isPassive: Bool
    /// What is not as it should be, a line each.
    private(set) var failures: [String] = []

    /// - Parameters:
    ///   - truths: one for each size of which pages are used.
    ///   - isPassive: where pages of files lie was not to be looked at.
    init(_ audit: GuestAudit, _ truths: [Truth], isPassive: Bool = false) {
        (self.audit, self.isPassive) = (audit, isPassive)
        compareAudit()
        for size in audit.before.pageSizes.sorted() {
            compareLedger(size)
            comparePools(truths.first { $0.pageSize == size } ?? Truth(pageSize: size))
            compareReservations(truths.first { $0.pageSize == size } ?? Truth(pageSize: size))
        }
        compareHolders(truths)
        compareFindings(truths)
        let isMapped = truths.contains { !$0.mapped.isEmpty }
        expect(!isMapped || report.taken.comparedWithLibnuma > 0, "libnuma was not asked where mapped pages are")
        for (pid, pages) in truths.flatMap({ truth in truth.processes.map { ($0, (truth.pageSize, $1)) } }) {
            compareProcess(pid, pages.0, pages.1)
        }
    }

    private mutating func expect(_ isTrue: Bool, _ what: String) {
        if !isTrue { failures.append(what) }
    }

    private mutating func compareAudit() {
        let taken = report.taken
        expect(audit.errors.isEmpty, "standard error: \(audit.errors)")
        expect(taken.settled, "not settled after \(taken.passes) passes")
        expect(taken.view == "full" && report.unread.isEmpty, "the view is \(taken.view), unread: \(report.unread)")
        for change in audit.before.changes(to: audit.after) {
            expect(false, "a counter is no more what it was: \(change)")
        }
        let isClean = report.findings.allSatisfy { $0.severity == "note" }
        expect(audit.status == (isClean ? 0 : 1), "exit status \(audit.status), verdict \(report.verdict)")
        expect(report.verdict.level == (isClean ? "clean" : "findings"), "verdict \(report.verdict)")
        for finding in report.findings where finding.evidence.isEmpty || finding.remedy.isEmpty {
            expect(false, "no evidence or no remedy: \(finding)")
        }
    }

    /// The report's figures are the kernel's own.
    private mutating func compareLedger(_ size: UInt64) {
        let counters = audit.before
        for row in report.pools where row.pageSize == size {
            let kernel = ["nr_hugepages", "free_hugepages", "surplus_hugepages"].map {
                counters.pool(row.node, size, $0)
            }
            let told = [row.nr, row.free, row.surplus]
            expect(told == kernel, "node \(row.node): nr, free, surplus are \(told), by the kernel \(kernel)")
            expect(row.heads == row.nr ?? 0, "node \(row.node): \(row.heads as Any) heads of \(row.nr as Any) pages")
        }
        let nodes = Set(report.pools.filter { $0.pageSize == size }.map(\.node))
        for node in 0..<64 where counters.pool(node, size, "nr_hugepages") != nil {
            expect(nodes.contains(node), "node \(node) has no row of \(size >> 10) KiB")
        }
        guard let total = report.totals.first(where: { $0.pageSize == size }) else {
            return expect(false, "no total of \(size >> 10) KiB")
        }
        let told = [
            total.nr, total.free, total.surplus, total.overcommit, total.reserved.map { UInt64(bitPattern: $0) },
        ]
        let kernel = [
            "nr_hugepages", "free_hugepages", "surplus_hugepages", "nr_overcommit_hugepages", "resv_hugepages",
        ].map { counters.machine(size, $0) }
        expect(told == kernel, "total nr, free, surplus, overcommit, reserved are \(told), by the kernel \(kernel)")
    }

    private mutating func comparePools(_ truth: Truth) {
        for row in report.pools where row.pageSize == truth.pageSize {
            let node = row.node
            // 5.10 has no pools on a node without memory.
            guard let nr = audit.before.pool(node, truth.pageSize, "nr_hugepages"),
                let free = audit.before.pool(node, truth.pageSize, "free_hugepages")
            else { continue }
            let used = truth.used[node] ?? 0
            expect(
                nr == free + used,
                "the state itself: node \(node) has \(nr) pages of \(truth.pageSize >> 10) KiB, \(free) free, \(used) used"
            )
            let told = [row.mapped, row.held, row.poisoned, row.unexplained.map { UInt64(bitPattern: $0) }]
            let wanted = [
                truth.mapped[node] ?? 0, truth.held(on: node), truth.poisoned[node] ?? 0, truth.unexplained[node] ?? 0,
            ]
            expect(told == wanted, "node \(node): mapped, held, poisoned, unexplained are \(told), in truth \(wanted)")
        }
    }

    private mutating func compareReservations(_ truth: Truth) {
        let kernel = Int64(bitPattern: audit.before.machine(truth.pageSize, "resv_hugepages") ?? 0)
        let rows = report.reservations.filter { $0.pageSize == truth.pageSize }
        let sum = rows.reduce(0) { $0 + Int64($1.pages) }
        expect(sum == max(kernel, 0), "reservations of \(sum) pages, by the kernel \(kernel): \(rows)")
        guard let reservations = truth.reservations else { return }
        let told = rows.map { "\($0.kind) \($0.pages)" }.sorted()
        let wanted = reservations.map { "\($0.kind) \($0.pages)" }.sorted()
        expect(told == wanted, "reservations \(told), in truth \(wanted)")
    }

    private mutating func compareProcess(_ pid: Int32, _ size: UInt64, _ pages: [Int: UInt64]) {
        let rows = report.processes.first { $0.pid == pid }?.placements.filter { $0.pageSize == size } ?? []
        let told = rows.map { "\($0.node.map(String.init) ?? "?"):\($0.pages)" }.sorted()
        let wanted = pages.map { "\($0):\($1)" }.sorted()
        expect(told == wanted, "process \(pid) maps \(told), in truth \(wanted)")
    }

    private mutating func compareHolders(_ truths: [Truth]) {
        var left = report.holders
        for truth in truths {
            for held in truth.held {
                let found = left.firstIndex {
                    $0.kind == held.kind && $0.pageSize == truth.pageSize && $0.pages == held.count
                        && (held.name.isEmpty || "\($0.name) \($0.path ?? "") \($0.inode ?? 0)".contains(held.name))
                }
                guard let found else {
                    expect(false, "no holder \(held), but \(left)")
                    continue
                }
                compareHolder(left.remove(at: found), held)
            }
        }
        expect(left.isEmpty, "holders that there are not: \(left)")
    }

    private mutating func compareHolder(_ row: ReportDocument.Holder, _ held: Held) {
        let told = row.nodes.map { Dictionary($0.map { ($0.node, $0.pages) }, uniquingKeysWith: +) }
        let wanted = (isPassive && !held.isSuspicion) || !held.isPlaced ? nil : held.pages
        expect(told == wanted, "\(row.kind) \(row.name) is on \(told as Any), in truth on \(wanted as Any)")
        let named = Set(row.pids)
        let isRight = held.isSuspicion ? named.isSuperset(of: held.pids) : named == Set(held.pids)
        expect(isRight, "\(row.kind) \(row.name) is of \(named.sorted()), in truth of \(held.pids)")
    }

    private mutating func compareFindings(_ truths: [Truth]) {
        var left = report.findings
        for size in audit.before.pageSizes {
            let reserved = Int64(bitPattern: audit.before.machine(size, "resv_hugepages") ?? 0)
            let told = left.contains { $0.id == "reservation-underflow" && $0.pageSize == size }
            expect(
                told == (reserved < 0),
                "\(reserved) pages of \(size >> 10) KiB are reserved, an underflow is told: \(told)")
        }
        // The latter is a note about the pools, of which a scenario of its own is.
        left.removeAll { $0.id == "reservation-underflow" || $0.id == "node-without-pages" }
        for truth in truths {
            for wanted in truth.allFindings {
                let found = left.firstIndex {
                    $0.id == wanted.id && $0.pageSize == truth.pageSize
                        && $0.pages == wanted.pages
                }
                guard let found else {
                    expect(false, "no finding \(wanted.id) of \(wanted.pages) pages: \(left)")
                    continue
                }
                compareFinding(left.remove(at: found), truth)
            }
        }
        expect(left.isEmpty, "findings that there are not: \(left)")
    }

    private mutating func compareFinding(_ finding: ReportDocument.Finding, _ truth: Truth) {
        expect(
            finding.bytes == finding.pages.map { $0 * truth.pageSize }, "\(finding.id): \(finding.bytes as Any) bytes")
        guard let held = truth.held.first(where: { $0.finding == finding.id && $0.count == finding.pages }) else {
            return
        }
        guard !isPassive else { return }
        let isRemedy = held.remedy.isEmpty || finding.remedy.contains(held.remedy)
        expect(isRemedy, "\(finding.id): \(held.remedy) is not in its remedy: \(finding.remedy)")
        if held.pages.count == 1, held.isPlaced {
            expect(
                finding.node == held.pages.keys.first,
                "\(finding.id) is of node \(finding.node as Any), not \(held.pages)")
        }
    }
}
