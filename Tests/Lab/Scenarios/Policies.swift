import TestSupport

extension Scenario {
    /// Policies of memory, and pages where they belong and where they do not. All holders run on node 0.
    static let policies = [
        Scenario("policy-bind", "memory bound to nodes, all of it there", core: true) { stage in
            try stage.beginProcesses()
            for memory in Memory.allCases {
                let bound = try stage.holdPages(memory, "--spread 1:3,2:2 --rule bind:1,2")
                try stage.expect(
                    ProcessTruth(
                        stretches: [bound.stretch(memory, "bind:1-2", [1: 3, 2: 2])],
                        findings: [.asked(memory, node: 1, 3), .asked(memory, node: 2, 2)].compactMap { $0 }),
                    of: bound)
                try bound.quit()
            }
        },
        Scenario("policy-bind-violated", "memory bound to a node, some of it on another", core: true) { stage in
            try stage.beginProcesses()
            for memory in Memory.allCases {
                let bound = try stage.holdPages(memory, "--spread 0:3,1:4,2:2 --rule bind:0")
                let findings: [ProcessTruth.Told?] = [
                    .violated(memory, node: 1, 4), .violated(memory, node: 2, 2),
                    .away(memory, node: 1, 4, "warning"), .away(memory, node: 2, 2, "note"),
                ]
                try stage.expect(
                    ProcessTruth(
                        stretches: [bound.stretch(memory, "bind:0", [0: 3, 1: 4, 2: 2], misplaced: [1: 4, 2: 2])],
                        findings: findings.compactMap { $0 }),
                    of: bound)
                try bound.quit()
            }
        },
        Scenario(
            "policy-interleave", "memory in turn on nodes, and some on none of them; by weights from 6.9 on", core: true
        ) {
            stage in
            try stage.beginProcesses()
            for memory in Memory.allCases {
                let even = try stage.holdPages(memory, "--pages 9 --node 1,2,3 --policy interleave")
                let asked = [1, 2, 3].compactMap { ProcessTruth.Told.asked(memory, node: $0, 3) }
                try stage.expect(
                    ProcessTruth(
                        stretches: [even.stretch(memory, "interleave:1-3", [1: 3, 2: 3, 3: 3])], findings: asked),
                    of: even)
                try even.quit()
            }
            try stage.expectElsewhere("interleave:0,2", "interleave:0,2", isStrict: true)
            guard stage.kernel >= KernelVersion(6, 9) else { return }
            try stage.expectElsewhere("weighted-interleave:0,2", "weighted interleave:0,2", isStrict: true)
        },
        Scenario("policy-preferred", "memory on the nodes that it prefers, and elsewhere", core: true) { stage in
            try stage.beginProcesses()
            let there = try stage.holdPages(.thp, "--spread 2:3 --rule preferred:2")
            try stage.expect(
                ProcessTruth(
                    stretches: [there.stretch(.thp, "prefer:2", [2: 3])],
                    findings: [.asked(.thp, node: 2, 3)].compactMap { $0 }),
                of: there)
            try there.quit()
            try stage.expectElsewhere("preferred:0", "prefer:0", isStrict: false)
            guard stage.kernel >= KernelVersion(5, 15) else { return }
            try stage.expectElsewhere("preferred-many:0,2", "prefer (many):0,2", isStrict: false)
        },
        Scenario("policy-default", "memory without a policy, and with that of its process", core: true) { stage in
            try stage.beginProcesses()
            for (rule, policy) in [("default", "default"), ("local", "local")] {
                let free = try stage.holdPages(.base, "--spread 0:20,1:30,3:10 --rule \(rule)")
                try stage.expect(
                    ProcessTruth(stretches: [free.stretch(.base, policy, [0: 20, 1: 30, 3: 10])]), of: free)
                try free.quit()
            }
            let task = try stage.holdPages(.hugetlb, "--pages 4 --task-rule bind:3")
            // What it had touched before it had the policy is not where that asks.
            let look = try stage.expect(
                ProcessTruth(stretches: [task.stretch(.hugetlb, "bind:3", [3: 4])], findings: nil), of: task)
            let violated = Set(look.findings.filter { $0.id == "policy-violated" }.map(\.node))
            stage.expect(!violated.isEmpty && !violated.contains(3), "violated on \(violated)")
        },
    ]
}

extension Stage {
    /// Pools; transparent huge pages where they are asked for, and none that khugepaged makes of what is at rest.
    func beginProcesses(pools: [Int: UInt64] = [0: 4, 1: 6, 2: 32, 3: 6]) throws {
        try setPools(pools)
        try shell(
            """
            cd /sys/kernel/mm/transparent_hugepage
            echo madvise >enabled
            echo advise >shmem_enabled
            echo 0 >khugepaged/defrag
            """)
    }

    /// A holder of private memory, on the CPU of node 0.
    func holdPages(_ memory: Memory, _ arguments: String) throws -> GuestHolder {
        try hold("private --memory \(memory) --cpu 0 \(arguments)")
    }

    /// Memory of which some is on node 1, which `rule` does not name: told of as `policy` is strict.
    fileprivate func expectElsewhere(
        _ rule: String, _ policy: String, isStrict: Bool, line: Int = #line, file: String = #fileID
    ) throws {
        for memory in Memory.allCases {
            let holder = try holdPages(memory, "--spread 0:4,1:2 --rule \(rule)")
            let told: [ProcessTruth.Told?] = [
                .violated(memory, node: 1, 2, isStrict ? "warning" : "note"), .away(memory, node: 1, 2, "warning"),
            ]
            try expect(
                ProcessTruth(
                    stretches: [holder.stretch(memory, policy, [0: 4, 1: 2], misplaced: [1: 2])],
                    findings: told.compactMap { $0 }),
                of: holder, line: line, file: file)
            try holder.quit()
        }
    }
}

extension GuestHolder {
    /// All that it has mapped at its address, by node in pages.
    func stretch(
        _ memory: Memory, _ policy: String? = nil, _ pages: [Int: UInt64], misplaced: [Int: UInt64] = [:]
    ) -> Stretch {
        let bytes = pages.values.reduce(0, +) * memory.pageSize
        return Stretch(
            addresses: address..<address + bytes, policy: policy, pages: memory.pages(pages),
            misplaced: misplaced.mapValues { $0 * memory.pageSize })
    }
}

extension ProcessTruth.Told {
    /// On a node that the policy does not name.
    static func violated(_ memory: Memory, node: Int, _ pages: UInt64, _ severity: String = "warning") -> Self {
        Self(id: "policy-violated", severity: severity, node: node, pages: pages, pageSize: memory.pageSize)
    }

    /// Away from the CPUs, and no policy asked for it; nil where it is not worth a word.
    static func away(_ memory: Memory, node: Int, _ pages: UInt64, _ severity: String) -> Self? {
        guard pages * memory.pageSize >= twoMiB else { return nil }
        return Self(
            id: "remote-placement", severity: severity, node: node, pages: pages, pageSize: memory.pageSize,
            mayBeMore: true)
    }

    /// The same as a policy asked for.
    static func asked(_ memory: Memory, node: Int, _ pages: UInt64) -> Self? {
        away(memory, node: node, pages, "note")?.saying("as its policies ask")
    }
}
