internal import CNuma
import Observations
import PageModel
import SystemPackage

/// What libnuma says of the running machine. Source: numa(3), move_pages(2).
struct Libnuma: Sendable {
    /// Nil where `numa_available` is negative: a kernel without NUMA.
    init?() {
        guard numa_available() >= 0 else { return nil }
    }

    /// The CPUs that this process may run on, at least 1.
    var allowedCPUs: Int { max(1, Int(numa_num_task_cpus())) }

    /// The nodes of the machine, ascending: those without memory or without CPUs, too.
    func nodes() -> [NodeObservation] {
        let allowed = numa_get_mems_allowed()
        let mask = numa_allocate_cpumask()
        defer {
            numa_bitmask_free(allowed)
            numa_bitmask_free(mask)
        }
        var sizes: [(node: Int32, total: Int64, free: Int64)] = []
        for node in 0...max(0, numa_max_node()) {
            var free: Int64 = 0
            let total = numa_node_size64(node, &free)
            if total >= 0 { sizes.append((node, total, free)) }
        }
        return sizes.map { node, total, free in
            numa_bitmask_clearall(mask)
            let isKnown = numa_node_to_cpus(node, mask) == 0
            let cpus = (0..<UInt32(mask?.pointee.size ?? 0)).filter { isKnown && numa_bitmask_isbitset(mask, $0) != 0 }
            return NodeObservation(
                id: NodeID(Int(node)), memoryBytes: UInt64(total), freeBytes: UInt64(max(0, free)),
                cpus: cpus.map { Int($0) }, distances: sizes.map { Int(numa_distance(node, $0.node)) },
                isAllowed: numa_bitmask_isbitset(allowed, UInt32(node)) != 0)
        }
    }

    /// The node of each page that `process` maps at `addresses`, by `numa_move_pages` with no target: nothing moves and
    /// nothing is faulted in. Nil for one that is not there. Throws ESRCH, EPERM or ENOSYS for the whole call.
    func nodes(of addresses: [UInt64], in process: PID) throws(Errno) -> [NodeID?] {
        var pages = addresses.map { UnsafeMutableRawPointer(bitPattern: UInt($0)) }
        var status = [Int32](repeating: 0, count: pages.count)
        let answer = numa_move_pages(process.rawValue, UInt(pages.count), &pages, nil, &status, 0)
        guard answer >= 0 else { throw Errno.last }
        return status.map { $0 >= 0 ? NodeID(Int($0)) : nil }
    }
}
