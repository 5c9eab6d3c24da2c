import Observations
import PageModel

/// Looks for what keeps hugetlb pages that nobody maps, and for who has reserved some: one search over the machine.
struct HolderSearcher: ~Copyable {
    let machine: HugetlbMachine
    let isPassive: Bool
    private(set) var found: HolderSearch
    private(set) var unread: [Unread] = []

    init(_ machine: HugetlbMachine, depth: HolderSearch.Depth, isPassive: Bool) {
        (self.machine, self.isPassive, found) = (machine, isPassive, HolderSearch(depth: depth))
    }

    mutating func search() {}
}
