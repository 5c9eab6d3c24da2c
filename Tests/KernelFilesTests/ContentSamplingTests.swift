import Glibc
import KernelFiles
import Observations
import PageModel
import SystemPackage
import Testing

@testable import KernelFiles

/// Pages of 16 words; the index of the one word that is not zero in each.
private let zeros: [([Int?], UInt64)] = [
    ([nil], 1), ([0], 0), ([15], 0), ([7, 8, nil], 1), ([nil, nil, 1], 2), ([], 0),
]

@Test(arguments: zeros) func pagesOfZeros(places: [Int?], pages: UInt64) {
    var words = [UInt64](repeating: 0, count: places.count * 16)
    for (page, place) in places.enumerated() {
        if let place { words[page * 16 + place] = 1 << 63 }
    }
    #expect(zeroPages(in: words.span, wordsPerPage: 16) == pages)
}

@Test func everyWordCounts() {
    for place in 0..<512 {
        var words = [UInt64](repeating: 0, count: 1024)
        words[512 + place] = 1
        #expect(zeroPages(in: words.span, wordsPerPage: 512) == 1)
    }
}

private func sample(_ root: KernelRoot, _ process: String, _ starts: [UInt64], _ size: UInt64) throws -> [UInt64] {
    let size = try #require(PageSize(bytes: size))
    let sample = try root.contentSample(of: process, hugePages: starts, size: size, base: .fourKiB)
    #expect(sample.candidates == 0)
    return [sample.hugePages, sample.basePages, sample.zeroFilled]
}

/// The file ends in the middle of the third page.
@Test func sampleOfFile() throws {
    var content = [UInt8](repeating: 0, count: 5 * 32768 / 2)
    content[4095] = 1
    content[32768 + 4096] = 1
    content[32768 + 8191] = 1
    content[32768 + 32767] = 1
    let tree = try ScratchTree(["proc/7/mem": content])
    #expect(try sample(tree.root, "7", [0, 32768], 32768) == [2, 16, 13])
    #expect(try sample(tree.root, "7", [65536, 0, .max, .max - 32767, 1 << 63, (1 << 63) - 4096], 32768) == [1, 8, 7])
    #expect(try sample(tree.root, "7", [], 32768) == [0, 0, 0])
    let small = try tree.root.contentSample(
        of: "7", hugePages: [0], size: .fourKiB, base: #require(PageSize(bytes: 8192)))
    #expect(small == ContentSample())
    let error = try #require(
        fileError { () throws(KernelFileError) in
            try tree.root.contentSample(of: "8", hugePages: [], size: .fourKiB, base: .fourKiB)
        })
    #expect(error.isEnd)
}

/// Of this process: 4 MiB are more than one read, and a page that is gone is left out.
@Test func liveSample() throws {
    let length = 4 << 20
    let address = try #require(mmap(nil, 3 * length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))
    try #require(address != MAP_FAILED)
    munmap(address + length, length)
    defer {
        munmap(address, length)
        munmap(address + 2 * length, length)
    }
    memset(address, 0, length)
    for page in [0, 511, 512, 1023] { (address + page * 4096 + 4088).storeBytes(of: 1, as: UInt64.self) }
    memset(address + 2 * length, 7, length)
    let starts = (0..<3).map { UInt64(UInt(bitPattern: address + $0 * length)) }
    #expect(try sample(.live, "self", starts, UInt64(length)) == [2, 2048, 1020])
    #expect(try sample(.live, "self", [starts[1]], UInt64(length)) == [0, 0, 0])
}
