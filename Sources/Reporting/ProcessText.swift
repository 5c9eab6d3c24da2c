public import Audit
import Observations
import PageModel

/// One process for a person at a terminal: the verdict, nodes by kinds of pages, mappings, findings with their remedies last.
public struct ProcessText {
    private let report: ProcessReport
    private let paint: Paint
    /// What fits on a screen; `--format json` has the rest.
    private static let mostDevices = 6
    private static let longestName = 60

    /// - Parameter isColoured: with ANSI colours, for a terminal.
    public init(_ report: ProcessReport, isColoured: Bool) {
        (self.report, paint) = (report, Paint(isOn: isColoured))
    }

    public var text: String {
        paragraphs([
            [report.verdict.line(paint)], [header] + table + sums, placement,
            MappingTable(report).lines + settings + advice,
            frames, flags, FindingText(paint).list(report.findings), [footer],
        ])
    }

    /// `Process 4711 postgres, user postgres, in postgresql.service`
    private var header: String {
        let process = report.observation
        let owner = CgroupOwner(of: process.cgroup).description
        let user = process.user.bytes.isEmpty ? "" : ", user \(process.user.escaped(limit: 32))"
        let kind =
            switch process.withoutMemoryAs {
            case .kernelThread?: ", a kernel thread"
            case .zombie?: ", a zombie"
            case nil: ""
            }
        let place = owner.isEmpty ? process.cgroup.escaped(limit: Self.longestName) : owner
        return "Process \(process.pid) \(process.name.escaped(limit: 40))\(user)"
            + (place.isEmpty || place == "/" ? "" : ", in \(place)") + kind
    }

    private var table: [String] {
        let amounts = report.tabulated
        guard !amounts.isEmpty else { return [] }
        let columns = PlacementColumn.columns(of: amounts, isClassified: report.observation.isClassified)
        var table = TextTable(
            [("NODE", .right)] + columns.map { ($0.title, .right) } + [("TOTAL", .right)])
        let add = { (title: String, part: [PageAmount]) in
            table.add([title] + columns.map { $0.cell(of: part) } + [amountCell(part.bytes)])
        }
        for node in amounts.nodes { add(nodeCell(node), amounts.filter { $0.node == node }) }
        if amounts.nodes.count > 1 { add("all", amounts) }
        return [table.text]
    }

    /// What belongs to no node, or is part of what the table has.
    private var sums: [String] {
        if let nodes = report.limitedTo {
            return mthp + ["only \(nodes.named): what is unique, shared or swapped is not counted by node"]
        }
        let pages = report.pages
        let sharing = [("unique", pages.unique), ("shared", pages.shared), ("proportional", pages.proportional >> 12)]
        let others = [
            ("swapped", pages.swapped), ("zero pages", pages.zero), ("moving or poisoned", pages.moving),
            ("kernel or device pages", pages.reserved), ("hidden by the kernel", pages.hidden),
        ].filter { $0.1 > 0 }
        let list = { (parts: [(String, UInt64)]) in
            parts.map { "\($0.0) \(amountCell($0.1))" }.joined(separator: ", ")
        }
        return mthp + whole
            + (report.observation.isClassified && pages.resident > 0 ? ["\(list(sharing)), hugetlb included"] : [])
            + (others.isEmpty ? [] : [list(others)]) + content
    }

    /// `mTHP: 12 MiB of 64 KiB, 1 MiB of 32 KiB`
    private var mthp: [String] {
        let amounts = report.placements.filter { $0.kind == .mthp }
        let sizes = Set(amounts.map(\.size)).sorted(by: >)
        let parts = sizes.map { size in "\(amountCell(amounts.filter { $0.size == size }.bytes)) of \(size)" }
        return parts.isEmpty ? [] : ["mTHP: \(parts.joined(separator: ", "))"]
    }

    private var whole: [String] {
        let thp = report.placements.bytes(of: .thp)
        guard thp > 0, let whole = report.pages.mappedByPMD else { return [] }
        return ["THP: \(share(whole, of: thp)) mapped whole, by one table entry each"]
    }

    private var content: [String] {
        guard let sample = report.observation.content else { return [] }
        guard sample.basePages > 0 else { return ["content: no transparent huge page was looked into"] }
        let others = report.observation.transparent.pmdSize.map { sample.unsampled(of: report.pages, size: $0) } ?? 0
        let percent = sample.zeroFilled &* 100 / sample.basePages
        return [
            "content: \(percent) % zero-filled in a sample of \(sample.hugePages) of \(sample.candidates) huge pages"
                + (others == 0 ? "" : "; \(amountCell(others)) more, mapped in parts, was not looked into")
        ]
    }

    private var placement: [String] {
        let range = report.observation.range
        let used = range.cpusLastUsed.keys.sorted()
        let parts = [
            cpus("CPUs allowed", range.cpusAllowed, report.nodesOfAllowedCPUs),
            cpus("threads last ran on", used, report.nodesOfUsedCPUs),
            range.nodesAllowed.isEmpty ? nil : "memory allowed on \(range.nodesAllowed.named)",
        ].compactMap { $0 }
        let devices = range.devices.prefix(Self.mostDevices).map { device in
            "\(device.name.escaped(limit: 32)) on node \(nodeCell(device.node))"
        }
        let more = range.devices.count - devices.count
        return (parts.isEmpty ? [] : [parts.joined(separator: "; ")])
            + (devices.isEmpty
                ? [] : ["devices: \(devices.joined(separator: ", "))" + (more > 0 ? " and \(more) more" : "")])
    }

    private func cpus(_ title: String, _ cpus: [Int], _ nodes: [NodeID]) -> String? {
        guard !cpus.isEmpty else { return nil }
        let list = ForeignText(NumberList(cpus).description).escaped(limit: 40)
        return "\(title) \(list)" + (nodes.isEmpty ? "" : " (\(nodes.named))")
    }

    /// What the column THP of the mappings follows from.
    private var settings: [String] {
        let transparent = report.observation.transparent
        guard !report.notable.isEmpty, let pmd = transparent.pmdSize else { return [] }
        let words = [
            ("enabled", transparent.enabled), ("\(pmd)", transparent.sizes[pmd]),
            ("shmem_enabled", transparent.shmemEnabled),
        ]
        let shown = words.compactMap { name, word in word.map { "\(name) \(ForeignText($0).escaped(limit: 20))" } }
        return shown.isEmpty ? [] : ["settings of THP: \(shown.joined(separator: ", "))"]
    }

    private var advice: [String] {
        report.isAdviceUnread ? ["what it asked for by madvise(2) was not read: --smaps reads it"] : []
    }

    private var frames: [String] {
        let words = report.observation.frames
        guard report.observation.isClassified, report.pages.resident > 0, report.limitedTo == nil else { return [] }
        let count = words.contradictionCount
        return [
            "frames: \(words.heads) heads, \(words.tails) tails, \(words.huge) huge, \(words.thp) thp; "
                + "\(words.read) words read, \(count == 0 ? "none" : "\(count)") contradict\(count < 2 ? "s" : "") the others"
        ]
    }

    /// Each word of kpageflags, as `page-types -r -p` lists them.
    private var flags: [String] {
        guard report.limitedTo == nil, let rows = report.observation.frames.rows else { return [] }
        var table = TextTable([("FLAGS", .right), ("PAGES", .right), ("MEMORY", .right), ("NAMES", .left)])
        let base = report.observation.host.basePageSize
        for (flags, pages) in rows {
            table.add([
                flags.hexadecimal, "\(pages)", "\(base.amount(of: pages))", flags.names.joined(separator: ","),
            ])
        }
        return [table.text]
    }

    private var footer: String {
        let process = report.observation
        return process.host.footer(process.takenAt) + ", took \(duration(process.durationSeconds))"
            + (process.longestReadSeconds > 0 ? ", longest read \(duration(process.longestReadSeconds))" : "")
    }
}

extension FrameWords {
    /// The most frequent first; nil where not each word was read.
    var rows: [(flags: PageFlags, pages: UInt64)]? {
        byFlags?.map { (flags: $0.key, pages: $0.value) }
            .sorted { ($1.pages, $0.flags.rawValue) < ($0.pages, $1.flags.rawValue) }
    }
}

extension PageFlags {
    /// All 64 bits: `0x0000000000005868`.
    var hexadecimal: String {
        let digits = String(rawValue, radix: 16)
        return "0x" + String(repeating: "0", count: 16 - digits.count) + digits
    }
}
