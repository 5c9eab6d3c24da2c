import TestSupport

extension Topology {
    /// Four nodes alike, CPUs on two: the host has no more.
    static let fourNodes = Topology("4 × 512 MiB", memory: [512, 512, 512, 512], cpus: [1, 1, 0, 0])
}

extension Scenario {
    /// The pools themselves: how large they are on each node, and surplus.
    static let pools = [
        Scenario(
            "hstate-attributes", "16 pages on node 2, then 8 for the machine: the example of the patch that made it so",
            core: true
        ) { stage in
            let none: [Int: UInt64] = [0: 0, 1: 0, 2: 0, 3: 0]
            try stage.setPools(none)
            try stage.expectPools(none)
            try stage.setPools([2: 16])
            try stage.expectPools(none.merging([2: 16]) { $1 })
            try stage.shell("echo 8 >/proc/sys/vm/nr_hugepages")
            try stage.expectPools(none.merging([2: 8]) { $1 })
        },
        Scenario("node-without-pages", "a node with CPUs and memory that has no page while others have") { stage in
            try stage.setPools([0: 4, 1: 0, 2: 0, 3: 4])
            let audit = try stage.audit()
            for failure in Comparison(audit, []).failures { stage.expect(false, failure) }
            let notes = audit.report.findings.map { "\($0.id) \($0.severity) \($0.node ?? -1)" }
            stage.expect(notes == ["node-without-pages note 1"], "\(notes)")
        },
        Scenario("surplus", "a pool that was made smaller than what is in use", core: true) { stage in
            let holder = try stage.holdMemory("memfd --pages 8 --node 2")
            try holder.step()
            try stage.setPools([2: 0])
            try stage.expect(
                Truth(held: [.memfd([2: 8], open: [holder.pid])], findings: [.init("surplus-lingering", 8)]))
            try holder.slay()
            try stage.guest.order("settle")
            try stage.expectPools([0: 4, 1: 6, 2: 0, 3: 6])
        },
        Scenario("overcommit", "pages beyond the pool, as many as are allowed", core: true) { stage in
            try stage.setPools([0: 4, 1: 6, 2: 4, 3: 6])
            try stage.shell("echo 8 >/sys/kernel/mm/hugepages/hugepages-2048kB/nr_overcommit_hugepages")
            let mapping = try stage.hold("noreserve --pages 9 --node 2")
            try stage.expect(.mapped([2: 9], by: mapping.pid))
            try mapping.quit()
            let memfd = try stage.hold("memfd --noreserve --pages 8 --node 2")
            try memfd.step()
            try stage.expect(.held(.memfd([2: 8], open: [memfd.pid])))
        },
    ]
}

extension Stage {
    /// All pages are free, and there are so many on each node and on no other.
    func expectPools(_ pages: [Int: UInt64], line: Int = #line, file: String = #fileID) throws {
        let audit = try audit()
        for failure in Comparison(audit, []).failures { expect(false, failure, line: line, file: file) }
        for (node, pages) in pages {
            let row = audit.report.pool(node: node, twoMiB)
            let told = [row?.nr, row?.free, row?.surplus, row?.heads]
            expect(told == [pages, pages, 0, pages], "\(row as Any), in truth \(pages)", line: line, file: file)
        }
        let total = audit.report.totals.first { $0.pageSize == twoMiB }
        let all = pages.values.reduce(0, +)
        expect(
            [total?.nr, total?.free, total?.available] == [all, all, all], "\(total as Any)", line: line, file: file)
    }
}
