import TestSupport

extension Scenario {
    /// CPUs, memory and devices on different nodes.
    static let distances = [
        Scenario("remote-cpu", "CPUs on one node and memory on another", on: .distances) { stage in
            try stage.beginFarAway()
            for (cpu, distance) in [(0, 40), (1, 31)] {
                for memory in [Memory.thp, .hugetlb] {
                    let far = try stage.hold(
                        "private --memory \(memory) --cpu \(cpu) --spread \(cpu):2,2:4 --rule default")
                    let told = ProcessTruth.Told.away(memory, node: 2, 4, "warning")?
                        .saying("at distance \(distance) from the CPUs that it may run on (node \(cpu))")
                    try stage.expect(
                        ProcessTruth(
                            stretches: [far.stretch(memory, "default", [cpu: 2, 2: 4])],
                            findings: [told].compactMap { $0 }),
                        of: far)
                    try far.quit()
                }
            }
        },
        Scenario("remote-cpuset", "a cpuset with CPUs of one node and memory of another", on: .distances) { stage in
            try stage.beginFarAway()
            try stage.shell(
                """
                cd /sys/fs/cgroup
                echo +cpuset >cgroup.subtree_control
                mkdir lab
                echo 0 >lab/cpuset.cpus
                echo 2 >lab/cpuset.mems
                """)
            let far = try stage.hold("private --memory thp --pages 4", cgroup: "/sys/fs/cgroup/lab")
            let look = try stage.expect(
                ProcessTruth(
                    stretches: [far.stretch(.thp, "default", [2: 4])],
                    findings: [.away(.thp, node: 2, 4, "warning")?.saying("at distance 40")].compactMap { $0 }),
                of: far)
            stage.expect(look.nodesAllowed == [2], "nodes allowed: \(look.nodesAllowed)")
            let remedy = look.findings.first?.remedy ?? ""
            stage.expect(remedy.contains("cpuset.mems"), "no word of the cpuset: \(remedy)")
        },
        Scenario("remote-memory-only", "memory on a node that has no CPUs") { stage in
            try stage.beginProcesses()
            let pinned = try stage.holdPages(.thp, "--spread 3:4 --rule default")
            try stage.expect(
                ProcessTruth(
                    stretches: [pinned.stretch(.thp, "default", [3: 4])],
                    findings: [.away(.thp, node: 3, 4, "note")?.saying("node 3 has no CPUs")].compactMap { $0 }),
                of: pinned)
            let free = try stage.hold("private --memory hugetlb --spread 3:4 --rule default")
            try stage.expect(
                ProcessTruth(
                    stretches: [free.stretch(.hugetlb, "default", [3: 4])],
                    findings: [.away(.hugetlb, node: 3, 4, "note")?.saying("its threads ran on last")]
                        .compactMap { $0 }),
                of: free)
        },
        Scenario("remote-device", "a device on one node and memory on another", on: .distances) { stage in
            try stage.beginFarAway()
            let port = try stage.shell("find /sys/devices/pci0000:80 -name 'ttyS*' | sed 's:.*/::' | grep .")
            for (node, distance) in [(0, 40), (1, 31)] {
                let holder = try stage.hold(
                    "private --memory thp --cpu \(node) --spread \(node):4 --rule default", open: "/dev/\(port)",
                    startingOn: node)
                let told = ProcessTruth.Told(id: "remote-placement", severity: "note", node: 2).saying(
                    "at distance \(distance)")
                try stage.expect(
                    ProcessTruth(
                        stretches: [holder.stretch(.thp, "default", [node: 4])], findings: [told],
                        devices: ["/dev/\(port) 2"]),
                    of: holder)
                try holder.quit()
            }
            let near = try stage.hold("private --memory thp --spread 0:4,2:1 --rule bind:0,2", open: "/dev/\(port)")
            let look = try stage.look(at: near)
            stage.expect(look.process.devices.map(\.node) == [2], "devices \(look.process.devices)")
            let far = look.process.findings.filter { $0.message.contains("Device") }
            stage.expect(far.isEmpty, "\(far)")
        },
    ]
}

extension Stage {
    /// On a machine of three nodes.
    fileprivate func beginFarAway() throws {
        try beginProcesses(pools: [0: 4, 1: 4, 2: 8])
    }
}
