import Glibc
import KernelFiles
import PageModel
import SystemPackage
import Testing

@testable import KernelFiles

/// Private anonymous memory of this process, of small pages only. Unit of indices: base pages.
private final class Memory {
    static let page = Int(sysconf(Int32(_SC_PAGESIZE)))
    let start: UnsafeMutableRawPointer
    let pages: Int

    init(pages: Int) throws {
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
        let answer = mmap(nil, pages * Self.page, PROT_READ | PROT_WRITE, flags, -1, 0)
        start = try #require(answer == MAP_FAILED ? nil : answer)
        self.pages = pages
        madvise(start, pages * Self.page, MADV_NOHUGEPAGE)
    }

    deinit { munmap(start, pages * Self.page) }

    func touch(_ pages: some Sequence<Int>) {
        for page in pages { start.storeBytes(of: 1, toByteOffset: page * Self.page, as: UInt8.self) }
    }

    var addresses: Range<UInt64> {
        let low = UInt64(UInt(bitPattern: start))
        return low..<low + UInt64(pages * Self.page)
    }

    func page(at address: UInt64) -> Int { Int(address - addresses.lowerBound) / Self.page }

    /// The pages in the ranges that `forEachPresentRange` gives, in the order given.
    func scanned() throws -> [Int] {
        var found: [Int] = []
        try KernelRoot.live.pagemap(of: "self").forEachPresentRange(in: addresses, base: .fourKiB) { range, isExact in
            #expect(isExact == hasScan)
            found += page(at: range.lowerBound)..<page(at: range.upperBound)
            return true
        }
        return found
    }

    /// The pages that pagemap says are present, of those that are asked for.
    func present(among pages: [Int]) throws -> [Int] {
        let file = try KernelRoot.live.pagemap(of: "self")
        let first = addresses.lowerBound / UInt64(Self.page)
        return try pages.filter { page in
            let word = try #require(try file.word(at: first + UInt64(page)))
            switch PagemapEntry(word: word).location {
            case .present, .hidden: return true
            case .swapped, .absent: return false
            }
        }
    }
}

/// PAGEMAP_SCAN came with 6.7; before it every page of the range is given.
private let hasScan: Bool = {
    let release = (try? KernelRoot.live.contents(of: "proc/sys/kernel/osrelease")) ?? []
    let numbers = String(decoding: release, as: UTF8.self).split(whereSeparator: { !$0.isNumber }).compactMap {
        Int($0)
    }
    return numbers.count > 1 && (numbers[0], numbers[1]) >= (6, 7)
}()

private let touched: [(Int, [Int])] = [
    (8, []),
    (8, [0]),
    (8, [7]),
    (8, [0, 1, 4, 7]),
    (8, Array(0..<8)),
    (1300, Array(stride(from: 0, to: 1300, by: 2))),  // more ranges than one call returns
    (1300, Array(1..<1300)),
    (2_400_000, [0, 1, 1_048_575, 1_048_576, 2_097_151, 2_399_999]),  // 9 GiB: three slices
]

@Test(arguments: touched) func scanAndPagemapAgree(pages: Int, touched: [Int]) throws {
    let memory = try Memory(pages: pages)
    memory.touch(touched)
    let scanned = try memory.scanned()
    #expect(Set(scanned).count == scanned.count, "a page was given twice")
    #expect(try memory.present(among: hasScan ? scanned : touched) == touched)
    if hasScan { #expect(scanned == touched) }
    if pages <= 1300 { #expect(try memory.present(among: Array(0..<pages)) == touched) }
}

@Test func scanOfNothing() throws {
    let file = try KernelRoot.live.pagemap(of: "self")
    try file.forEachPresentRange(in: 4096..<4096, base: .fourKiB) { _, _ in
        Issue.record("nothing was asked for")
        return false
    }
}

/// Words saved at these indices, the pages asked for, and pages that must be given: no more than a block about each word.
private let saved: [([UInt64], Range<UInt64>, [UInt64])] = [
    ([], 0..<100, []),
    ([0], 0..<1, [0]),
    ([0, 1, 2], 0..<1 << 36, [0, 1, 2]),
    ([5], 6..<1 << 36, []),
    ([0x7_fac4_0400, 0x7_fac4_0600], 0..<1 << 36, [0x7_fac4_0400, 0x7_fac4_0600]),
    ([0x7_fac4_0400, 0x7_fac4_0600], 0x7_fac4_0400..<0x7_fac4_0600, [0x7_fac4_0400]),
    ([0x7_fac4_0400, 0x7_fac4_0600], 0x7_fac4_0600..<1 << 52 - 1, [0x7_fac4_0600]),
    ([0x7_fac4_0400], 1 << 50..<1 << 52 - 1, []),
]

@Test(arguments: saved)
func savedFileIsGivenWhereItHasWords(words: [UInt64], pages: Range<UInt64>, given: [UInt64]) throws {
    let tree = try ScratchTree(["proc/7/pagemap": []])
    let file = try FileDescriptor.open(tree.root.path("proc/7/pagemap"), .writeOnly)
    for word in words { try file.writeAll(toAbsoluteOffset: Int64(word) * 8, bytes(words: [1 << 63 | word])) }
    try file.close()
    var ranges: [Range<UInt64>] = []
    let addresses = pages.lowerBound * 4096..<pages.upperBound * 4096
    try tree.root.pagemap(of: "7").forEachPresentRange(in: addresses, base: .fourKiB) { range, isExact in
        #expect(!isExact)
        ranges.append(range)
        return true
    }
    #expect(
        ranges.allSatisfy { !$0.isEmpty && addresses.contains($0.lowerBound) && $0.upperBound <= addresses.upperBound })
    for word in given { #expect(ranges.count { $0.contains(word * 4096) } == 1, "page \(word)") }
    let block: UInt64 = 4096 / 8  // words of one block of the file system
    #expect(ranges.reduce(0) { $0 + ($1.upperBound - $1.lowerBound) / 4096 } <= UInt64(words.count) * block * 16)
}
