import TestSupport

extension Topology {
    /// Node 2 is farther away than node 1, and a PCI bus is on it with a serial port.
    static let distances = Topology(
        "3 × 512 MiB", memory: [512, 512, 512],
        distances: [
            .init(from: 0, to: 1, value: 20), .init(from: 0, to: 2, value: 40), .init(from: 1, to: 2, value: 31),
        ],
        devices: ["pxb,id=far,bus=pci.0,bus_nr=128,numa_node=2", "pci-serial,bus=far,addr=1,chardev=nothing"])
}

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
        // So many that some of node 1 lie in a block that it shares.
        seeing(
            "boundary", "node boundaries in the middle of memory blocks of 128 MiB",
            Topology("576, 512, 480 MiB", memory: [576, 512, 480]), core: true, pages: [0: 100, 1: 200, 2: 160],
            proof: "ls -d /sys/devices/system/memory/memory*/node[0-9]* | cut -d/ -f6 | sort | uniq -d | grep ."),
        seeing(
            "hole", "more than 4 GiB, and the hole below 4 GiB within node 1",
            Topology("2048, 2048, 1536 MiB", memory: [2048, 2048, 1536]),
            proof: """
                awk '/^Node/ { zone = $2 $4 } $1 == "present" && $2 > 0 { has[zone] }
                    END { exit !("1,DMA32" in has && "1,Normal" in has) }' /proc/zoneinfo
                """),
        seeing(
            "distances", "distances that differ",
            .distances,
            proof: """
                cd /sys/devices/system/node && [ "$(cat node*/distance)" = "10 20 40
                20 10 31
                40 31 10" ]
                """),
        seeing(
            "free-vmemmap", "huge pages whose tail descriptors the kernel has given back",
            Topology("4 × 512 MiB", memory: [512, 512, 512, 512], arguments: "hugetlb_free_vmemmap=on"), core: true,
            since: KernelVersion(5, 19), proof: "grep 1 /proc/sys/vm/hugetlb_optimize_vmemmap"),
        seeing(
            "thp-always", "transparent huge pages everywhere, which are no hugetlb pages",
            Topology("2 × 512 MiB", memory: [512, 512], arguments: "transparent_hugepage=always"),
            beside: "thp --pages 8",
            proof: "[ $(awk '/AnonHugePages/ { print $2 }' /proc/$(pidof holder)/smaps_rollup) -ge 16384 ]"),
    ]

    /// - Parameters:
    ///   - pages: how many are used on each node; some where nothing is said.
    ///   - since: older kernels have no such machine.
    ///   - other: a holder of something that is no concern of the pools.
    ///   - proof: what succeeds in a guest that is such a machine.
    private static func seeing(
        _ name: String, _ what: String, _ topology: Topology, core: Bool = false, pages: [Int: UInt64]? = nil,
        since: KernelVersion? = nil, beside other: String? = nil, proof: String? = nil
    ) -> Scenario {
        let nodes = topology.nodes.filter { $0.memory > 0 }.map(\.id)
        let pages = pages ?? Dictionary(uniqueKeysWithValues: nodes.map { ($0, UInt64(30 + $0)) })
        let spread = pages.sorted { $0.key < $1.key }.map { "\($0):\($1)" }.joined(separator: ",")
        return Scenario("topology-" + name, what, on: topology, core: core, since: since) { stage in
            try stage.expectNodesOfKernel()
            try stage.setPools(pages.mapValues { $0 + 8 })
            let beside = try other.map { try stage.hold($0) }
            if let proof { try stage.shell(proof) }
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
                bytes=$(awk '/MemTotal/ { print $4 * 1024 }' $node/meminfo)
                echo "${node#node}|$(cat $node/cpulist)|$(cat $node/distance)|$bytes"
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
