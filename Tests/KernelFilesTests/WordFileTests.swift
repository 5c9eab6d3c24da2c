import KernelFiles
import PageModel
import SystemPackage
import Testing

@testable import KernelFiles

/// What is read of a file of `size` bytes, whose word N is N, from word `first` on.
private let reads: [(Int, UInt64, Int, [UInt64])] = [
    (0, 0, 4, []),
    (7, 0, 4, []),  // not one whole word
    (8, 0, 4, [0]),
    (15, 0, 4, [0]),  // the rest is no word
    (32, 0, 4, [0, 1, 2, 3]),
    (32, 2, 4, [2, 3]),  // fewer only where the file ends
    (29, 2, 4, [2]),
    (32, 4, 4, []),
    (32, 1 << 40, 4, []),
    (32, 1 << 60, 1, []),  // no file offset is that large
    (32, .max, 1, []),
    (32, 0, 0, []),
    (800_000, 90_000, 20_000, Array(90_000..<100_000)),
]

@Test(arguments: reads) func readWords(size: Int, first: UInt64, count: Int, words: [UInt64]) throws {
    let content = bytes(words: Array(0..<UInt64(size + 7) / 8)).prefix(size)
    let tree = try ScratchTree(["proc/kpageflags": Array(content)])
    let file = try tree.root.kpageflags()
    var buffer = [UInt64](repeating: 42, count: count)
    var span = buffer.mutableSpan
    #expect(try file.read(at: first, into: &span) == words.count)
    #expect(Array(buffer.prefix(words.count)) == words)
}

private let single: [(UInt64, UInt64?)] = [
    (0, 0), (3, 3), (4, nil), (1 << 52, nil), (1 << 59, nil), (1 << 60 - 1, nil), (1 << 60, nil), (.max, nil),
]

@Test(arguments: single) func readWord(index: UInt64, word: UInt64?) throws {
    let tree = try ScratchTree(["proc/kpagecount": bytes(words: [0, 1, 2, 3])])
    #expect(try tree.root.kpagecount().word(at: index) == word)
}

@Test func errorNamesWordAndPath() throws {
    let tree = try ScratchTree(folders: ["proc/kpageflags"])
    let error = try #require(
        fileError { () throws(KernelFileError) in try tree.root.kpageflags().word(at: 5) })
    #expect(error.problem == .system(action: "read word 5 on of", .isDirectory))
    #expect(error.path == tree.root.path("proc/kpageflags"))
}

/// The kernel answers EINVAL to any offset or length that is no multiple of 8, so none may be asked for.
@Test(arguments: [1, 7, 512, 100_000]) func liveWordsPastTheEnd(count: Int) throws {
    let file = try KernelRoot.live.pagemap(of: "self")
    var buffer = [UInt64](repeating: 0, count: count)
    var span = buffer.mutableSpan
    #expect(try file.read(at: 0, into: &span) == count)
    for first in [UInt64(1) << 50, 1 << 60 - 1, 1 << 60, .max] {
        #expect(try file.read(at: first, into: &span) == 0, "word \(first)")
    }
}

@Test func liveWordsAcrossTheEnd() throws {
    let file: WordFile
    do { file = try KernelRoot.live.kpageflags() } catch { return }  // needs root
    var low: UInt64 = 0
    var high = PFN.most
    while high - low > 1 {
        let middle = low + (high - low) / 2
        if try file.word(at: middle) == nil { high = middle } else { low = middle }
    }
    var buffer = [UInt64](repeating: 0, count: 1000)
    var span = buffer.mutableSpan
    #expect(try file.read(at: high - 10, into: &span) == 10)
    #expect(try file.read(at: high, into: &span) == 0)
}
