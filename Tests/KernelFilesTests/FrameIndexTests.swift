import Observations
import PageModel
import Testing

@testable import KernelFiles

/// Places of two populated ranges with a hole between them, the second far up as on a many-socket machine.
private let index = FrameIndex(populated: [0x200..<0x1000, 1 << 38..<(1 << 38) + 0x800], step: 0x200)

private let places: [(UInt64, Int?)] = [
    (0, nil), (0x1ff, nil), (0x200, 0), (0x3ff, 0), (0x400, 1), (0xfff, 6), (0x1000, nil), (1 << 38 - 1, nil),
    (1 << 38, 7), (1 << 38 + 0x200, 8), ((1 << 38) + 0x7ff, 10), ((1 << 38) + 0x800, nil), (.max, nil),
]

@Test(arguments: places) func placeOfFrame(frame: UInt64, place: Int?) {
    #expect(index[PFN(frame)] == place)
}

/// Ranges that begin or end between two places, as zones do: every place has a number of its own, without gaps.
@Test func everyPlaceHasItsOwnNumber() {
    let ranges: [Range<UInt64>] = [1..<0x300, 0x300..<0x900, 0x1001..<0x1002]
    let index = FrameIndex(populated: ranges, step: 0x200)
    let numbers = ranges.flatMap { range in Set(range.compactMap { index[PFN($0)] }).sorted() }
    #expect(numbers == Array(0..<numbers.count))
}

/// A mapping of a saved tree whose offset leaves no room for its end: looked at without a trap, and not taken for hugetlb.
@Test func extremeOffsetIsNoTrap() throws {
    let maps = "7f0000000000-7f0040000000 rw-s ffffffffc0000000 00:0f 7 /dev/hugepages/x\n"
    let tree = try ScratchTree([
        "sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages": bytes("0\n"),
        "proc/7/status": bytes("Name:\tx\nHugetlbPages:\t2048 kB\n"), "proc/7/maps": bytes(maps),
        "proc/7/pagemap": [], "proc/zoneinfo": bytes("Node 0, zone Normal\n spanned 4096\n start_pfn: 0\n"),
    ])
    let observation = try HugetlbMachine(tree.root).observe { _ in nil }
    #expect(observation.passes[0].walk.processes.isEmpty)
}
