public import Observations
import PageModel

extension ProcessMachine {
    /// The counters of each node and size of hugetlb. Without those that could not be read.
    public var pools: [Pool: NodeHugepages] {
        var unread: [Unread] = []
        let memoryless = Set(nodes.filter { $0.memoryBytes == 0 }.map(\.id))
        return root.ledger(
            sizes: hugetlbSizes, nodes: topology.nodeIDs, memoryless: memoryless, base: base, unread: &unread
        ).nodes
    }
}
