import TestSupport

extension Scenario {
    /// On which nodes pages are, and where they go.
    static let placement = [
        Scenario("three-nodes", "one process with pages on three nodes", core: true) { stage in
            let holder = try stage.holdMemory("private --spread 1:2,2:3,3:4")
            try stage.expect(.mapped([1: 2, 2: 3, 3: 4], by: holder.pid))
        },
        Scenario("bind-policy", "mbind to one node") { stage in
            let holder = try stage.holdMemory("private --pages 5 --node 1 --policy bind")
            try stage.expect(.mapped([1: 5], by: holder.pid))
        },
        Scenario("interleave-policy", "mbind in turn over three nodes") { stage in
            let holder = try stage.holdMemory("private --pages 9 --node 1,2,3 --policy interleave")
            try stage.expect(.mapped([1: 3, 2: 3, 3: 3], by: holder.pid))
        },
        Scenario("preferred-policy", "mbind to a node whose pool is too small: the rest comes from elsewhere") {
            stage in
            try stage.setPools([0: 0, 1: 4, 2: 0, 3: 8])
            let holder = try stage.hold("private --pages 6 --node 1 --policy preferred")
            try stage.expect(.mapped([1: 4, 3: 2], by: holder.pid))
        },
        Scenario("migrate", "pages that move from node to node while their process runs", core: true) { stage in
            let holder = try stage.holdMemory("migrate --pages 4 --node 2,1,3")
            try stage.expect(.mapped([2: 4], by: holder.pid))
            for node in [1, 3, 2] {
                try holder.step()
                try stage.expect(.mapped([node: 4], by: holder.pid))
            }
        },
        Scenario("migrating", "audits while pages move without a rest") { stage in
            try stage.begin()
            let holder = try stage.hold("migrating --pages 4 --node 2,1,3")
            for _ in 0..<4 { try stage.expectHonest(stage.audit()) }
            try holder.quit()
        },
    ]

    /// Pages of both sizes. Kernels before 5.16 do not know the request per node, and get theirs at run time.
    static let gigantic = [
        Scenario(
            "both-sizes", "one process with pages of 2 MiB and of 1 GiB on three nodes", on: .giantNodes, core: true
        ) {
            stage in
            try stage.setPools([0: 4, 1: 4, 2: 8, 3: 4])
            try stage.setGiants()
            let holder = try stage.hold("sizes --spread 1:2,2:3,3:1 --giants 1,2,3")
            try stage.expect(
                .mapped([1: 2, 2: 3, 3: 1], by: holder.pid),
                Truth(pageSize: oneGiB, mapped: [1: 1, 2: 1, 3: 1], processes: [holder.pid: [1: 1, 2: 1, 3: 1]]))
        },
        giant("memfd", "a memfd of 1 GiB that nobody maps", core: true, steps: 1) { .memfd([3: 1], open: [$0.pid]) },
        giant("orphan", "a file of 1 GiB that nobody has open", steps: 2) { _ in .file("/huge/data", [3: 1]) },
        giant("sysv", "a segment of 1 GiB to which nobody is attached", steps: 1) { .segment($0.segment, [3: 1]) },
        giant("inflight", "a memfd of 1 GiB under way over a socket", steps: 1) { .socket([3: 1], to: $0.child) },
        giant("iouring", "a page of 1 GiB registered with io_uring", steps: 1) { .ring([3: 1], of: $0.pid) },
    ]

    private static func giant(
        _ kind: String, _ what: String, core: Bool = false, steps: Int, held: @escaping @Sendable (GuestHolder) -> Held
    ) -> Scenario {
        Scenario("giant-" + kind, what, on: .giantNodes, core: core) { stage in
            try stage.setGiants()
            if kind == "orphan" { try stage.mount("pagesize=1G") }
            let holder = try stage.hold(
                "\(kind) --size \(oneGiB) --pages 1 --node 3" + (kind == "orphan" ? " --path /huge/data" : ""))
            try stage.expect(Truth(pageSize: oneGiB, mapped: [3: 1], processes: [holder.pid: [3: 1]]))
            try holder.step(steps)
            try stage.expect(Truth(pageSize: oneGiB, held: [held(holder)]), passive: true)
        }
    }
}

extension Topology {
    /// A page of 1 GiB on each node but the first, asked for at boot.
    static let giantNodes = Topology(
        "4 nodes, 512 and 3 × 2560 MiB", memory: [512, 2560, 2560, 2560], cpus: [1, 1, 0, 0],
        arguments: "hugepagesz=1G hugepages=1:1,2:1,3:1")
}

extension Stage {
    /// A page of 1 GiB on each node but the first, now if not at boot.
    fileprivate func setGiants() throws {
        try setPools([1: 1, 2: 1, 3: 1], of: oneGiB)
        let got = try shell("cat /sys/devices/system/node/node[123]/hugepages/hugepages-1048576kB/nr_hugepages")
        if got != "1\n1\n1" { throw Skip("the kernel gave other pages of 1 GiB: \(got.split(separator: "\n"))") }
    }

    /// While things move, an audit may say that they moved, but not what is not so.
    /// - Parameter kinds: of holders that there may be in one that settled.
    func expectHonest(
        _ audit: GuestAudit, onlyHolders kinds: Set<String> = [], line: Int = #line, file: String = #fileID
    ) {
        let report = audit.report
        let isSettled = report.taken.settled
        expect(report.taken.view == "full", "unread: \(report.unread)", line: line, file: file)
        let allowed: Set = isSettled ? ["reservation-underflow"] : ["unsettled", "reservation-underflow"]
        let found = report.findings.filter { $0.severity != "note" && !allowed.contains($0.id) }
        expect(found.isEmpty, "findings \(found)", line: line, file: file)
        let isTold = report.findings.contains { $0.id == "unsettled" }
        expect(isTold != isSettled, "settled: \(isSettled), findings \(report.findings)", line: line, file: file)
        guard isSettled else { return }
        expect(kinds.isSuperset(of: report.holders.map(\.kind)), "holders \(report.holders)", line: line, file: file)
        for row in report.pools {
            expect(row.unexplained == 0 && row.heads == row.nr, "\(row)", line: line, file: file)
        }
    }
}
