import KernelFiles
import Testing

@testable import KernelFiles

private let counters: [([String: UInt64], Int64?)] = [
    (["nr_foll_pin_acquired": 1024, "nr_foll_pin_released": 1022], 2),
    (["nr_foll_pin_acquired": 0, "nr_foll_pin_released": 0], 0),
    (["nr_foll_pin_acquired": 3, "nr_foll_pin_released": 5], -2),  // not yet added up
    (["nr_foll_pin_acquired": 1, "nr_foll_pin_released": .max], 2),  // the counter went round
    (["nr_foll_pin_acquired": 1], nil),
    (["nr_free_pages": 1], nil),
]

@Test(arguments: counters) func pinsThatLast(counters: [String: UInt64], pins: Int64?) {
    #expect(longTermPins(in: counters) == pins)
}

@Test func vmstatOfMachine() throws {
    let text = "nr_free_pages 119839\nnr_foll_pin_acquired 512\nnr_foll_pin_released 511\nunstable_pages 0\n"
    let tree = try ScratchTree(["proc/vmstat": bytes(text)])
    #expect(try longTermPins(in: tree.root.vmstat()) == 1)
    #expect(try KernelRoot.live.vmstat()["nr_free_pages"] ?? 0 > 0)
}
