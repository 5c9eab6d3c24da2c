import Audit
import Observations
import PageModel

/// The table of holders in the audit for a person.
struct HolderTable {
    let groups: [HolderGroup]
    let search: HolderSearch?
    /// How many rows it may have.
    let limit: Int

    private static let longestName = 60
    private static let mostProcesses = 3

    /// Nothing where there are no holders.
    var lines: [String] {
        guard !groups.isEmpty else { return [] }
        var table = TextTable([
            ("HOLDER", .left), ("MEMORY", .right), ("WHERE", .left), ("HELD BY", .left), ("NAME", .left),
        ])
        for group in groups.prefix(limit) {
            table.add([group.kind.rawValue, "\(ByteCount(group.bytes))", place(group), people(group), name(group)])
        }
        let more = groups.count - limit
        return [table.text] + (more > 0 ? ["and \(more) more: --format json lists all"] : [])
    }

    private func place(_ group: HolderGroup) -> String {
        guard let nodes = group.nodes else { return "\(group.pages) x \(group.size)" }
        return nodes.map { "node \($0.node.map { "\($0)" } ?? "?"): \($0.pages) x \($0.size)" }.joined(separator: ", ")
    }

    private func people(_ group: HolderGroup) -> String {
        guard !group.processes.isEmpty else { return group.holders[0].isSuspected ? "?" : "nobody" }
        let shown = group.processes.prefix(Self.mostProcesses).map { pid in
            guard let identity = search?.identities[pid] else { return "\(pid)" }
            let owner = CgroupOwner(of: identity.cgroup).description
            return "\(pid) \(identity.name.escaped(limit: 20))" + (owner.isEmpty ? "" : " in \(owner)")
        }
        let more = group.processes.count - shown.count
        return shown.joined(separator: ", ") + (more > 0 ? " and \(more) more" : "")
            + (group.holders[0].isSuspected ? "?" : "")
    }

    private func name(_ group: HolderGroup) -> String {
        let name = group.name.escaped(limit: Self.longestName)
        return group.holders.count == 1 ? name : "\(name) (\(group.holders.count))"
    }
}
