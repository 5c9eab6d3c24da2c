import Foundation
import PageModel
import TestSupport
import Testing

/// One `hugeaudit process PID`.
struct LiveProcess {
    let status: Int32
    let json: String
    let report: ProcessDocument

    init(_ pid: PID, _ arguments: String...) throws { try self.init(pid, arguments) }

    init(_ pid: PID, _ arguments: [String]) throws {
        let outcome = try run(product("hugeaudit"), ["process", "\(pid)", "--format", "json"] + arguments)
        try #require(outcome.errors.isEmpty, "\(outcome.errors)")
        (status, json) = (outcome.status, outcome.output)
        report = try ProcessDocument(json)
    }
}

extension ProcessDocument {
    /// All that is in RAM, mapping by mapping.
    var places: [Placement] { (mappings ?? []).flatMap(\.placements) }

    /// What the walk saw on each node, by the mappings' starts; those with nothing in RAM are left out.
    var bytesByMapping: [UInt64: [Int: UInt64]] {
        (mappings ?? []).reduce(into: [:]) { sums, mapping in
            for place in mapping.placements {
                sums[mapping.first, default: [:]][place.node ?? -1, default: 0] += place.bytes
            }
        }
    }
}

extension ProcessDocument.Mapping {
    var first: UInt64 { UInt64(start.dropFirst(2), radix: 16) ?? 0 }
    var last: UInt64 { UInt64(end.dropFirst(2), radix: 16) ?? 0 }
}

extension [ProcessDocument.Placement] {
    /// Unit: bytes.
    func bytes(where isMeant: (Element) -> Bool = { _ in true }) -> UInt64 {
        reduce(0) { isMeant($1) ? $0 + $1.bytes : $0 }
    }
    var hugetlbBytes: UInt64 { bytes { $0.kind == "hugetlb" } }
}

/// The holder `mixture`, with as many of its parts as the machine lets it have.
final class Mixture {
    let holder: Holder
    let parts: [String: Range<UInt64>]
    private var changes: [MachineChange] = []
    private var pools: [HugePool] = []

    var pid: PID { holder.pids[0] }

    private static let transparent = "/sys/kernel/mm/transparent_hugepage"
    private static let settings: [(String, String)] = [
        ("\(transparent)/enabled", "madvise"), ("\(transparent)/shmem_enabled", "advise"),
        ("\(transparent)/hugepages-64kB/enabled", "madvise"), ("/sys/kernel/mm/ksm/sleep_millisecs", "20"),
        ("/sys/kernel/mm/ksm/pages_to_scan", "5000"), ("/sys/kernel/mm/ksm/run", "1"),
    ]

    /// - Parameters:
    ///   - wanted: the parts; all where it is nil.
    ///   - isStatic: no library is mapped, whose pages other processes map and unmap all the time.
    init(_ wanted: [String]? = nil, isStatic: Bool = false) throws {
        let isWanted = { (part: String) in wanted?.contains(part) ?? true }
        changes.append(try MachineChange.settings(Self.settings))
        if isWanted("swap") {
            do { changes.append(try MachineChange.swap()) } catch let reason as Holder.Unavailable {
                Self.note("no swap: \(reason)")
            }
        }
        if isWanted("hugetlb-private") { pools.append(try HugePool(twoMiB, pages: 8)) }
        if isWanted("giant") {
            do { pools.append(try HugePool(oneGiB, pages: 1)) } catch let reason as Holder.Unavailable {
                Self.note("no giant: \(reason)")
            }
        }
        let arguments = ["mixture"] + (wanted.map { ["--parts", $0.joined(separator: ",")] } ?? [])
        holder = try Holder(arguments, program: isStatic ? try StaticHolder.program.get() : product("holder"))
        parts = holder.ready.parts
        if let left = holder.ready["left"] {
            let reasons = holder.remarks.replacing("\n", with: "; ").replacing("holder: ", with: "")
            Self.note("without \(left): \(reasons)")
        }
    }

    /// Pools and swap are given back by a holder first.
    deinit { holder.stop() }

    /// What every mixture has, as far as its pools grew: its pages of that content. The page cache may have large folios.
    private static let core: [(part: String, kinds: Set<String>, content: String, bytes: UInt64)] = [
        ("hugetlb-private", ["hugetlb"], "anonymous", 4 << 20), ("hugetlb-shared", ["hugetlb"], "shared", 4 << 20),
        ("thp", ["thp"], "anonymous", 4 << 20), ("base", ["base"], "anonymous", 64 << 12),
        ("file", ["base"], "anonymous", 16 << 12), ("file", ["base", "mthp"], "file", 32 << 12),
        ("shm", ["base"], "shared", 64 << 12), ("giant", ["hugetlb"], "anonymous", 1 << 30),
    ]

    /// Two that see nothing agree, too: the core of a whole mixture is in the report, each part at its address.
    func expectCore(in report: ProcessDocument) throws {
        let mappings = try #require(report.mappings)
        for (part, kinds, content, bytes) in Self.core {
            if part == "giant", !pools.contains(where: { $0.size == oneGiB }) { continue }
            if part == "thp", parts[part] == nil {
                Self.note(holder.remarks)
                continue
            }
            let addresses = try #require(parts[part], "\(part): \(holder.remarks)")
            let places = mappings.filter { addresses.contains($0.first) }.flatMap(\.placements)
            if report.taken.classified {
                let seen = places.filter { kinds.contains($0.kind ?? "") && $0.content == content }
                #expect(seen.bytes() == bytes, "\(part)")
            } else {
                #expect(places.bytes() >= bytes, "\(part)")
            }
        }
        let zeros = try #require(parts["zero"], "\(holder.remarks)")
        #expect(mappings.contains { $0.first == zeros.lowerBound && $0.residentBytes == 0 })
        if report.taken.classified { #expect(report.zeroBytes ?? 0 >= UInt64(zeros.count)) }
    }

    /// Is listed by `Tests/run` with what was skipped.
    private static func note(_ what: String) { print("➜ \(Test.current?.name ?? "A test") skipped a part: \(what)") }

    /// What a witness says at a moment when it says the same before and after `look`: of machines where somebody else
    /// compacts memory, or swaps, there may be others.
    static func still<Said: Equatable, Seen>(
        _ witness: () throws -> Said, _ look: () throws -> Seen
    ) throws -> (said: Said, seen: Seen) {
        for _ in 0..<8 {
            let said = try witness()
            let seen = try look()
            if try witness() == said { return (said, seen) }
        }
        throw Holder.Unavailable(description: "the witness never said the same twice")
    }
}

/// The holder without shared libraries, built once for all tests.
enum StaticHolder {
    static let program = Result<String, any Error> {
        let path = product("holder-static")
        let sources = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Holder").path
        let built = try shell("gcc -O1 -static -pthread -o '\(path)' '\(sources)'/*.c")
        guard built.status == 0 else { throw Holder.Unavailable(description: "a static holder: \(built.errors)") }
        return path
    }
}
