import TestSupport

extension Scenario {
    /// Machines of other shapes: the audit must see their nodes as the kernel does, and pages where they are.
    static let topologies = [
        seeing("unequal", "nodes of unequal size", Topology("1024, 256, 512, 320 MiB", memory: [1024, 256, 512, 320])),
        seeing(
            "memoryless", "a node that has CPUs and no memory",
            Topology("512, 0, 512 MiB", memory: [512, 0, 512]), core: true),
        seeing(
            "cpuless", "nodes that have memory and no CPU",
            Topology("3 × 512 MiB, CPUs on node 0", memory: [512, 512, 512], cpus: [2, 0, 0]), core: true),
        seeing(
            "gap", "no node 2",
            Topology("512, 512, none, 512 MiB", memory: [512, 512, 0, 512], cpus: [1, 1, 0, 0], gaps: [2]), core: true),
        seeing(
            "eight", "eight nodes",
            Topology("8 × 256 MiB", memory: Array(repeating: 256, count: 8), cpus: [1, 1, 0, 0, 0, 0, 0, 0])),
        seeing(
            "boundary", "node boundaries in the middle of memory blocks of 128 MiB",
            Topology("576, 512, 480 MiB", memory: [576, 512, 480]), core: true),
        seeing(
            "hole", "more than 4 GiB, and the hole below 4 GiB",
            Topology("3072, 2048, 512 MiB", memory: [3072, 2048, 512])),
        seeing(
            "distances", "distances that differ",
            Topology(
                "3 × 512 MiB", memory: [512, 512, 512],
                distances: [
                    .init(from: 0, to: 1, value: 20), .init(from: 0, to: 2, value: 40),
                    .init(from: 1, to: 2, value: 31),
                ])),
        seeing(
            "free-vmemmap", "huge pages whose tail descriptors the kernel has given back",
            Topology("4 × 512 MiB", memory: [512, 512, 512, 512], arguments: "hugetlb_free_vmemmap=on"), core: true),
        seeing(
            "thp-always", "transparent huge pages everywhere, which are no hugetlb pages",
            Topology("2 × 512 MiB", memory: [512, 512], arguments: "transparent_hugepage=always"),
            beside: "thp --pages 8"),
    ]

    /// - Parameter other: a holder of something that is no concern of the pools.
    private static func seeing(
        _ name: String, _ what: String, _ topology: Topology, core: Bool = false, beside other: String? = nil
    ) -> Scenario {
        Scenario("topology-" + name, what, on: topology, core: core) { stage in
            try stage.expectNodesOfKernel()
            let nodes = topology.nodes.filter { $0.memory > 0 }.map(\.id)
            // As many as bring pages to both ends of each node.
            try stage.setPools(Dictionary(uniqueKeysWithValues: nodes.map { ($0, 40) }))
            let pages = Dictionary(uniqueKeysWithValues: nodes.map { ($0, UInt64(30 + $0)) })
            let spread = pages.sorted { $0.key < $1.key }.map { "\($0):\($1)" }.joined(separator: ",")
            let beside = try other.map { try stage.hold($0) }
            let mapping = try stage.hold("private --spread \(spread)")
            try stage.expect(.mapped(pages, by: mapping.pid))
            try mapping.quit()
            let memfd = try stage.hold("memfd --spread \(spread)")
            try memfd.step()
            try stage.expect(.held(.memfd(pages, open: [memfd.pid])))
            try beside?.quit()
        }
    }
}

extension Stage {
    /// `nodes[]` is what the kernel says of its nodes.
    fileprivate func expectNodesOfKernel(line: Int = #line, file: String = #fileID) throws {
        let kernel = try shell(
            """
            cd /sys/devices/system/node
            for node in $(ls -d node[0-9]* | sort -V); do
                echo "${node#node}|$(cat $node/cpulist)|$(cat $node/distance)|$(awk '/MemTotal/ { print $4 * 1024 }' $node/meminfo)"
            done
            """)
        let nodes = try audit().report.nodes
        let told = nodes.map { node in
            "\(node.node)|\(node.cpus)|\(node.distances.map(String.init).joined(separator: " "))|\(node.memoryBytes)"
        }
        expect(told.joined(separator: "\n") == kernel, "nodes \(told), by the kernel \(kernel)", line: line, file: file)
        let present = guest.topology.present.map(\.id)
        expect(nodes.map(\.node) == present, "nodes \(nodes.map(\.node)), in truth \(present)", line: line, file: file)
    }
}
