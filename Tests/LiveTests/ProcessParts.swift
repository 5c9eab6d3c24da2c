import Foundation
import PageModel
import TestSupport
import Testing

/// What is true of one part of the holder `mixture`.
private struct PartTruth: CustomTestStringConvertible, Sendable {
    struct Pages: Hashable, Sendable {
        let kind: String
        let size: UInt64
        let content: String
        let pages: UInt64
        let bytes: UInt64
        init(_ kind: String, _ size: UInt64, _ content: String, pages: UInt64, bytes: UInt64? = nil) {
            (self.kind, self.size, self.content) = (kind, size, content)
            (self.pages, self.bytes) = (pages, bytes ?? pages * size)
        }
    }
    let name: String
    let pages: Set<Pages>
    var mappings = 1
    var swapped: UInt64 = 0
    /// Pages of the page cache: in folios of whatever size the filesystem likes. Unit: bytes.
    var cached: UInt64 = 0
    var isShared = false
    /// What is said of transparent huge pages; nil of hugetlb.
    var eligibility: String? = "disabled-by-advice"
    var testDescription: String { name }
}

private let (fourKiB, huge): (UInt64, UInt64) = (4096, 2 << 20)

private let partTruths = [
    PartTruth(
        name: "hugetlb-private", pages: [.init("hugetlb", huge, "anonymous", pages: 2)], eligibility: nil),
    PartTruth(name: "hugetlb-shared", pages: [.init("hugetlb", huge, "shared", pages: 2)], eligibility: nil),
    PartTruth(name: "giant", pages: [.init("hugetlb", 1 << 30, "anonymous", pages: 1)], eligibility: nil),
    PartTruth(name: "thp", pages: [.init("thp", huge, "anonymous", pages: 2)], eligibility: "eligible"),
    PartTruth(
        name: "thp-part", pages: [.init("thp", huge, "anonymous", pages: 2, bytes: huge - fourKiB)], mappings: 2,
        eligibility: "too-small"),
    PartTruth(name: "thp-forgotten", pages: [.init("thp", huge, "anonymous", pages: 1, bytes: huge - fourKiB)]),
    PartTruth(
        name: "thp-split", pages: [.init("thp", huge, "anonymous", pages: 2, bytes: huge)], mappings: 2,
        eligibility: "too-small"),
    PartTruth(name: "mthp", pages: [.init("mthp", 64 << 10, "anonymous", pages: 16)], eligibility: "too-small"),
    PartTruth(name: "base", pages: [.init("base", fourKiB, "anonymous", pages: 64)]),
    PartTruth(name: "zero", pages: []),
    PartTruth(name: "zero-huge", pages: [], eligibility: "eligible"),
    PartTruth(
        name: "file", pages: [.init("base", fourKiB, "anonymous", pages: 16)], cached: 32 * fourKiB,
        eligibility: "too-small"),
    PartTruth(name: "file-shared", pages: [], cached: 16 * fourKiB, eligibility: "too-small"),
    PartTruth(name: "shm", pages: [.init("base", fourKiB, "shared", pages: 64)], eligibility: "too-small"),
    PartTruth(name: "shm-thp", pages: [.init("thp", huge, "shared", pages: 2)], eligibility: "eligible"),
    PartTruth(name: "swap", pages: [], swapped: 64 * fourKiB),
    PartTruth(name: "shm-swap", pages: [], eligibility: "too-small"),
    PartTruth(name: "ksm", pages: [.init("base", fourKiB, "anonymous", pages: 64)], isShared: true),
]

extension Live {
    /// Each kind of page at the address where the holder says that it is.
    @Test static func everyPartAtItsAddress() throws {
        try skippingWhatCannotBeHad {
            let mixture = try Mixture()
            let report = try LiveProcess(mixture.pid).report
            try mixture.expectCore(in: report)
            let mappings = try #require(report.mappings)
            #expect(Set(mixture.parts.keys).isSubset(of: partTruths.map(\.name)))
            for truth in partTruths {
                guard let addresses = mixture.parts[truth.name] else { continue }
                expect(truth, mappings.filter { addresses.contains($0.first) && $0.last <= addresses.upperBound })
            }
            let zeros = ["zero", "zero-huge"].compactMap { mixture.parts[$0] }.reduce(0) { $0 + UInt64($1.count) }
            #expect(report.zeroBytes ?? 0 >= zeros && report.zeroBytes ?? 0 < zeros + huge)
            #expect(report.movingBytes == 0 && report.hiddenBytes == 0)
            let sum = Dictionary(
                report.placements.map { ("\($0.node ?? -1) \($0.kind ?? "") \($0.pageSize)", $0.bytes) },
                uniquingKeysWith: +)
            let ofMappings = Dictionary(
                report.places.map { ("\($0.node ?? -1) \($0.kind ?? "") \($0.pageSize)", $0.bytes) },
                uniquingKeysWith: +)
            #expect(sum == ofMappings)
        }
    }

    private static func expect(_ truth: PartTruth, _ mappings: [ProcessDocument.Mapping]) {
        let name = truth.name
        #expect(mappings.count == truth.mappings, "\(name)")
        let places = mappings.flatMap(\.placements)
        let cached = places.filter { $0.content == "file" }
        #expect(cached.bytes() == truth.cached, "\(name)")
        var sums: [String: PartTruth.Pages] = [:]
        for place in places where place.content != "file" {
            let (kind, content) = (place.kind ?? "", place.content ?? "")
            let before = sums["\(kind) \(place.pageSize) \(content)"]
            sums["\(kind) \(place.pageSize) \(content)"] = PartTruth.Pages(
                kind, place.pageSize, content, pages: (before?.pages ?? 0) + place.pages,
                bytes: (before?.bytes ?? 0) + place.bytes)
        }
        #expect(Set(sums.values) == truth.pages, "\(name)")
        let resident = places.bytes()
        #expect(mappings.reduce(0) { $0 + $1.residentBytes } == resident, "\(name)")
        #expect(mappings.reduce(0) { $0 + ($1.swappedBytes ?? 0) } == truth.swapped, "\(name)")
        let shared = mappings.reduce(0) { $0 + ($1.sharedBytes ?? 0) }
        if truth.cached == 0 { #expect(shared == (truth.isShared ? resident : 0), "\(name)") }
        #expect(mappings.allSatisfy { $0.transparent?.eligibility == truth.eligibility }, "\(name)")
        #expect(mappings.allSatisfy { $0.policy == "default" && $0.misplaced.isEmpty }, "\(name)")
        let huge = places.bytes { $0.kind == "hugetlb" || $0.kind == "thp" }
        #expect(mappings.reduce(0) { $0 + ($1.hugeBytes ?? 0) } == huge, "\(name)")
    }
}
