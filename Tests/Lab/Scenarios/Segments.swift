extension Scenario {
    /// System V shared memory.
    static let segments = [
        Scenario("sysv", "a segment to which nobody is attached", core: true) { stage in
            let holder = try stage.holdMemory("sysv --pages 4 --node 2")
            try stage.expect(.mapped([2: 4], by: holder.pid))
            try holder.step()
            try stage.expect(.held(.segment(holder.segment, [2: 4])), passive: true)
            try holder.slay()
            try stage.expect(.held(.segment(holder.segment, [2: 4])))
        },
        Scenario("sysv-three-nodes", "a segment with pages on three nodes") { stage in
            let holder = try stage.holdMemory("sysv --spread 1:2,2:3,3:4")
            try holder.step()
            try stage.expect(.held(.segment(holder.segment, [1: 2, 2: 3, 3: 4])))
        },
        Scenario("sysv-part", "a segment of which some pages were never touched") { stage in
            let holder = try stage.holdMemory("sysv --pages 7 --touch 3 --node 2")
            let reserved = [Truth.Reserved("sharedMemory", 4)]
            try stage.expect(Truth(mapped: [2: 3], reservations: reserved), passive: true)
            try holder.slay()
            let held = [Held.segment(holder.segment, [2: 3])]
            try stage.expect(Truth(held: held, reservations: reserved), passive: true)
        },
        Scenario("sysv-odd", "a segment whose size is no multiple of a huge page") { stage in
            let holder = try stage.holdMemory("sysv-odd --pages 3 --node 2")
            try holder.step()
            try stage.expect(.held(.segment(holder.segment, [2: 3])), passive: true)
        },
        Scenario("sysv-ordinary", "a segment of ordinary memory that looks like huge pages, beside pins without a name")
        {
            stage in
            let ordinary = try stage.holdMemory("sysv-ordinary --pages 2")
            try ordinary.step()
            try stage.expect(passive: true)
            let pinning = try stage.hold("vmsplice --pages 4 --node 2")
            try pinning.step()
            try stage.expect(.held(.kernel([2: 4], by: pinning.pid)))
        },
        Scenario("sysv-removed", "a segment that is removed while a process is attached") { stage in
            let holder = try stage.holdMemory("sysv-removed --pages 3 --node 2")
            try stage.expect(.mapped([2: 3], by: holder.pid))
        },
        Scenario("sysv-noreserve", "a segment for which nothing is reserved") { stage in
            let holder = try stage.holdMemory("sysv --noreserve --pages 6 --touch 2 --node 2")
            try stage.expect(.mapped([2: 2], by: holder.pid))
            try holder.slay()
            try stage.expect(.held(.segment(holder.segment, [2: 2])))
        },
        Scenario("ipcns", "a segment of another IPC namespace", core: true) { stage in
            let holder = try stage.holdMemory("ipcns --pages 4 --node 2")
            try stage.expect(
                .held(
                    Held(
                        kind: "sharedMemory", name: "SYSV", pages: [2: 4], finding: "orphan-shm",
                        remedy: "\(holder.child)")), passive: true)
        },
    ]
}
