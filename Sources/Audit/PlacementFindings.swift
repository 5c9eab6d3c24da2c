import Observations
import PageModel

/// The rules that hold the nodes of a process's own memory against those of its CPUs and devices.
struct PlacementFindings {
    let account: ProcessAccount
    /// Its memory by node, without the page cache of files.
    private let memory: [NodeID: [MappingShare]]
    /// Unit: bytes.
    private let memoryBytes: UInt64

    init(account: ProcessAccount) {
        self.account = account
        var memory: [NodeID: [MappingShare]] = [:]
        var all: UInt64 = 0
        for mapping in account.mappings {
            let amounts = mapping.observation.pages.amounts.filter(mapping.observation.isItsOwn)
            all &+= amounts.reduce(0) { $0 &+ $1.bytes }
            for (node, amounts) in Dictionary(grouping: amounts, by: \.node) {
                if let node { memory[node, default: []].append(MappingShare(mapping, amounts)) }
            }
        }
        (self.memory, memoryBytes) = (memory.mapValues(\.ranked), all)
    }

    var findings: [MappedFinding] { remote + devices }

    private var observation: ProcessObservation { account.observation }
    private var pid: PID { observation.pid }

    /// Less is not worth a word. Unit: bytes.
    private var least: UInt64 { observation.transparent.pmdSize?.bytes ?? 2 << 20 }

    // MARK: CPUs

    /// Whether it may not run on some node that has CPUs.
    private var isPinned: Bool {
        let all = observation.nodes.filter { !$0.cpus.isEmpty }.map(\.id)
        return !account.nodesOfAllowedCPUs.isEmpty && account.nodesOfAllowedCPUs != all
    }

    /// The nodes that it runs on.
    private var homes: [NodeID] { isPinned ? account.nodesOfAllowedCPUs : account.nodesOfUsedCPUs }

    private var remote: [MappedFinding] {
        let homes = homes
        guard !homes.isEmpty else { return [] }
        let away = memory.filter { !homes.contains($0.key) }
        let unasked = away.mapValues { shares in shares.filter { !$0.isAskedFor } }
        let isMuch = unasked.values.reduce(0) { $0 &+ $1.bytes } >= max(memoryBytes / 10, 1)
        return away.sorted { $0.key < $1.key }.compactMap { node, shares in
            let rest = unasked[node] ?? []
            if rest.bytes >= least { return remote(node, rest, of: shares, isMuch: isMuch) }
            return shares.bytes >= least ? remote(node, shares, of: shares, isMuch: false) : nil
        }
    }

    /// - Parameters:
    ///   - shares: what the finding is about: what no policy asked for where that is enough, otherwise all.
    ///   - all: what is on that node.
    private func remote(
        _ node: NodeID, _ shares: [MappingShare], of all: [MappingShare], isMuch: Bool
    ) -> MappedFinding {
        let hasCPUs = observation.nodes.contains { $0.id == node && !$0.cpus.isEmpty }
        let isAsked = shares.contains(where: \.isAskedFor)
        let one = shares.ofOneSize
        let whose = isPinned ? "the CPUs that it may run on" : "the CPUs that its threads ran on last"
        let distance = distance(from: homes, to: node)
        let message =
            "\(ByteCount(shares.bytes)) (\(percent(shares.bytes)) of its memory) is on node \(node), "
            + (distance.map { "at distance \($0.distance) from " } ?? "away from ") + "\(whose) (\(homes.named))"
            + (isAsked ? ", as its policies ask" : hasCPUs ? "" : "; node \(node) has no CPUs")
        let finding = Finding(
            .remotePlacement, isPinned && isMuch && hasCPUs && !isAsked ? .warning : .note, node: node,
            pageSize: one?.size, pages: one?.pages, message,
            evidence: [runs] + (distance.map { [$0.evidence] } ?? [])
                + shares.evidence(account.file("pagemap")) { "\(ByteCount($0.bytes)) on node \(node)" }
                + asked(all, besides: shares),
            remedy: remedy(node, isAsked: isAsked))
        return MappedFinding(finding: finding, mappings: shares.mappings)
    }

    private func asked(_ all: [MappingShare], besides shares: [MappingShare]) -> [Evidence] {
        let bytes = all.bytes &- shares.bytes
        return bytes == 0
            ? []
            : [Evidence(.pageTables, account.file("numa_maps"), "\(ByteCount(bytes)) more is there as policies ask")]
    }

    private func percent(_ bytes: UInt64) -> String {
        "\(Int(Double(bytes) / Double(max(memoryBytes, 1)) * 100)) %"
    }

    private var runs: Evidence {
        let range = observation.range
        if isPinned {
            return Evidence(.ledger, account.file("status"), "Cpus_allowed_list is \(NumberList(range.cpusAllowed))")
        }
        let threads = range.cpusLastUsed.values.reduce(0, &+)
        return Evidence(
            .ledger, account.file("task/*/stat"),
            "\(threads) \(threads == 1 ? "thread" : "threads") ran last on CPUs \(NumberList(range.cpusLastUsed.keys))")
    }

    private func remedy(_ node: NodeID, isAsked: Bool) -> String {
        let allowed = observation.range.nodesAllowed
        let targets = homes.filter { allowed.isEmpty || allowed.contains($0) }
        let cpus = observation.nodes.first { $0.id == node }?.cpus ?? []
        let move =
            targets.isEmpty
            ? "Let its cpuset have memory of \(homes.named) (cpuset.mems of its cgroup), then: "
                + "migratepages \(pid) \(node) \(NumberList(homes))"
            : "migratepages \(pid) \(node) \(NumberList(targets))  # moves its memory to its CPUs"
        return (isAsked ? "If that is not meant, change the policy (numactl, mbind(2)); then: " : "") + move
            + (cpus.isEmpty ? "" : "; the other way round: taskset -a -c -p \(NumberList(cpus)) \(pid)")
    }

    // MARK: Devices

    /// Devices whose node has next to none of its memory.
    private var devices: [MappedFinding] {
        let far = Dictionary(grouping: observation.range.devices.filter { $0.node != nil }, by: \.node)
        return far.compactMap { node, devices in node.map { ($0, devices) } }.sorted { $0.0 < $1.0 }
            .compactMap { node, devices in
                let away = memory.filter { $0.key != node && $0.value.bytes > 0 }
                let bytes = away.values.reduce(0) { $0 &+ $1.bytes }
                let near = memory[node]?.bytes ?? 0
                guard near < min(least, bytes / 10), bytes >= least else { return nil }
                let which = near == 0 ? "all" : "all but \(ByteCount(near))"
                return MappedFinding(
                    finding: device(
                        node, devices, "\(which) of the process's memory (\(ByteCount(bytes)))", away.keys.sorted()))
            }
    }

    /// - Parameter memory: how much is on the nodes `memoryNodes`.
    private func device(
        _ node: NodeID, _ devices: [OpenDevice], _ memory: String, _ memoryNodes: [NodeID]
    ) -> Finding {
        let first = devices[0].name.escaped(limit: 60)
        let subject = devices.count == 1 ? "Device \(first) is" : "Device \(first) and \(devices.count - 1) more are"
        let distance = distance(from: memoryNodes, to: node)
        return Finding(
            .remotePlacement, .note, node: node,
            "\(subject) attached to node \(node), and \(memory) is on \(memoryNodes.named)"
                + (distance.map { ", at distance \($0.distance)" } ?? ""),
            evidence: devices.prefix(4).map {
                Evidence(.configuration, $0.path.escaped + "/numa_node", "\($0.name.escaped(limit: 60)): \(node)")
            } + (distance.map { [$0.evidence] } ?? []),
            remedy:
                "migratepages \(pid) \(NumberList(memoryNodes)) \(node)  # moves its memory to the device; started with "
                + "numactl --membind=\(node), it has it there from the beginning")
    }

    /// From the nearest of `nodes`, and the file that says so; nil where the kernel does not tell.
    private func distance(from nodes: [NodeID], to node: NodeID) -> (distance: Int, evidence: Evidence)? {
        guard let column = observation.nodes.firstIndex(where: { $0.id == node }) else { return nil }
        let rows = observation.nodes.filter { nodes.contains($0.id) && column < $0.distances.count }
        return rows.min { $0.distances[column] < $1.distances[column] }.map { row in
            let path = "/sys/devices/system/node/node\(row.id)/distance"
            return (
                row.distances[column],
                Evidence(.libnuma, path, "\(row.distances[column]) from node \(row.id) to node \(node)")
            )
        }
    }
}

extension MappingShare {
    /// Whether the mapping's policy names the node that it is on.
    fileprivate var isAskedFor: Bool {
        guard let policy = mapping.policy, policy.placesOnNodes, let node = amounts.first?.node else { return false }
        return policy.nodes.contains(node)
    }
}
