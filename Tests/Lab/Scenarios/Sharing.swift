extension Scenario {
    /// Pages that processes map, alone and together.
    static let sharing = [
        Scenario("fork", "private pages that four processes share by fork", core: true) { stage in
            let holder = try stage.holdMemory("fork --pages 4 --node 2 --children 3")
            try stage.expect(Truth(mapped: [2: 4], processes: holder.each(maps: [2: 4])))
            try stage.shell("slay \(holder.child)")
            try stage.expect(.mapped([2: 4], by: holder.pid))
        },
        Scenario("forkshared", "shared pages that four processes write to", core: true) { stage in
            let holder = try stage.holdMemory("forkshared --pages 4 --node 2 --children 3")
            try stage.expect(Truth(mapped: [2: 4], processes: holder.each(maps: [2: 4])))
        },
        Scenario("pmdshared", "a page table that two processes share") { stage in
            let holder = try stage.holdMemory("pmdshared --touch 8 --node 2")
            try stage.expect(Truth(mapped: [2: 8], processes: holder.each(maps: [2: 8])))
        },
        Scenario("vfork", "two processes with one address space") { stage in
            _ = try stage.holdMemory("vfork --pages 4 --node 2")
            try stage.expect(.mapped([2: 4]))
        },
        Scenario("zombie", "pages of a thread whose leader is a zombie") { stage in
            let holder = try stage.holdMemory("zombie --pages 4 --node 2")
            try stage.expect(.mapped([2: 4], by: holder.pid))
        },
        Scenario("protnone", "pages that may not be read") { stage in
            let holder = try stage.holdMemory("protnone --pages 3 --node 2")
            try stage.expect(.mapped([2: 3], by: holder.pid))
        },
        Scenario("child-cow", "a child that has written to its parent's private pages") { stage in
            let holder = try stage.holdMemory("child-cow --pages 6 --touch 2 --node 2")
            try stage.expect(
                Truth(
                    mapped: [2: 6], processes: [holder.pid: [2: 2], holder.child: [2: 4]],
                    reservations: [.init("private", 4)]))
        },
        Scenario("orphaned-fork", "private pages whose first process has ended") { stage in
            let holder = try stage.holdMemory("orphaned-fork --pages 6 --touch 2 --node 2")
            try stage.expect(
                Truth(mapped: [2: 2], processes: [holder.child: [2: 2]], reservations: []))
        },
        Scenario("half-private", "a private mapping of which half is unmapped") { stage in
            let holder = try stage.holdMemory("half-private --pages 6 --touch 1 --node 2")
            try stage.expect(
                Truth(mapped: [2: 1], processes: [holder.pid: [2: 1]], reservations: [.init("private", 2)]))
        },
        Scenario("mremap", "a private mapping that was moved") { stage in
            let holder = try stage.holdMemory("mremap --pages 6 --touch 2 --node 2")
            try stage.expect(
                Truth(mapped: [2: 2], processes: [holder.pid: [2: 2]], reservations: [.init("private", 4)]))
        },
        Scenario("split", "a private mapping in three pieces, in the process itself and in a child") { stage in
            let own = try stage.holdMemory("split --pages 6 --touch 1 --node 2")
            try stage.expect(Truth(mapped: [2: 1], processes: [own.pid: [2: 1]]))
            try own.quit()
            let forked = try stage.hold("split-fork --pages 6 --touch 1 --node 2")
            try stage.expect(
                Truth(mapped: [2: 1], processes: [forked.pid: [2: 1]], reservations: [.init("private", 5)]))
        },
        Scenario("dontneed-private", "private pages after MADV_DONTNEED of all but one") { stage in
            let holder = try stage.holdMemory("dontneed-private --pages 4 --node 2")
            try stage.expect(.mapped([2: 1], by: holder.pid))
        },
    ]
}

extension GuestHolder {
    /// It and its children map the same.
    fileprivate func each(maps pages: [Int: UInt64]) -> [Int32: [Int: UInt64]] {
        Dictionary(uniqueKeysWithValues: pids.map { ($0, pages) })
    }
}
