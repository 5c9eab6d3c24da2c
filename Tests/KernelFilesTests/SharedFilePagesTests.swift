import Observations
import PageModel
import TestSupport
import Testing

@testable import KernelFiles

private let size = PageSize(bytes: 2 << 20)!

/// A file of 64 pages, told page by page in random order, against a plain table of its pages.
@Test(arguments: UInt64(0)..<100) func pagesAreThoseOfATable(seed: UInt64) {
    var dice = Dice(seed: seed)
    var file = SharedFilePages(size: size)
    var table: [UInt64: NodeID?] = [:]
    for _ in 0..<dice.upTo(96) {
        let page = UInt64(dice.upTo(63))
        let node = dice.upTo(8) == 0 ? nil : NodeID(dice.upTo(2))
        file.add(page * size.bytes, on: node)
        if table[page] == nil { table[page] = .some(node) }
    }
    for _ in 0..<20 {
        let first = UInt64(dice.upTo(63))
        let end = first + UInt64(dice.upTo(Int(64 - first)))
        let found = file.look(in: first * size.bytes..<end * size.bytes)
        var expected: [NodeID?: UInt64] = [:]
        for page in first..<end { if let node = table[page] { expected[node, default: 0] += 1 } }
        #expect(found.pages == expected)
        let unknown = found.unknown.flatMap { $0.lowerBound / size.bytes..<$0.upperBound / size.bytes }
        #expect(unknown == (first..<end).filter { table[$0] == nil })
    }
}
