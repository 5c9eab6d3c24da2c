import TestSupport

extension Scenario {
    /// Files of hugetlbfs, with a name or without.
    static let files = [
        Scenario("orphan", "a file on hugetlbfs that nobody has open", core: true) { stage in
            let holder = try stage.holdFile("orphan --pages 4 --node 2")
            try stage.expect(.mapped([2: 4], by: holder.pid))
            try holder.step()
            try stage.expect(.held(.file("/huge/data", [2: 4], open: [holder.pid])))
            try holder.step()
            try stage.expect(.held(.file("/huge/data", [2: 4])), passive: true)
            try holder.slay()
            try stage.expect(.held(.file("/huge/data", [2: 4])), passive: true)
        },
        Scenario("file", "a file mapped, open, deleted", core: true) { stage in
            let holder = try stage.holdFile("file --pages 4 --node 2")
            try stage.expect(.mapped([2: 4], by: holder.pid))
            try holder.step()
            try stage.expect(.held(.file("/huge/data", [2: 4], open: [holder.pid])), passive: true)
            try holder.step()
            try stage.expect(.held(.deletedFile("/huge/data", [2: 4], open: [holder.pid])), passive: true)
        },
        Scenario("handed", "a deleted file of one user that another's process has open") { stage in
            let holder = try stage.holdFile("handed --pages 5 --node 2 --uid 65534", mount: "pagesize=2M,uid=65534")
            try holder.step()
            try stage.expect(.held(.deletedFile("/huge/data", [2: 5], open: [holder.child])))
        },
        Scenario("readonly", "a file of which only a read-only descriptor is open") { stage in
            let holder = try stage.holdFile("readonly --pages 3 --node 2")
            try holder.step()
            try stage.expect(.held(.file("/huge/data", [2: 3], open: [holder.pid])))
        },
        Scenario("sparse", "a file with holes, half of it mapped") { stage in
            let holder = try stage.holdFile("sparse --pages 8 --node 2")
            try stage.expect(Truth(mapped: [2: 4], reservations: [.init("file", 4)]))
            try holder.step()
            let held = Held.file("/huge/data", [2: 2], open: [holder.pid], rest: true)
            try stage.expect(Truth(mapped: [2: 2], held: [held], reservations: [.init("file", 4)]), passive: true)
            try holder.slay()
            try stage.expect(Truth(held: [.file("/huge/data", [2: 4])], reservations: [.init("file", 4)]))
        },
        Scenario("cow", "a file mapped private, and copies of half of its pages") { stage in
            let holder = try stage.holdFile("cow --pages 4 --node 2")
            let held = Held.file("/huge/data", [2: 2], open: [holder.pid], rest: true)
            try stage.expect(Truth(mapped: [2: 4], held: [held], processes: [holder.pid: [2: 4]]), passive: true)
            try holder.slay()
            try stage.expect(.held(.file("/huge/data", [2: 4])))
        },
        Scenario("private-file", "a file mapped private that has no page of its own") { stage in
            let holder = try stage.holdFile("private-file --pages 3 --touch 2 --node 2")
            try stage.expect(
                Truth(mapped: [2: 2], processes: [holder.pid: [2: 2]], reservations: [.init("private", 1)]))
        },
        Scenario("fallocated", "a file half mapped and untouched, half allocated and not mapped") { stage in
            let holder = try stage.holdFile("fallocated --pages 8 --node 2")
            let held = Held.file("/huge/data", [2: 4], open: [holder.pid], rest: true)
            try stage.expect(Truth(held: [held], reservations: [.init("file", 4)]))
        },
        Scenario("keepsize", "pages allocated beyond the end of a file") { stage in
            let holder = try stage.holdFile("keepsize --pages 3 --node 2")
            var held = Held.file("/huge/data", [2: 3], open: [holder.pid])
            // Before 5.14 only a write can bring a page of the cache into a page table, and behind the end none does.
            held.isPlaced = stage.kernel >= KernelVersion(5, 14)
            try stage.expect(.held(held))
        },
        Scenario("detached", "a file of a mount that is no more at its folder") { stage in
            let holder = try stage.holdFile("detached --pages 4 --node 2")
            try holder.step(2)
            try stage.expect(.held(.file("data", [2: 4], open: [holder.pid])))
        },
        Scenario("mountns", "a file of another mount namespace, beside one of ours", core: true) { stage in
            let ours = try stage.holdFile("orphan --pages 3 --node 2")
            try ours.step(2)
            let theirs = try stage.hold("mountns --pages 5 --node 2 --path /huge")
            try stage.expect(
                .held(.file("/huge/data", [2: 3]), .file("/proc/\(theirs.child)/root/huge/data", [2: 5])))
        },
        Scenario("bind", "a file below a bind mount, while the mount itself is gone") { stage in
            try stage.begin()
            try stage.mount()
            try stage.shell("mkdir -p /huge/sub /bind && mount --bind /huge/sub /bind && umount -l /huge")
            let holder = try stage.hold("orphan --pages 3 --node 2 --path /bind/data")
            try holder.step(2)
            try stage.expect(.held(.file("/bind/data", [2: 3])))
            try holder.slay()
            try stage.shell("rm /bind/data && umount /bind")
        },
        Scenario("chroot", "a file below a process's own root") { stage in
            try stage.begin()
            try stage.shell(
                "mkdir -p /jail/bin /jail/huge; cp /bin/holder /jail/bin; mount -t hugetlbfs none /jail/huge")
            let holder = try stage.hold("orphan --pages 3 --node 2 --path /huge/data", root: "/jail")
            try holder.step()
            try stage.expect(.held(.file("/huge/data", [2: 3], open: [holder.pid])))
            try holder.step()
            try stage.expect(.held(.file("/jail/huge/data", [2: 3])))
            try holder.slay()
            try stage.shell("rm /jail/huge/data && umount /jail/huge")
        },
        Scenario("overmounted", "a hugetlbfs hidden below another mount: its pages are unexplained, and why is said") {
            stage in
            let holder = try stage.holdFile("orphan --pages 3 --node 2")
            try holder.step(2)
            try stage.shell("mount -t tmpfs none /huge")
            let audit = try stage.audit()
            stage.expect(audit.report.pool(node: 2, twoMiB)?.unexplained == 3, "\(audit.report.pools)")
            stage.expect(
                audit.report.findings.map(\.id).sorted() == ["partial-view", "unexplained-pages"],
                "\(audit.report.findings)")
            stage.expect(audit.report.unread.map(\.path) == ["/huge"], "\(audit.report.unread)")
            try stage.shell("umount /huge")
            try stage.expect(.held(.file("/huge/data", [2: 3])))
        },
    ]

    /// Memfds, and shared memory that has no name at all.
    static let memfds = [
        Scenario("memfd", "a memfd that nobody maps", core: true) { stage in
            let holder = try stage.holdMemory("memfd --pages 6 --node 2")
            try stage.expect(.mapped([2: 6], by: holder.pid))
            try holder.step()
            try stage.expect(.held(.memfd([2: 6], open: [holder.pid])), passive: true)
        },
        Scenario("memfd-three-nodes", "a memfd with pages on three nodes", core: true) { stage in
            let holder = try stage.holdMemory("memfd --spread 1:2,2:3,3:4")
            try holder.step()
            try stage.expect(.held(.memfd([1: 2, 2: 3, 3: 4], open: [holder.pid])), passive: true)
        },
        Scenario("sealed", "a memfd that nobody may write to") { stage in
            let holder = try stage.holdMemory("sealed --pages 3 --node 2")
            try holder.step()
            try stage.expect(.held(.memfd([2: 3], open: [holder.pid])))
        },
        Scenario("thread-files", "a memfd in the descriptor table of one thread") { stage in
            let holder = try stage.holdMemory("thread-files --pages 3 --node 2")
            try holder.step()
            try stage.expect(.held(.memfd([2: 3], open: [holder.pid])))
        },
        Scenario("zombie-memfd", "a memfd of a thread whose leader is a zombie") { stage in
            let holder = try stage.holdMemory("zombie-memfd --pages 3 --node 2")
            try holder.step()
            try stage.expect(.held(.memfd([2: 3], open: [holder.pid])))
        },
        Scenario("shared-fd", "a memfd that three processes have open", core: true) { stage in
            let holder = try stage.holdMemory("shared-fd --pages 2 --node 2 --children 2")
            try holder.step()
            try stage.expect(.held(.memfd([2: 2], open: holder.pids)))
        },
        Scenario("twice", "a memfd mapped twice but for one page") { stage in
            let holder = try stage.holdMemory("twice --pages 4 --node 2")
            let held = Held.memfd([2: 1], open: [holder.pid], rest: true)
            try stage.expect(Truth(mapped: [2: 3], held: [held]), passive: true)
        },
        Scenario("map-only", "a memfd without a descriptor, partly mapped") { stage in
            let holder = try stage.holdMemory("map-only --pages 4 --node 2")
            try holder.step(2)
            let held = Held.memfd([2: 2], open: [holder.pid], rest: true)
            try stage.expect(Truth(mapped: [2: 2], held: [held]))
        },
        Scenario("shared-by-the-dead", "shared memory that only a process that has ended touched") { stage in
            let holder = try stage.holdMemory("shared-by-the-dead --pages 6 --touch 4 --node 2")
            let truth = Truth(held: [.shared([2: 4], by: holder.pid)], reservations: [.init("sharedMemory", 2)])
            try stage.expect(truth, passive: true)
        },
        Scenario("dontneed", "shared memory after MADV_DONTNEED") { stage in
            let holder = try stage.holdMemory("dontneed --pages 3 --node 2")
            try stage.expect(.held(.shared([2: 3], by: holder.pid)))
        },
    ]
}

extension Stage {
    /// The pools that most scenarios begin with: room for what is held on node 2, a few pages elsewhere.
    func begin() throws { try setPools([0: 4, 1: 6, 2: 32, 3: 6]) }

    /// A holder on those pools.
    func holdMemory(_ arguments: String) throws -> GuestHolder {
        try begin()
        return try hold(arguments)
    }

    /// The same with the file /huge/data on a hugetlbfs.
    func holdFile(_ arguments: String, mount options: String = "pagesize=2M") throws -> GuestHolder {
        try begin()
        try mount(options)
        return try hold(arguments + " --path /huge/data")
    }
}
