extension Scenario {
    /// What only the kernel keeps.
    static let pins = [
        Scenario("iouring", "a buffer registered with io_uring, no more mapped", core: true) { stage in
            let holder = try stage.holdMemory("iouring --pages 4 --node 2")
            try stage.expect(.mapped([2: 4], by: holder.pid))
            try holder.step()
            try stage.expect(.held(.ring([2: 4], of: holder.pid)), passive: true)
        },
        Scenario("iouring-shared", "the same of shared memory") { stage in
            let holder = try stage.holdMemory("iouring-shared --pages 4 --node 2")
            try holder.step()
            try stage.expect(.held(.ring([2: 4], of: holder.pid)))
        },
        Scenario("iouring-two-nodes", "the same on two nodes") { stage in
            let holder = try stage.holdMemory("iouring --spread 1:2,2:3")
            try holder.step()
            try stage.expect(.held(.ring([1: 2, 2: 3], of: holder.pid)))
        },
        Scenario("iouring-middle", "a buffer that begins in one page and ends in the next") { stage in
            let holder = try stage.holdMemory("iouring-middle --pages 4 --node 2")
            try holder.step()
            try stage.expect(.held(.ring([2: 2], of: holder.pid)))
        },
        Scenario("iouring-half", "a buffer of which half is still mapped") { stage in
            let holder = try stage.holdMemory("iouring-half --pages 4 --node 2")
            try holder.step()
            try stage.expect(Truth(mapped: [2: 2], held: [.ring([2: 2], of: holder.pid)]))
        },
        Scenario("iouring-file", "a buffer of a file that is gone") { stage in
            let holder = try stage.holdFile("iouring-file --pages 3 --node 2")
            try holder.step()
            try stage.expect(.held(.ring([2: 3], of: holder.pid)))
        },
        Scenario("iouring-fork", "a buffer that only a child still maps") { stage in
            let holder = try stage.holdMemory("iouring-fork --pages 3 --node 2")
            try holder.step()
            // From 5.12 on fork copies pages that are pinned.
            let held = stage.kernel < KernelVersion(5, 12) ? [] : [Held.ring([2: 3], of: holder.pid)]
            try stage.expect(Truth(mapped: [2: 3], held: held, processes: [holder.child: [2: 3]]))
        },
        Scenario("iouring-remapped", "a buffer in whose place ordinary memory is mapped now") { stage in
            let holder = try stage.holdMemory("iouring-remapped --pages 3 --node 2")
            try holder.step()
            try stage.expect(.held(.kernel([2: 3], by: holder.pid)))
        },
        Scenario("iouring-fd", "a memfd that is only a registered file of io_uring") { stage in
            let holder = try stage.holdMemory("iouring-fd --pages 3 --node 2")
            try holder.step()
            try stage.expect(.held(.ring([2: 3], of: holder.pid)))
        },
        Scenario("inflight", "a memfd under way over a socket", core: true) { stage in
            let holder = try stage.holdMemory("inflight --pages 4 --node 2")
            try holder.step()
            try stage.expect(.held(.socket([2: 4], to: holder.child)))
        },
        Scenario("embryo", "a memfd sent over a connection that nobody has accepted") { stage in
            let holder = try stage.holdMemory("embryo --pages 3 --node 2")
            try holder.step()
            // 5.10 does not count in fdinfo what waits with connections that are not accepted: nothing leads there.
            try stage.expect(
                stage.kernel < KernelVersion(6, 1)
                    ? Truth(unexplained: [2: 3], findings: [.init("unexplained-pages", 3)])
                    : .held(.socket([2: 3], to: holder.pid)))
        },
        Scenario("vmsplice", "pages in a pipe", core: true) { stage in
            let holder = try stage.holdMemory("vmsplice --pages 4 --node 2")
            try holder.step()
            try stage.expect(.held(.kernel([2: 4], by: holder.pid)))
        },
        Scenario(
            "vmsplice-shared", "shared pages in a pipe: nothing leads to them, and they are unexplained", core: true
        ) {
            stage in
            let holder = try stage.holdMemory("vmsplice-shared --pages 3 --node 2")
            try holder.step()
            try stage.expect(Truth(unexplained: [2: 3], findings: [.init("unexplained-pages", 3)]))
        },
        Scenario("several", "four kinds of holders on three nodes at once", core: true) { stage in
            let file = try stage.holdFile("orphan --pages 5 --node 2")
            try file.step(2)
            let memfd = try stage.hold("memfd --pages 3 --node 1")
            try memfd.step()
            let ring = try stage.hold("iouring --pages 2 --node 3")
            try ring.step()
            let mapping = try stage.hold("private --pages 4 --node 2")
            try stage.expect(
                Truth(
                    mapped: [2: 4],
                    held: [
                        .file("/huge/data", [2: 5]), .memfd([1: 3], open: [memfd.pid]), .ring([3: 2], of: ring.pid),
                    ], processes: [mapping.pid: [2: 4]]))
        },
    ]
}
