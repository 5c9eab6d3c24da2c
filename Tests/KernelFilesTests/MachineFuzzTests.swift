import Audit
import Glibc
import KernelFiles
import Observations
import PageModel
import Reporting
import SystemPackage
import TestSupport
import Testing

@testable import KernelFiles

private let fixtures = [
    "four-nodes-6.1", "gigantic-6.1", "straddle-6.1", "zombie-leader-6.1", "underflow-7.2", "poisoned-6.1",
    "memoryless-5.10", "pmd-shared-7.2",
]

/// One thing that is wrong with a saved machine.
private enum Fault: String, CaseIterable, Sendable {
    case text, missing, folderForFile, randomWords, headsEverywhere, extremeFrames, halfWord, emptyWords
    case oddFolder, extremeZone, wideMapping

    /// Spoils the parts before they are written.
    func spoil(_ parts: inout [FixtureTree.Part], _ dice: inout Dice) {
        switch self {
        case .text: spoilText(&parts, &dice)
        case .missing: parts.remove(at: dice.upTo(parts.count - 1))
        case .folderForFile:
            let index = dice.upTo(parts.count - 1)
            (parts[index].kind, parts[index].body) = (.dir, "")
        case .randomWords: Self.setWords(&parts, of: ["pagemap", "kpageflags", "kpagecount"]) { dice.next() }
        case .headsEverywhere:
            Self.setWords(&parts, of: ["kpageflags", "kpagecount"]) {
                0x28800 | dice.next() & dice.next() & dice.next()
            }
        case .extremeFrames:
            let frames: [UInt64] = [1 << 55 - 1, 1 << 52, 1 << 52 - 1, 1 << 40, 1 << 40 - 1, 0x7ffff, 0x80000, 1]
            Self.setWords(&parts, of: ["pagemap"]) { 1 << 63 | frames[dice.upTo(frames.count - 1)] }
        case .halfWord, .emptyWords: break
        case .oddFolder:
            var part = parts[0]
            (part.kind, part.body, part.path) = (.dir, "", Self.oddFolders[dice.upTo(Self.oddFolders.count - 1)])
            parts.append(part)
        case .extremeZone: Self.replace(&parts, "proc/zoneinfo", "start_pfn:", Damage.extremes, &dice)
        case .wideMapping:
            let starts = ["0", "200000", "7f0000000000", "1"]
            let ends = ["7ffffffff000", "4000000000000000", "ffffffffffe00000", "7fffffe00000"]
            let (low, high) = (starts[dice.upTo(starts.count - 1)], ends[dice.upTo(ends.count - 1)])
            for index in parts.indices where parts[index].path.hasSuffix("/maps") && parts[index].kind == .text {
                parts[index].body =
                    "\(low)-\(high) rw-s 00000000 00:0f 1 /anon_hugepage (deleted)\n" + parts[index].body
            }
        }
    }

    /// Spoils the tree that was written.
    func spoil(_ root: KernelRoot, _ dice: inout Dice) {
        let file = root.path(["proc/kpageflags", "proc/kpagecount"][dice.upTo(1)])
        switch self {
        case .halfWord: truncate(file.string, Int(dice.next() % 0x3f_ffff) | 1)
        case .emptyWords: truncate(file.string, 0)
        default: break
        }
    }

    private static let oddFolders = [
        "sys/devices/system/node/node0/memory18446744073709551615", "sys/devices/system/node/node0/memory34359738368",
        "sys/devices/system/node/node0/memory137438953471", "sys/devices/system/node/node1/memory0",
        "sys/devices/system/node/node18446744073709551615", "sys/devices/system/node/node9223372036854775807",
        "sys/devices/system/node/node00", "sys/kernel/mm/hugepages/hugepages-4kB",
        "sys/kernel/mm/hugepages/hugepages-9007199254740992kB", "sys/kernel/mm/hugepages/hugepages-02048kB",
        "sys/kernel/mm/hugepages/hugepages-64kB", "proc/2147483647", "proc/0", "proc/2147483648", "proc/00132",
    ]

    private func spoilText(_ parts: inout [FixtureTree.Part], _ dice: inout Dice) {
        let texts = parts.indices.filter { parts[$0].kind == .text }
        let index = texts[dice.upTo(texts.count - 1)]
        let damage = Damage.allCases.filter { $0 != .overlong && $0 != .truncated }
        let sample = bytes(parts[index].body)
        let short = Array(sample.prefix(600))  // damage makes many contents: one of them is used
        let contents = damage[dice.upTo(damage.count - 1)].contents(of: short, seed: dice.next())
        guard let content = contents.randomElement(using: &dice) else { return }
        parts[index].kind = .hex
        parts[index].body = (content + sample.dropFirst(600)).map {
            String($0 >> 4, radix: 16) + String($0 & 15, radix: 16)
        }
        .joined()
    }

    /// Sets the value of each `FIRST COUNT STEP VALUE` line of the files of that name.
    private static func setWords(
        _ parts: inout [FixtureTree.Part], of names: [String], _ value: () -> UInt64
    ) {
        for index in parts.indices where parts[index].kind == .words && names.contains(parts[index].name) {
            let lines = parts[index].body.split(separator: "\n").map { line in
                (line.split(separator: " ").prefix(3).map(String.init) + ["\(value())", "\(value())"]).joined(
                    separator: " ")
            }
            parts[index].body = lines.joined(separator: "\n") + "\n"
        }
    }

    /// Puts a number in place of what follows `key` on some of its lines.
    private static func replace(
        _ parts: inout [FixtureTree.Part], _ path: String, _ key: String, _ numbers: [String], _ dice: inout Dice
    ) {
        guard let index = parts.firstIndex(where: { $0.path == path }) else { return }
        let lines = parts[index].body.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            guard line.contains(key), dice.upTo(1) == 0 else { return String(line) }
            return "  \(key) \(numbers[dice.upTo(numbers.count - 1)])"
        }
        parts[index].body = lines.joined(separator: "\n")
    }
}

extension FixtureTree.Part {
    fileprivate var name: String { path.split(separator: "/").last.map(String.init) ?? "" }
}

/// The lines that an audit looks at, of the files that have many others: a spoilt line is then one that matters.
private func shorten(_ parts: inout [FixtureTree.Part]) {
    let needed = [
        "zoneinfo": ["Node ", "spanned", "managed", "start_pfn"], "meminfo": ["MemTotal", "MemFree", "Hugetlb"],
        "vmstat": ["nr_free_pages", "nr_hugetlb"],
        "status": ["Name", "State", "PPid", "Uid", "HugetlbPages", "Threads"],
    ]
    parts.removeAll { $0.path.hasPrefix("sys/devices/system/memory/memory") || $0.name == "cpumap" }
    for index in parts.indices {
        guard parts[index].kind == .text, let keys = needed[parts[index].name] else { continue }
        let lines = parts[index].body.split(separator: "\n").filter { line in keys.contains { line.contains($0) } }
        parts[index].body = lines.joined(separator: "\n") + "\n"
    }
}

/// What an audit of the tree saw; nil where the tree was refused, with an error that names a path below it.
private func observation(of tree: FixtureTree, passes: Int = 1) throws -> MachineObservation? {
    do throws(KernelFileError) {
        return try HugetlbMachine(tree.root).observe { $0.count < passes ? NextPass(pause: 0, search: .suspects) : nil }
    } catch {
        #expect(error.path.starts(with: tree.root.directory))
        #expect(!error.reason.isEmpty)
        return nil
    }
}

/// Text has the most ways to be wrong.
private let cases = Fault.allCases.flatMap { fault in (UInt64(0)..<(fault == .text ? 60 : 10)).map { (fault, $0) } }

/// The limit is for what never ends: the time that a case waits for its turn on a busy machine counts, too.
@Test(.timeLimit(.minutes(20)), arguments: cases)
private func spoiltMachineIsObservedOrRefused(fault: Fault, seed: UInt64) throws {
    var dice = Dice(seed: seed)
    let name = fixtures[Int(seed) % fixtures.count]
    let tree = try FixtureTree(name) { parts in
        shorten(&parts)
        fault.spoil(&parts, &dice)
    }
    fault.spoil(tree.root, &dice)
    let passes = seed % 4 == 0 ? 2 : 1
    guard let observation = try observation(of: tree, passes: passes) else { return }
    #expect(observation.passes.count == passes)
    for pass in observation.passes {
        // What could not be read is said, not left out.
        #expect(pass.census != nil || pass.unread.contains { $0.subject == .census })
        #expect(pass.unread.allSatisfy { !$0.reason.isEmpty && !$0.what.isEmpty })
        for process in pass.walk.processes {
            #expect(process.placements.allSatisfy { $0.pages <= PFN.most })
        }
    }
    // Whatever was seen can be judged and printed, by both renderers.
    let report = AuditReport(judging: observation)
    #expect(AuditText(report, isColoured: false).text.contains(report.verdict.summary))
    #expect(try ReportDocument(AuditJSON(report, version: "1").text).pools.count == report.pools.count)

    // So can each process: what it has in RAM is on nodes, hidden, or said to be unread.
    let machine = ProcessMachine(tree.root)
    for pid in (try? machine.processes()) ?? [] {
        let seen = ProcessReport(judging: machine.observe(pid))
        #expect(ProcessText(seen, isColoured: false).text.contains(seen.verdict.summary))
        #expect(try ProcessJSON(seen, version: "1").text.contains("hugeaudit.process/1"))
    }
}

/// Faults that must be seen as such: the table that shows that the test above does not pass for want of damage.
private let noticed: [(String, String, String)] = [
    ("proc/zoneinfo", "Node 0, zone DMA\n spanned 1\n start_pfn: 18446744073709551615\n", "the zones"),
    ("proc/meminfo", "MemTotal: x kB\n", "Hugetlb of meminfo"),
    ("sys/devices/system/node/node1/vmstat", "nr_hugetlb\n", "nr_hugetlb of node 1"),
    ("sys/devices/system/node/node1/cpulist", "3-1\n", "node 1"),
    ("sys/devices/system/memory/block_size_bytes", "0\n", "the memory blocks"),
    ("sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "-1\n", "the machine-wide counters of 2 MiB pages"),
    (
        "sys/devices/system/node/node2/hugepages/hugepages-2048kB/nr_hugepages", "\n",
        "the counters of 2 MiB pages on node 2"
    ),
    ("proc/132/maps", "7fac40400000\n", "the huge pages of process 132"),
    ("proc/134/status", "HugetlbPages: 1\n", "the huge pages of process 134"),
]

@Test(arguments: noticed) private func spoiltFileIsNamed(path: String, content: String, missing: String) throws {
    let tree = try FixtureTree("four-nodes-6.1") { parts in
        for index in parts.indices where parts[index].path == path { parts[index].body = content }
    }
    let observation = try #require(try observation(of: tree))
    let unread = observation.unread + observation.passes.flatMap(\.unread)
    let found = unread.filter { $0.what.hasPrefix(missing) }
    #expect(!found.isEmpty)
    #expect(found.allSatisfy { $0.path == ForeignText(tree.root.path(path)) })
    #expect(unread.count { $0.what.hasPrefix(missing) } == unread.count)
}

@Test(arguments: fixtures) private func soundMachineHasNothingUnread(name: String) throws {
    let observation = try #require(try observation(of: FixtureTree(name)))
    #expect(observation.unread == [])
    #expect(observation.passes.allSatisfy { $0.unread.isEmpty })
}

@Test private func pageSizeBelowTheBaseIsRefused() throws {
    let tree = try ScratchTree(folders: ["sys/kernel/mm/hugepages/hugepages-4kB"])
    let error = try #require(fileError { () throws(KernelFileError) in try HugetlbMachine(tree.root) })
    #expect(error.reason == "line 1 is \"hugepages-4kB\", expected a size above that of base pages, 4 KiB")
}

@Test private func numaMapsDoNotOverflow() throws {
    let line = #"7fac40400000 bind:2 file=/anon_hugepage\040(deleted) huge N2=4503599627370496 kernelpagesize_kB=2048"#
    let tree = try FixtureTree("four-nodes-6.1") { parts in
        for index in parts.indices where parts[index].path == "proc/132/pagemap" {
            parts[index].body = "0x7fac40400 4 512 0x8180000000000000\n"  // the kernel hides the frames
        }
        for index in parts.indices where parts[index].path == "proc/132/numa_maps" {
            parts[index].body = String(repeating: line + "\n", count: 5000)
        }
    }
    let observation = try #require(try observation(of: tree))
    let process = try #require(observation.passes[0].walk.processes.first { $0.pid == PID(132) })
    #expect(process.placements.map(\.pages) == [PFN.most])
}
