import Foundation
import TestSupport

/// Holds what a look at a process said against the kernel's own figures and against what is true, byte for byte.
struct ProcessComparison {
    private let look: ProcessLook
    private var process: ProcessDocument { look.process }
    private var mappings: [ProcessDocument.Mapping] { process.mappings ?? [] }
    /// What is not as it should be, a line each.
    private(set) var failures: [String] = []

    init(_ look: ProcessLook, _ truth: ProcessTruth) {
        self.look = look
        compareLook()
        compareNuma()
        compareFigures()
        compareSums()
        for stretch in truth.stretches { compare(stretch) }
        if let findings = truth.findings { compareFindings(findings) }
        let devices = process.devices.map { "\($0.name) \($0.node.map(String.init) ?? "nowhere")" }
        expect(devices == truth.devices, "devices \(devices), in truth \(truth.devices)")
    }

    private mutating func expect(_ isTrue: Bool, _ what: String) {
        if !isTrue { failures.append(what) }
    }

    private mutating func compareLook() {
        let taken = process.taken
        expect(look.errors.isEmpty, "standard error: \(look.errors)")
        for (start, line) in look.before.lines where look.after.lines[start]?.bytes != line.bytes {
            expect(false, "the state itself: \(line) is now \(look.after.lines[start] as Any)")
        }
        expect(process.course == "complete", "course \(process.course)")
        expect(taken.view == "full" && process.unread.isEmpty, "the view is \(taken.view), unread: \(process.unread)")
        expect(taken.classified && taken.comparedWithLibnuma > 0, "no frames, or none that libnuma saw: \(taken)")
        let isClean = process.findings.allSatisfy { $0.severity == "note" }
        expect(look.status == (isClean ? 0 : 1), "exit status \(look.status), verdict \(process.verdict)")
        expect(process.verdict.level == (isClean ? "clean" : "findings"), "verdict \(process.verdict)")
        expect(process.frames?.headTailMismatch == 0, "frames \(process.frames as Any)")
        for finding in process.findings where finding.evidence.isEmpty || finding.remedy.isEmpty {
            expect(false, "no evidence or no remedy: \(finding)")
        }
    }

    /// Policies and nodes of each mapping are those of numa_maps.
    private mutating func compareNuma() {
        var left = look.before.lines
        for mapping in mappings {
            guard let line = left.removeValue(forKey: mapping.start) else {
                expect(mapping.placements.isEmpty, "\(mapping.start) has pages, and is not in numa_maps")
                continue
            }
            expect(
                (line.text + " ").hasPrefix((mapping.policy ?? "?") + " "),
                "\(mapping.start) has policy \(mapping.policy as Any), by the kernel \(line.text)")
            let told = sums(mapping.placements) { $0.node ?? -1 }
            expect(told == line.bytes, "\(mapping.start) \(mapping.name) is on \(told), by the kernel \(line)")
            expect((mapping.kind == "hugetlb") == line.isHuge, "\(mapping.start) is \(mapping.kind as Any): \(line)")
        }
        expect(left.isEmpty, "mappings are missing: \(left)")
    }

    /// The process's figures are those of smaps_rollup and status.
    private mutating func compareFigures() {
        let all = mappings.flatMap(\.placements)
        let small = all.filter { $0.kind != "hugetlb" }
        let anonymous = sum(small.filter { $0.content == "anonymous" })
        let huge = sum(all.filter { $0.kind == "hugetlb" })
        compare("Rss", sum(small) + (process.reservedBytes ?? 0), ["Rss"])
        compare("Anonymous", anonymous, ["Anonymous"])
        compare(
            "huge pages that a PMD maps", process.pmdMappedBytes, ["AnonHugePages", "ShmemPmdMapped", "FilePmdMapped"])
        compare("hugetlb", huge, ["Private_Hugetlb", "Shared_Hugetlb"])
        compare("Swap", process.swappedBytes, ["Swap"])
        compare("HugetlbPages", process.hugetlbBytes, ["HugetlbPages"])
        compare("VmRSS", process.rssBytes, ["VmRSS"])
        let cpus = look.before.text("Cpus_allowed_list")
        expect(process.cpusAllowed == cpus, "CPUs \(process.cpusAllowed), by the kernel \(cpus as Any)")
        let nodes = look.before.text("Mems_allowed_list").map(numbers) ?? []
        expect(process.nodesAllowed == nodes, "nodes allowed \(process.nodesAllowed), by the kernel \(nodes)")
    }

    /// - Parameter keys: of the lines whose sum it is.
    private mutating func compare(_ name: String, _ told: UInt64?, _ keys: [String]) {
        // Without PAGEMAP_SCAN nobody tells what a PMD maps.
        guard let told else { return expect(name.contains("PMD"), "\(name) is missing") }
        let kernel = keys.reduce(0) { $0 + (look.before.amount($1) ?? 0) }
        expect(told == kernel, "\(name) is \(told), by the kernel \(kernel)")
    }

    private mutating func compareSums() {
        let told = sums(process.placements, by: Self.row)
        let wanted = sums(mappings.flatMap(\.placements), by: Self.row)
        expect(told == wanted, "all placements are \(told), those of the mappings \(wanted)")
        let resident = sum(process.placements)
        expect(process.residentBytes == resident, "resident \(process.residentBytes as Any), placements \(resident)")
        expect(mappings.reduce(0) { $0 + $1.residentBytes } == resident, "resident of mappings is not \(resident)")
    }

    private mutating func compare(_ stretch: Stretch) {
        let within = mappings.filter { mapping in
            UInt64(mapping.start.dropFirst(2), radix: 16).map(stretch.addresses.contains) ?? false
        }
        let address = "0x" + String(stretch.addresses.lowerBound, radix: 16)
        let told = sums(within.flatMap(\.placements)) { Self.row($0) + " \($0.content ?? "?")" }
        let wanted = stretch.pages.reduce(into: [String: UInt64]()) { sums, pages in
            sums["\(pages.kind) \(pages.size) node \(pages.node) \(pages.content)", default: 0] += pages.bytes
        }
        expect(told == wanted, "\(address): \(told), in truth \(wanted)")
        let misplaced = Dictionary(within.flatMap(\.misplaced).map { ($0.node, $0.bytes) }, uniquingKeysWith: +)
        expect(misplaced == stretch.misplaced, "\(address): misplaced \(misplaced), in truth \(stretch.misplaced)")
        guard let policy = stretch.policy else { return }
        let policies = Set(within.map { $0.policy ?? "?" })
        expect(policies == [policy], "\(address): policies \(policies), in truth \(policy)")
    }

    private mutating func compareFindings(_ wanted: [ProcessTruth.Told]) {
        var left = process.findings
        for told in wanted {
            guard let found = left.firstIndex(where: told.isMet) else {
                expect(false, "no finding \(told): \(left.map(\.message))")
                continue
            }
            left.remove(at: found)
        }
        expect(left.isEmpty, "findings that there are not: \(left)")
    }

    // MARK: Sums

    private static func row(_ placement: ProcessDocument.Placement) -> String {
        "\(placement.kind ?? "?") \(placement.pageSize) node \(placement.node ?? -1)"
    }

    private func sum(_ placements: [ProcessDocument.Placement]) -> UInt64 { placements.reduce(0) { $0 + $1.bytes } }

    private func sums<Key>(
        _ placements: [ProcessDocument.Placement], by key: (ProcessDocument.Placement) -> Key
    ) -> [Key: UInt64] {
        Dictionary(placements.map { (key($0), $0.bytes) }, uniquingKeysWith: +)
    }

    /// Of `0-1,3`.
    private func numbers(_ list: String) -> [Int] {
        list.split(separator: ",").flatMap { part in
            let ends = part.split(separator: "-").compactMap { Int($0) }
            return ends.isEmpty ? [] : Array(ends[0]...ends[ends.count - 1])
        }
    }
}

extension ProcessTruth.Told {
    fileprivate func isMet(by finding: ReportDocument.Finding) -> Bool {
        guard id == finding.id, severity == finding.severity, node == finding.node else { return false }
        let isMixed = mayBeMore && finding.pages == nil
        guard isMixed || (pages == finding.pages && pageSize == finding.pageSize) else { return false }
        return says.isEmpty || finding.message.contains(says)
    }
}
