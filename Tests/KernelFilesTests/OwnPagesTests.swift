import Glibc
import KernelFiles
import PageModel
import SystemPackage
import Testing

@testable import KernelFiles

private let (own, shared, hidden): (UInt64, UInt64, UInt64) = (1 << 63 | 7, 1 << 63 | 1 << 61 | 7, 1 << 63)

/// Words of pagemap of a saved tree, one for each base page from the mapping's start on, with the pages of 8 KiB that
/// are the mapping's own.
private let saved: [([UInt64], UInt64)] = [
    ([], 0),
    ([0, 0, 0, 0], 0),
    ([own, own, own, own], 2),
    ([own, 0, shared, own], 1),
    ([hidden, 0, hidden | 1 << 61, 0], 1),
    ([0, own, 0, own], 0),  // what stands at the second base page of each says nothing
    ([1 << 62, 0, 1 << 55, 0], 0),
]

@Test(arguments: saved, [UInt64(0), 6, 1 << 20])
func ownPagesOfSavedProcess(saved: ([UInt64], UInt64), first: UInt64) throws {
    let (words, pages) = saved
    let tree = try ScratchTree(["proc/7/pagemap": []])
    let file = try FileDescriptor.open(tree.root.path("proc/7/pagemap"), .writeOnly)
    try file.writeAll(toAbsoluteOffset: Int64(first) * 8, bytes(words: words))
    try file.close()
    let pagemap = try tree.root.pagemap(of: "7")
    let size = PageSize(bytes: 8192)!
    let addresses = first * 4096..<(first + 4) * 4096
    #expect(try pagemap.ownPages(in: addresses, of: size, base: .fourKiB) == pages)
    let toTheEnd = first * 4096..<(UInt64.max - 8191)
    #expect(try pagemap.ownPages(in: toTheEnd, of: size, base: .fourKiB) == pages)
}

/// A file of eight base pages, mapped MAP_PRIVATE: three are read, two of these and one other written.
@Test func ownPagesOfThisProcess() throws {
    let page = Int(sysconf(Int32(_SC_PAGESIZE)))
    let base = try #require(PageSize(bytes: UInt64(page)))
    let tree = try ScratchTree(["f": [UInt8](repeating: 1, count: 8 * page)])
    let file = try FileDescriptor.open(tree.root.path("f"), .readOnly)
    let answer = mmap(nil, 8 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE, file.rawValue, 0)
    try file.close()
    let start = try #require(answer == MAP_FAILED ? nil : answer)
    defer { munmap(start, 8 * page) }
    for index in [0, 2, 5] { #expect(start.load(fromByteOffset: index * page, as: UInt8.self) == 1) }
    for index in [2, 5, 7] { start.storeBytes(of: 2, toByteOffset: index * page, as: UInt8.self) }
    let low = UInt64(UInt(bitPattern: start))
    let pagemap = try KernelRoot.live.pagemap(of: "self")
    #expect(try pagemap.ownPages(in: low..<low + UInt64(8 * page), of: base, base: base) == 3)
}
