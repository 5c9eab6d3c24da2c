import KernelFiles
import Observations
import PageModel
import TestSupport
import Testing

@testable import KernelFiles

private func size(_ bytes: UInt64) throws -> PageSize { try #require(PageSize(bytes: bytes)) }

private func frames(_ tree: FixtureTree) throws -> HugetlbFrames {
    let root = tree.root
    return HugetlbFrames(
        root: root, map: try root.nodeMap(of: root.nodeIDs(), base: .fourKiB, zones: root.zoneinfo().spans),
        sizes: try root.hugepageSizes(), base: .fourKiB)
}

private let fixtures = [
    "four-nodes-5.10", "four-nodes-6.1", "four-nodes-6.12", "four-nodes-7.2", "gigantic-6.1", "straddle-6.1",
    "memoryless-6.1", "leak-6.1",
]

@Test(arguments: fixtures) func censusFindsTheTruth(name: String) throws {
    let tree = try FixtureTree(name)
    let census = try frames(tree).census(shares: 1)
    var pages: [Pool: UInt64] = [:]
    var mapped: [Pool: UInt64] = [:]
    for (kind, tally) in census.tallies {
        let pool = Pool(node: try #require(kind.node), size: kind.size)
        pages[pool, default: 0] += tally.pages
        if kind.head.contains(.mmap) { mapped[pool, default: 0] += tally.pages }
    }
    for (pool, truth) in tree.truth {
        #expect(pages[pool] ?? 0 == truth.nr, "\(pool)")
        #expect(mapped[pool] ?? 0 == truth.mapped, "\(pool)")
    }
    #expect(census.strayTails == 0)
}

@Test(arguments: fixtures) func sharesGiveTheSame(name: String) throws {
    let tree = try FixtureTree(name)
    let frames = try frames(tree)
    let alone = try frames.census(shares: 1)
    for shares in [2, 3, 4, 64] { #expect(try frames.census(shares: shares) == alone, "\(shares) shares") }
    #expect(!alone.tallies.isEmpty)
}

/// Populated ranges, the largest page size and how many pieces are asked for.
private let machines: [([Range<UInt64>], UInt64, Int)] = [
    ([0..<0x80000], 1 << 30, 4),
    ([0..<0x80000], 2 << 20, 4),
    ([0..<0x80000, 0x100000..<0x640000], 1 << 30, 2),
    ([1..<0x9f, 0x100..<0xbff00, 0x100000..<0x13ffff], 1 << 30, 8),  // ragged, as zones give them
    ([0..<100], 1 << 30, 4),  // less than a page
    ([0x3ffff..<0x40001], 1 << 30, 4),  // a border in the middle
    ([0..<1 << 28], 1 << 30, 256),  // 1 TiB
    ([0..<PFN.most], 1 << 30, 64),
    ([0..<PFN.most], 1 << 63, 64),
    ([PFN.most - 1..<PFN.most], 16 << 30, 3),
    ([], 1 << 30, 4),
]

@Test(arguments: machines) func piecesCoverAndNeverCut(populated: [Range<UInt64>], largest: UInt64, shares: Int) throws
{
    let blocks = populated.map { (frames: $0, nodes: [NodeID(0)]) }
    let sizes = try [size(2 << 20), size(largest)]
    let frames = HugetlbFrames(
        root: .live, map: NodeMap(blocks: blocks, zones: []), sizes: sizes, base: .fourKiB)
    let grain = sizes[1].count(of: .fourKiB)
    #expect(frames.pieces(about: 1) == [populated])
    let pieces = frames.pieces(about: shares)
    #expect(pieces.count <= shares + populated.count)
    let ranges = pieces.flatMap { $0 }
    #expect(ranges.allSatisfy { !$0.isEmpty })
    // Put together again where one ends as the next starts, they are the populated ranges.
    var joined: [Range<UInt64>] = []
    for range in ranges {
        if let last = joined.last, last.upperBound == range.lowerBound {
            #expect(range.lowerBound % grain == 0, "a page can lie across \(range.lowerBound)")
            joined[joined.count - 1] = last.lowerBound..<range.upperBound
        } else {
            joined.append(range)
        }
    }
    #expect(joined == populated)
}

private let head: UInt64 = 0x28000
private let tail: UInt64 = 0x30000

/// Words at each 2 MiB, and the sizes in MiB that they come to, and the stray tails.
private let layouts: [([UInt64], [UInt64: UInt64], UInt64)] = [
    ([], [:], 0),
    ([0, 0x400, 0x100000, 0x5808], [:], 0),
    ([head], [2: 1], 0),
    ([head, head, 0, head], [2: 3], 0),
    ([0, tail, head], [2: 1], 1),  // a tail of no head
    ([head, tail], [2: 1], 1),  // too short for 1 GiB
    ([head] + [UInt64](repeating: tail, count: 511), [1024: 1], 0),
    ([head] + [UInt64](repeating: tail, count: 510), [2: 1], 510),
    ([head] + [UInt64](repeating: tail, count: 512), [1024: 1], 1),
    ([head] + [UInt64](repeating: tail, count: 511) + [head, head], [1024: 1, 2: 2], 0),
    ([0x8080, 0x10080, head], [2: 1], 0),  // heads and tails of slab are none
]

@Test(arguments: layouts) func censusOfWords(words: [UInt64], sizes: [UInt64: UInt64], stray: UInt64) throws {
    var all = [UInt64](repeating: 0, count: words.count * 512)
    for (index, word) in words.enumerated() { all[index * 512] = word }
    let tree = try ScratchTree(["proc/kpageflags": bytes(words: all), "proc/kpagecount": bytes(words: all)])
    let blocks = [(frames: UInt64(0)..<UInt64(1 << 20), nodes: [NodeID(3)])]
    let frames = HugetlbFrames(
        root: tree.root, map: NodeMap(blocks: blocks, zones: []), sizes: try [size(2 << 20), size(1 << 30)],
        base: .fourKiB)
    let census = try frames.census(shares: 1)
    var found: [UInt64: UInt64] = [:]
    for (kind, tally) in census.tallies { found[kind.size.bytes >> 20, default: 0] += tally.pages }
    #expect(found == sizes)
    #expect(census.strayTails == stray)
    #expect(census.wordsRead == UInt64(words.count))
}

/// Mapped pages whose words differ, so that they are of different kinds, with counts that no kernel gives.
@Test func mappingsDoNotOverflow() throws {
    let heads = (0..<64).map { UInt64(0x28800) | UInt64($0 % 2) << 2 }
    let words = heads.flatMap { [$0] + [UInt64](repeating: 0, count: 511) }
    let counts = [UInt64](repeating: .max, count: words.count)
    let tree = try ScratchTree(["proc/kpageflags": bytes(words: words), "proc/kpagecount": bytes(words: counts)])
    let blocks = [(frames: UInt64(0)..<UInt64(1 << 20), nodes: [NodeID(0)])]
    let frames = HugetlbFrames(
        root: tree.root, map: NodeMap(blocks: blocks, zones: []), sizes: [try size(2 << 20)], base: .fourKiB)
    let census = try frames.census(shares: 1)
    #expect(census.tallies.values.map(\.pages) == [32, 32])
    #expect(census.tallies.values.allSatisfy { $0.mappings >= 32 })
}

@Test func censusWithoutKpageflags() throws {
    let tree = try ScratchTree()
    let frames = HugetlbFrames(
        root: tree.root, map: NodeMap(blocks: [], zones: []), sizes: [try size(2 << 20)], base: .fourKiB)
    let error = try #require(fileError { () throws(KernelFileError) in try frames.census(shares: 1) })
    #expect(error.path == tree.root.path("proc/kpageflags"))
}
