import Observations
import PageModel
import Testing

@testable import KernelFiles

private func part(_ index: Int, _ addresses: Range<UInt64>) -> WalkPart {
    WalkPart(
        index: index, mapping: Mapping(addresses: addresses, permissions: ForeignText("rw-p")), addresses: addresses,
        hugetlbSize: nil, isHugetlb: false)
}

private let oneGiB: UInt64 = 1 << 30

/// What is mapped, and the pieces that it becomes: each a list of ranges.
private let walks: [([Range<UInt64>], [[Range<UInt64>]])] = [
    ([], []),
    ([0..<4096, 8192..<12288], [[0..<4096, 8192..<12288]]),
    ([4096..<oneGiB], [[4096..<oneGiB]]),
    ([4096..<3 * oneGiB], [[4096..<oneGiB], [oneGiB..<2 * oneGiB], [2 * oneGiB..<3 * oneGiB]]),
    // Small ones behind a large one, until they are together as large as a stretch.
    (
        [0..<2 * oneGiB, 3 * oneGiB..<4 * oneGiB, 5 * oneGiB..<5 * oneGiB + 4096, 6 * oneGiB..<6 * oneGiB + 4096],
        [
            [0..<oneGiB], [oneGiB..<2 * oneGiB], [3 * oneGiB..<4 * oneGiB, 5 * oneGiB..<5 * oneGiB + 4096],
            [6 * oneGiB..<6 * oneGiB + 4096],
        ]
    ),
]

@Test(arguments: walks) func piecesOfAWalk(mapped: [Range<UInt64>], pieces: [[Range<UInt64>]]) {
    let parts = mapped.enumerated().map { part($0.offset, $0.element) }
    #expect(ProcessWalk.pieces(of: parts).map { $0.map(\.addresses) } == pieces)
}

private let hugeMappings: [(UInt64, UInt64)] = [
    (4096, 1 << 46), (0, 1 << 47), (1 << 46, 1 << 46 + 4096), (4096, 1 << 62),
]

@Test(arguments: hugeMappings) func aHugeMappingIsCutIntoFew(start: UInt64, end: UInt64) {
    let pieces = ProcessWalk.pieces(of: [part(0, start..<end)]).flatMap { $0.map(\.addresses) }
    #expect((1...18).contains(pieces.count))
    #expect(pieces.first?.lowerBound == start && pieces.last?.upperBound == end)
    for (left, right) in zip(pieces, pieces.dropFirst()) {
        #expect(left.upperBound == right.lowerBound && right.lowerBound % oneGiB == 0)
    }
}

@Test func aFolioAcrossTheBorderIsOne() throws {
    // Pages 262140 to 262147 lie across the first GiB, in one folio of 16 KiB each half.
    var process = SavedProcess(maps: ["3fffc000-80001000 rw-p 00000000 00:00 0 "])
    process.setFolio(at: 64, pages: 8, SavedProcess.anonTHP)
    process.map(262140, to: 64, pages: 8)
    let tree = try process.tree()
    let machine = ProcessMachine(tree.root)
    let whole = part(0, 0x3fff_c000..<0x8000_1000)
    let pagemap = try tree.root.pagemap(of: "42")
    let walk = ProcessWalk(machine: machine, reading: ProcessReading(), pagemap: pagemap.source)
    let (alone, shared) = (walk.found(of: [whole], isShared: false), walk.found(of: [whole], isShared: true))
    withExtendedLifetime(pagemap) {}
    #expect(ProcessWalk.pieces(of: [whole]).count == 3)
    let amounts = [
        PageAmount(
            node: NodeID(0), kind: .mthp, size: PageSize(bytes: 32768)!, content: .anonymous, pages: 1, bytes: 32768)
    ]
    for found in [alone, shared] {
        #expect(found.targets[0]?.tally.amounts == amounts)
        #expect(found.words.heads == 1 && found.words.tails == 7)
    }
}

@Test func samplesArePutTogetherEvenly() {
    var (whole, left, right) = (StrideSample(limit: 8), StrideSample(limit: 8), StrideSample(limit: 8))
    for address in UInt64(0)..<32 { whole.add(address) }
    #expect(whole.addresses == [0, 4, 8, 12, 16, 20, 24, 28] && whole.count == 32)
    for address in UInt64(0)..<24 { left.add(address) }
    for address in UInt64(24)..<32 { right.add(address) }
    left.merge(right)
    #expect(left == whole)
}
