import Foundation
import PageModel
import TestSupport
import Testing

/// A file of a process to its end, which Foundation may miss: the kernel gives less than is asked for, again and again.
private func linesOfProcess(_ pid: PID, _ file: String) throws -> [Substring] {
    try run("/bin/cat", ["/proc/\(pid)/\(file)"]).output.split(separator: "\n")
}

/// What numa_maps says of one process.
struct NumaMapsWitness: Equatable {
    /// Bytes on each node, by the mappings' starts; those with no page are left out.
    var bytes: [UInt64: [Int: UInt64]] = [:]
    /// Pages of hugetlb by their size in KiB.
    var hugePages: [UInt64: UInt64] = [:]

    init(_ pid: PID) throws {
        for line in try linesOfProcess(pid, "numa_maps") {
            let fields = line.split(separator: " ")
            let values = fields.map { $0.split(separator: "=").map(String.init) }
            guard let size = values.first(where: { $0[0] == "kernelpagesize_kB" }).flatMap({ UInt64($0[1]) }),
                let start = UInt64(fields[0], radix: 16)
            else { continue }
            for value in values where value.count == 2 && value[0].first == "N" {
                guard let node = Int(value[0].dropFirst()), let pages = UInt64(value[1]) else { continue }
                bytes[start, default: [:]][node] = pages * size * 1024
                if fields.contains("huge") { hugePages[size, default: 0] += pages }
            }
        }
    }
}

/// Fields in kB of `status`, `smaps` and `smaps_rollup`, but for Referenced, which changes while nobody touches a page.
/// Unit: bytes.
struct KilobyteFields: Equatable {
    private var values: [Substring: UInt64] = [:]

    subscript(_ names: Substring...) -> UInt64 { names.reduce(0) { $0 + (values[$1] ?? 0) } }

    fileprivate mutating func add(_ line: Substring) {
        let words = line.split(whereSeparator: \.isWhitespace)
        guard words.count == 3, words[2] == "kB", let value = UInt64(words[1]), words[0] != "Referenced:" else {
            return
        }
        values[words[0].dropLast()] = value * 1024
    }

    /// - Parameter file: of the process: `status`.
    init(_ pid: PID, _ file: String) throws {
        for line in try linesOfProcess(pid, file) { add(line) }
    }
    fileprivate init() {}
}

/// One mapping by smaps.
struct SmapsWitness: Equatable {
    var fields = KilobyteFields()
    /// Nil where the kernel does not tell.
    var isEligible: Bool?
    var flags: [Substring] = []

    /// By the mappings' starts.
    static func mappings(of pid: PID) throws -> [UInt64: SmapsWitness] {
        var found: [UInt64: SmapsWitness] = [:]
        var start: UInt64?
        for line in try linesOfProcess(pid, "smaps") {
            let words = line.split(separator: " ")
            if let next = UInt64(words[0].prefix { $0 != "-" }, radix: 16), words[0].contains("-") { start = next }
            guard let start else { continue }
            switch words[0] {
            case "VmFlags:": found[start]?.flags = Array(words.dropFirst())
            case "THPeligible:": found[start]?.isEligible = words.last == "1"
            default: found[start, default: SmapsWitness()].fields.add(line)
            }
        }
        return found
    }
}

/// The table of `numastat -p`.
struct NumastatWitness: Equatable {
    /// Row, then node: MiB as it prints them.
    private var rows: [Substring: [Substring]] = [:]
    private var nodes: [Int] = []

    init(_ pid: PID) throws {
        let outcome = try run("/usr/bin/numastat", ["-p", "\(pid)"])
        guard outcome.status == 0 else { throw Holder.Unavailable(description: "numastat: \(outcome.errors)") }
        for words in outcome.table {
            if words.first == "Node" { nodes = words.compactMap { Int($0) } }
            if words.count == nodes.count + 2 { rows[words[0]] = Array(words.dropFirst()) }
        }
        try #require(!nodes.isEmpty && rows["Huge"] != nil && rows["Total"] != nil, "\(outcome.output)")
    }

    /// Holds what was found on each node against it. A huge page of any size is one of the default size to it.
    func expect(_ places: [ProcessDocument.Placement]) throws {
        let words = try content("/proc/meminfo").split(separator: "\n").first { $0.hasPrefix("Hugepagesize:") }
        let size = 1024 * (words.flatMap { UInt64($0.split(whereSeparator: \.isWhitespace)[1]) } ?? 0)
        for (index, node) in nodes.enumerated() {
            let here = places.filter { $0.node == node }
            let huge = here.filter { $0.kind == "hugetlb" }.reduce(0) { $0 + $1.pages } * size
            let other = here.bytes { $0.kind != "hugetlb" }
            #expect(rows["Huge"]?[index] == Self.mebibytes(huge), "node \(node)")
            #expect(rows["Total"]?[index] == Self.mebibytes(huge + other), "node \(node)")
        }
    }

    private static func mebibytes(_ bytes: UInt64) -> Substring {
        Substring(String(format: "%.2f", Double(bytes) / 1_048_576))
    }
}

/// Rows of `page-types -r -p PID`, as words of kpageflags: pages by flags. Two bits are left out that change while nobody
/// touches a page: IDLE and REFERENCED, where something watches who uses memory.
enum PageTypesWitness {
    private static let unsteady: UInt64 = 1 << 25 | 1 << 2
    /// What it takes from pagemap: soft-dirty, file, swap, mapped exclusively.
    private static let ofPagemap: UInt64 = 1 << 40 | 1 << 61 | 1 << 62 | 1 << 63
    /// Flags that it shows as others where two meanings share a bit: what it shows, and what it was.
    private static let renamed: [(UInt64, UInt64)] = [(47, 34), (48, 9), (49, 35), (50, 6), (51, 1)]

    static func rows(_ pid: PID) throws -> [UInt64: UInt64] {
        guard let program = ProcessInfo.processInfo.environment["HUGEAUDIT_PAGE_TYPES"] else {
            throw Holder.Unavailable(description: "page-types was not built: Tests/run builds it")
        }
        return try run(program, ["-r", "-p", "\(pid)"]).table.reduce(into: [:]) { rows, words in
            guard words.count > 2, words[0].hasPrefix("0x"), var flags = UInt64(words[0].dropFirst(2), radix: 16),
                let pages = UInt64(words[1]), flags & 1 << 62 == 0
            else { return }
            for (shown, was) in renamed where flags & 1 << shown != 0 { flags = flags & ~(1 << shown) | 1 << was }
            rows[flags & ~unsteady & ~ofPagemap, default: 0] += pages
        }
    }

    static func rows(_ rows: [ProcessDocument.Frames.Row]) throws -> [UInt64: UInt64] {
        try rows.reduce(into: [:]) { sums, row in
            let flags = try #require(UInt64(row.flags.dropFirst(2), radix: 16))
            sums[flags & ~unsteady, default: 0] += row.pages
        }
    }
}

/// What thpmaps says of large folios. Unit: bytes.
struct THPMapsWitness: Equatable {
    /// `anon` or `file`, then the size of the folio: those that are mapped whole.
    private(set) var whole: [Substring: [UInt64: UInt64]] = [:]
    /// Those of which only a part is in one mapping, all sizes together.
    private(set) var partial: [Substring: UInt64] = [:]
    private(set) var pmdMapped: UInt64 = 0

    init(_ pid: PID) throws {
        guard let program = ProcessInfo.processInfo.environment["HUGEAUDIT_THPMAPS"] else {
            throw Holder.Unavailable(description: "thpmaps was not had: Tests/run gets it")
        }
        let outcome = try run(program, ["--pid", "\(pid)", "--rollup"])
        try #require(outcome.status == 0, "\(outcome.errors)")
        for words in outcome.table where words.count > 2 {
            let label = words[0].dropLast().split(separator: "-")
            guard let amount = UInt64(words[1]).map({ $0 * 1024 }), label.count > 3, words[2] == "kB" else { continue }
            if label[3] == "partial" {
                partial[label[0], default: 0] += amount
            } else if let size = label.last.flatMap({ UInt64($0.dropLast(2)) }) {
                whole[label[0], default: [:]][size * 1024, default: 0] += amount
                if label[2] == "pmd" { pmdMapped += amount }
            }
        }
    }
}
