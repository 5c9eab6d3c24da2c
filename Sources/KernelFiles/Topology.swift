import Glibc
import Observations
import PageModel

/// Which machine it is, its nodes, and which frame lies on which of them: what every command reads first.
struct Topology: Sendable {
    let root: KernelRoot
    let host: HostObservation
    /// Ascending.
    let nodes: [NodeObservation]
    /// Those that sysfs names; empty on a kernel without NUMA.
    let nodeIDs: [NodeID]
    let map: NodeMap
    /// Nil in a saved tree, and on a kernel without NUMA.
    let libnuma: Libnuma?
    let users: [UInt32: ForeignText]
    /// What of all this could not be read.
    let unread: [Unread]
    /// Unit: seconds since 1970, UTC.
    let started: Double
    private let clock: ContinuousClock.Instant

    init(_ root: KernelRoot) {
        (clock, started) = (.now, Double(time(nil)))
        var unread: [Unread] = []
        var ids: [NodeID] = []
        var zones: Zoneinfo?
        unread.collect(.topology, "the nodes") { () throws(KernelFileError) in ids = try root.nodeIDs() }
        unread.collect(.topology, "the zones, which place frames on nodes") { () throws(KernelFileError) in
            zones = try root.zoneinfo()
        }
        host = root.host(zones: zones)
        libnuma = root.isLive ? Libnuma() : nil
        if root.isLive, libnuma == nil, !ids.isEmpty {
            unread.append(.libnuma(reason: "numa_available() is negative"))
        }
        var nodes = libnuma?.nodes() ?? []
        if libnuma == nil {
            for id in ids {
                unread.collect(.topology, "node \(id)") { () throws(KernelFileError) in nodes.append(try root.node(id))
                }
            }
        }
        if ids.isEmpty, nodes.isEmpty {
            unread.collect(.topology, "the machine's memory and CPUs") { () throws(KernelFileError) in
                nodes = [try root.onlyNode()]
            }
        }
        var map = NodeMap(blocks: [], zones: zones?.spans ?? [])
        let base = host.basePageSize
        unread.collect(.topology, "the memory blocks, which place frames on nodes") { () throws(KernelFileError) in
            map = try root.nodeMap(of: ids, base: base, zones: zones?.spans ?? [])
        }
        (self.root, self.nodes, self.map, self.unread) = (root, nodes, map, unread)
        (users, nodeIDs) = (root.userNames(), ids)
    }

    /// Since this was read.
    var secondsIn: Double { clock.duration(to: .now).inSeconds }
}

extension Duration {
    var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}
