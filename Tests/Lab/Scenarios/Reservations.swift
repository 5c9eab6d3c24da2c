import TestSupport

extension Scenario {
    /// Who has reserved pages that were not touched yet.
    static let reservations =
        [
            reserving("private", "private --pages 10 --touch 4", .init("private", 6)),
            reserving("private-untouched", "private --pages 3 --touch 0", .init("private", 3)),
            reserving("noreserve", "noreserve --pages 8 --touch 2", nil),
            reserving("fork", "fork --pages 4 --touch 1 --children 2", .init("private", 3)),
            reserving("shared", "shared --pages 6 --touch 2", .init("sharedMemory", 4)),
            reserving("memfd", "memfd --pages 8 --touch 3", .init("file", 5), core: true),
            reserving(
                "memfd-unmapped", "memfd --pages 8 --touch 3", steps: 1, .init("file", 5), [.init("memfd-unmapped", 3)]),
            reserving("memfd-untouched", "memfd --pages 8 --touch 0", steps: 1, .init("file", 8)),
            reserving("file", "file --pages 5 --touch 0 --path /huge/data", .init("file", 5)),
            reserving("orphan", "orphan --pages 5 --touch 0 --path /huge/data", steps: 2, .init("file", 5)),
            reserving(
                "deleted", "file --pages 5 --touch 2 --path /huge/data", steps: 2, .init("file", 3),
                [.init("deleted-file-held", 2)]),
            reserving("sysv", "sysv --pages 6 --touch 1", .init("sharedMemory", 5), core: true),
            reserving(
                "sysv-detached", "sysv --pages 6 --touch 1", steps: 1, .init("sharedMemory", 5),
                [.init("orphan-shm", 1)]),
            reserving("sysv-untouched", "sysv --pages 6 --touch 0", steps: 1, .init("sharedMemory", 6)),
            reserving("ipcns", "ipcns --pages 6 --touch 2", .init("sharedMemory", 4), [.init("orphan-shm", 2)]),
        ] + mounts + [cgroup2, cgroup1]

    /// - Parameter findings: of what is held meanwhile.
    private static func reserving(
        _ name: String, _ holder: String, steps: Int = 0, _ reserved: Truth.Reserved?, _ findings: [Truth.Told] = [],
        core: Bool = false
    ) -> Scenario {
        Scenario("reserved-" + name, "who reserved: `\(holder.prefix { $0 != "/" })`", core: core) { stage in
            try stage.begin()
            if holder.contains("/huge") { try stage.mount() }
            try stage.hold(holder).step(steps)
            for options in ["", "--passive"] {
                let report = try stage.audit(options).report
                let told = report.reservations.filter { $0.pageSize == twoMiB }.map { "\($0.kind) \($0.pages)" }
                let wanted = reserved.map { ["\($0.kind) \($0.pages)"] } ?? []
                stage.expect(told == wanted, "\(options) reservations \(told), in truth \(wanted)")
                let total = report.totals.first { $0.pageSize == twoMiB }?.reserved
                stage.expect(total == Int64(reserved?.pages ?? 0), "\(options) reserved is \(total as Any)")
                let found = report.findings.map { Truth.Told($0.id, $0.pages ?? 0) }
                stage.expect(found == findings, "\(options) findings \(found), in truth \(findings)")
            }
        }
    }

    private static let mounts = [
        Scenario("reserved-mount", "a mount of min_size reserves what its files do not use") { stage in
            try stage.begin()
            try stage.mount("pagesize=2M,min_size=16M")
            let empty = Truth(reservations: [.init("mount", 8)], findings: [.init("mount-reservation", 8)])
            try stage.expect(empty)
            let holder = try stage.hold("file --pages 3 --node 2 --path /huge/data")
            let part = Truth(
                mapped: [2: 3], reservations: [.init("mount", 5)], findings: [.init("mount-reservation", 5)])
            try stage.expect(part)
            try holder.slay()
            let left = Truth(
                held: [.file("/huge/data", [2: 3])], reservations: [.init("mount", 5)],
                findings: [.init("mount-reservation", 5)])
            try stage.expect(left)
        },
        Scenario("mount-size", "a file on a mount with a limit of its size") { stage in
            let holder = try stage.holdFile("orphan --pages 4 --node 2", mount: "pagesize=2M,size=8M")
            try holder.step(2)
            try stage.expect(.held(.file("/huge/data", [2: 4])))
        },
    ]

    private static let cgroup2 = Scenario("cgroup-v2", "a cgroup that may map more than it may touch") { stage in
        try stage.begin()
        let folder = "/sys/fs/cgroup/lab.slice"
        try stage.shell("mkdir -p \(folder)")
        guard try stage.guest.order("echo 8M >\(folder)/hugetlb.2MB.max").status == 0 else {
            throw Skip("no hugetlb controller of cgroup v2")
        }
        try stage.holdIn(cgroup: folder)
        try stage.shell("rmdir \(folder)")
    }

    private static let cgroup1 = Scenario("cgroup-v1", "the same with cgroup v1", spoilsGuest: true) { stage in
        try stage.begin()
        try stage.shell(
            """
            echo -hugetlb >/sys/fs/cgroup/cgroup.subtree_control; mkdir -p /v1
            for try in $(seq 40); do mount -t cgroup -o hugetlb hugetlb /v1 2>/dev/null && break; usleep 100000; done
            """)
        guard
            try stage.guest.order("mkdir /v1/lab.slice && echo 8M >/v1/lab.slice/hugetlb.2MB.limit_in_bytes").status
                == 0
        else { throw Skip("no hugetlb controller of cgroup v1") }
        try stage.holdIn(cgroup: "/v1/lab.slice")
    }
}

extension Stage {
    /// Six pages mapped and two touched in a cgroup that may have four.
    fileprivate func holdIn(cgroup folder: String) throws {
        let holder = try hold("private --pages 6 --touch 2 --node 2", cgroup: folder)
        try expect(
            Truth(
                mapped: [2: 2], processes: [holder.pid: [2: 2]], reservations: [.init("private", 4)],
                findings: [.init("cgroup-sigbus-risk", 2)]))
        try holder.quit()
    }
}
