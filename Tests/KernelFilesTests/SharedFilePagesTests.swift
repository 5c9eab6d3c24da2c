import Observations
import PageModel
import TestSupport
import Testing

@testable import KernelFiles

private let size = PageSize(bytes: 2 << 20)!

private func mapping(_ line: String) throws -> Mapping {
    try Mapping(parsing: TextLine(bytes(line)[...], number: 1))
}

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

/// What two mappings must have in common to be of one file: a System V id means something within its IPC namespace only.
@Test func identityOfSharedFiles() throws {
    let file = try mapping("7f0000000000-7f0000400000 rw-s 00000000 00:0f 7 /memfd:a (deleted)")
    let again = try mapping("7e0000000000-7e0000200000 r--s 00200000 00:0f 7 /memfd:a (deleted)")
    let other = try mapping("7f0000000000-7f0000400000 rw-s 00000000 00:0f 8 /memfd:a (deleted)")
    let elsewhere = try mapping("7f0000000000-7f0000400000 rw-s 00000000 00:10 7 /memfd:a (deleted)")
    let segment = try mapping("7f0000000000-7f0000400000 rw-s 00000000 00:0f 0 /SYSV00000000 (deleted)")
    func identity(_ mapping: Mapping, _ namespace: UInt64? = nil) -> HugetlbFile.Identity? {
        HugetlbFile.Identity(mapping) { namespace }
    }
    #expect(identity(file) != nil)
    #expect(identity(file) == identity(again))
    #expect(identity(file) != identity(other))
    #expect(identity(file) != identity(elsewhere))
    #expect(identity(segment) == nil)
    #expect(identity(segment, 1) == identity(segment, 1))
    #expect(identity(segment, 1) != identity(segment, 2))
}
