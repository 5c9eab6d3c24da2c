import Observations
public import PageModel

/// What a report is limited to; nil where it is not limited in that respect.
public struct Scope: Hashable, Sendable {
    public var nodes: Set<NodeID>?
    public var sizes: Set<PageSize>?
    /// Limits the list of processes only: pools are everybody's.
    public var processes: Set<PID>?

    public init(nodes: Set<NodeID>? = nil, sizes: Set<PageSize>? = nil, processes: Set<PID>? = nil) {
        (self.nodes, self.sizes, self.processes) = (nodes, sizes, processes)
    }

    func includes(node: NodeID?) -> Bool { node.flatMap { nodes?.contains($0) } ?? true }
    func includes(size: PageSize?) -> Bool { size.flatMap { sizes?.contains($0) } ?? true }
    func includes(_ finding: Finding) -> Bool { includes(node: finding.node) && includes(size: finding.pageSize) }
    func includes(_ balance: HugetlbBalance) -> Bool {
        includes(node: balance.pool.node) && includes(size: balance.pool.size)
    }

    /// The holder with its pages that are meant, all of them where their nodes are not known; nil where none is meant.
    func limited(_ holder: Holder) -> Holder? {
        guard includes(size: holder.size) else { return nil }
        guard let nodes = holder.nodes, self.nodes != nil else { return holder }
        let meant = nodes.filter { includes(node: $0.node) }
        return meant.isEmpty ? nil : holder.keeping(meant.total, on: meant)
    }

    /// The process with the placements that are meant; nil where none of them is.
    func limited(_ process: HugetlbProcess) -> HugetlbProcess? {
        guard processes.map({ !$0.isDisjoint(with: [process.pid] + process.siblings) }) ?? true else { return nil }
        var process = process
        let wasEmpty = process.placements.isEmpty
        process.placements.removeAll { !includes(node: $0.node) || !includes(size: $0.size) }
        return process.placements.isEmpty && !wasEmpty ? nil : process
    }
}
