import TestSupport

extension Topology {
    /// Node 1 has not the memory for what is asked of it.
    static let starved = Topology(
        "512, 32, 512 MiB, `hugepages=0:8,1:16`", memory: [512, 32, 512], cpus: [1, 1, 0],
        arguments: "hugepages=0:8,1:16")
}

extension Scenario {
    /// Pools that got less than was asked for.
    static let shortfalls = [
        Scenario(
            "shortfall-boot", "asked for per node on the kernel command line", on: .starved, core: true,
            spoilsGuest: true
        ) {
            stage in
            let audit = try stage.audit()
            for (node, asked) in [0: UInt64(8), 1: 16] {
                let got = audit.before.pool(node, twoMiB, "nr_hugepages") ?? 0
                let told = audit.report.findings.filter { $0.id == "pool-shortfall" && $0.node == node }
                stage.expect(
                    told.map(\.pages) == (got < asked ? [asked - got] : []), "node \(node) got \(got): \(told)")
                for finding in told { stage.expectEvidence(finding, "/proc/cmdline") }
            }
            stage.expect(audit.before.pool(1, twoMiB, "nr_hugepages") ?? 0 < 16, "node 1 has memory enough")
            stage.expect(audit.status == 1, "exit status \(audit.status)")
        },
        Scenario("shortfall-sysctl", "asked for in a sysctl file", core: true) { stage in
            try stage.begin()
            try stage.shell("mkdir -p /etc/sysctl.d && echo 'vm.nr_hugepages = 60' >/etc/sysctl.d/90-hugepages.conf")
            try stage.expectShortfall(of: 12, onNode: nil, "/etc/sysctl.d/90-hugepages.conf")
            try stage.shell("rm -r /etc/sysctl.d")
        },
        Scenario("shortfall-unit", "asked for by a systemd unit, on one node") { stage in
            try stage.begin()
            try stage.shell(
                """
                mkdir -p /etc/systemd/system/multi-user.target.wants
                echo '[Service]
                Type=oneshot
                ExecStart=/bin/sh -c "echo 20 > /sys/devices/system/node/node3/hugepages/hugepages-2048kB/nr_hugepages"
                ' >/etc/systemd/system/hugepages.service
                ln -s ../hugepages.service /etc/systemd/system/multi-user.target.wants
                """)
            try stage.expectShortfall(of: 14, onNode: 3, "/etc/systemd/system/hugepages.service")
            try stage.shell("rm -r /etc/systemd")
        },
    ]
}

extension Stage {
    /// One shortfall and nothing else.
    fileprivate func expectShortfall(
        of pages: UInt64, onNode node: Int?, _ path: String, line: Int = #line, file: String = #fileID
    ) throws {
        let report = try audit().report
        let told = report.findings.map { "\($0.id) \($0.severity) \($0.node ?? -1) \($0.pages ?? 0)" }
        expect(told == ["pool-shortfall warning \(node ?? -1) \(pages)"], "\(told)", line: line, file: file)
        for finding in report.findings { expectEvidence(finding, path, line: line, file: file) }
    }

    fileprivate func expectEvidence(
        _ finding: ReportDocument.Finding, _ path: String, line: Int = #line, file: String = #fileID
    ) {
        let blocks = finding.evidence.filter { $0.path == "/proc/buddyinfo" }.map(\.says)
        let ofNode = finding.node.map { "on node \($0) is " } ?? "on node "
        expect(
            !blocks.isEmpty && blocks.allSatisfy { $0.contains(ofNode) }, "blocks: \(blocks)", line: line, file: file)
        let named = Set(finding.evidence.map(\.path))
        expect(named.contains(path), "evidence of \(named.sorted()), not of \(path)", line: line, file: file)
    }
}
