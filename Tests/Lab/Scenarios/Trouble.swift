import TestSupport

extension Scenario {
    /// Broken memory, and pools and processes that do not stand still.
    static let trouble = [
        Scenario(
            "poisoned", "a memory error in a page of a memfd, of a file, of a segment, of private memory", core: true,
            spoilsGuest: true
        ) {
            stage in
            try stage.begin()
            try stage.mount()
            let memfd = try stage.hold("memfd --pages 4 --node 2 --poison 1")
            try stage.expect(
                Truth(mapped: [2: 3], poisoned: [2: 1], reservations: nil, findings: [.init("poisoned-page", 1)]))
            try memfd.step()
            try stage.expect(
                Truth(
                    held: [.memfd([2: 3], open: [memfd.pid])], poisoned: [2: 1], findings: [.init("poisoned-page", 1)]),
                passive: true)
            try memfd.slay()
            try stage.guest.order("settle 1")
            try stage.expect(Truth(poisoned: [2: 1], findings: [.init("poisoned-page", 1)]))
            let file = try stage.hold("orphan --pages 4 --node 2 --path /huge/data --poison 1")
            try file.step()
            try file.slay()
            try stage.expect(
                Truth(held: [.file("/huge/data", [2: 3])], poisoned: [2: 2], findings: [.init("poisoned-page", 2)]))
            try stage.shell("rm /huge/data; settle 2")
            let segment = try stage.hold("sysv --pages 4 --node 2 --poison 1")
            try segment.step()
            try stage.expect(
                Truth(
                    held: [.segment(segment.segment, [2: 3])], poisoned: [2: 3], findings: [.init("poisoned-page", 3)]))
            try stage.shell("ipcrm -m \(segment.segment); settle 3")
            let memory = try stage.hold("private --pages 4 --node 2 --poison 1")
            try stage.expect(
                Truth(
                    mapped: [2: 3], poisoned: [2: 3], processes: [memory.pid: [2: 3]],
                    findings: [.init("poisoned-page", 3)]))
        },
        Scenario("resize-loop", "audits while a pool is resized without a rest", core: true) { stage in
            try stage.setPools([0: 8, 1: 8, 2: 8, 3: 8])
            let resizing = try stage.hold("resize --pages 48")
            let faulting = try stage.hold("resize-fault --pages 8 --touch 8")
            for _ in 0..<4 { try stage.expectHonest(stage.audit()) }
            try resizing.quit()
            try faulting.quit()
        },
        Scenario("fork-storm", "audits while processes fork, copy and end without a rest", core: true) { stage in
            try stage.begin()
            let storm = try stage.hold("fork-storm --children 4 --touch 3")
            for _ in 0..<4 { try stage.expectHonest(stage.audit()) }
            try storm.quit()
        },
        Scenario("churn", "audits while processes map, share, unmap and end at random") { stage in
            try stage.begin()
            let churn = try stage.hold("churn --pages 4 --children 4")
            for _ in 0..<4 {
                try stage.expectHonest(stage.audit(), onlyHolders: ["memfd", "sharedMemory", "file", "deletedFile"])
            }
            try churn.quit()
        },
    ]
}
