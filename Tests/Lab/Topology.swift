/// The machine that a guest is: its nodes, their memory, CPUs and distances, and what its kernel is told.
struct Topology: Hashable, Sendable {
    struct Node: Hashable, Sendable {
        let id: Int
        /// Unit: MiB; 0 for a node without memory.
        let memory: Int
        /// How many CPUs it has. Together at least one.
        let cpus: Int
        /// A CPU that could be plugged in, and no memory: QEMU wants ids without gaps, and the kernel sees none of it.
        let isGap: Bool
    }

    /// A word for the table and the console.
    let name: String
    let nodes: [Node]
    var distances: [Distance] = []
    /// Further words of the kernel's command line.
    var arguments = ""
    /// What else is plugged in, as `-device` has it; character device `nothing` swallows all.
    var devices: [String] = []

    struct Distance: Hashable, Sendable {
        let from: Int
        let to: Int
        let value: Int
    }

    /// - Parameters:
    ///   - memory: MiB of each node, from node 0 on.
    ///   - cpus: of each node; one each where nothing is said.
    ///   - gaps: ids that no node has; their memory is 0.
    init(
        _ name: String, memory: [Int], cpus: [Int]? = nil, gaps: Set<Int> = [], distances: [Distance] = [],
        arguments: String = "", devices: [String] = []
    ) {
        self.name = name
        nodes = memory.enumerated().map { id, memory in
            Node(id: id, memory: memory, cpus: gaps.contains(id) ? 0 : cpus?[id] ?? 1, isGap: gaps.contains(id))
        }
        (self.distances, self.arguments, self.devices) = (distances, arguments, devices)
    }

    /// Those that the kernel has.
    var present: [Node] { nodes.filter { !$0.isGap } }

    /// What makes QEMU such a machine.
    var options: [String] {
        let cpus = nodes.reduce(0) { $0 + $1.cpus }
        let sockets = cpus + nodes.filter(\.isGap).count
        var options = [
            "-m", "\(nodes.reduce(0) { $0 + $1.memory })M",
            "-smp", "cpus=\(cpus),maxcpus=\(sockets),sockets=\(sockets),cores=1,threads=1",
        ]
        for node in nodes {
            if node.memory > 0 {
                options += ["-object", "memory-backend-ram,id=memory\(node.id),size=\(node.memory)M"]
            }
            options += ["-numa", "node,nodeid=\(node.id)" + (node.memory > 0 ? ",memdev=memory\(node.id)" : "")]
        }
        // The sockets that are there come first, then those that could be plugged in. The kernel numbers its nodes as it
        // meets them, CPUs before memory: nodes that have CPUs come before gaps and before nodes that have none.
        let owners = nodes.flatMap { Array(repeating: $0.id, count: $0.cpus) } + nodes.filter(\.isGap).map(\.id)
        for (socket, node) in owners.enumerated() { options += ["-numa", "cpu,node-id=\(node),socket-id=\(socket)"] }
        if !devices.isEmpty { options += ["-chardev", "null,id=nothing"] }
        for device in devices { options += ["-device", device] }
        for distance in distances {
            options += ["-numa", "dist,src=\(distance.from),dst=\(distance.to),val=\(distance.value)"]
        }
        return options
    }
}
