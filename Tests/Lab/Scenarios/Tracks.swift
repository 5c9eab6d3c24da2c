import TestSupport

extension Scenario {
    /// Pages that move while `hugeaudit track` looks: exactly those come back, from where they were to where they are.
    static let tracks = [
        Scenario("track-base", "base pages that numa_move_pages and migratepages move", core: true) { stage in
            let pages: UInt64 = 300
            let holder = try stage.hold("migrate --memory base --pages \(pages) --node 0,2,1")
            let changes = try stage.track(
                holder.pid, [{ try holder.step() }, { try stage.shell("migratepages \(holder.pid) 2 3") }])
            stage.expect(changes, [.init(0, 2, pages), .init(2, 3, pages)])
        },
        track("hugetlb", "hugetlb pages that move", core: true) { try $0.begin() },
        track("thp", "transparent huge pages that move") { try $0.shell("echo 1 >/proc/sys/vm/compact_memory") },
        Scenario("track-ends", "a process that ends while it is followed") { stage in
            let holder = try stage.hold("migrate --memory base --pages 3 --node 0,2")
            let ending = try stage.tracked(holder.pid, [{ try holder.quit() }]).summary.ending
            stage.expect(ending == "ended", "ending \(ending)")
        },
    ]

    private static func track(
        _ memory: String, _ what: String, core: Bool = false, prepare: @escaping @Sendable (Stage) throws -> Void
    ) -> Scenario {
        Scenario("track-" + memory, what, core: core) { stage in
            try prepare(stage)
            let pages: UInt64 = 3
            let holder = try stage.hold("migrate --memory \(memory) --pages \(pages) --node 2,1,3")
            let changes = try stage.track(holder.pid, [{ try holder.step() }, { try holder.step() }])
            let ways: [Way] = [.init(1, 3, pages * 512, huge: pages), .init(2, 1, pages * 512, huge: pages)]
            if stage.kernel < KernelVersion(6, 7) {
                stage.expect(changes, inFlight: ways)
            } else {
                stage.expect(changes, ways)
            }
        }
    }
}

/// Pages that moved from node to node.
private struct Way: Equatable {
    let from: Int?
    let to: Int?
    let pages: UInt64
    let hugePages: UInt64
    init(_ from: Int?, _ to: Int?, _ pages: UInt64, huge: UInt64 = 0) {
        (self.from, self.to, self.pages, hugePages) = (from, to, pages, huge)
    }
}

extension Stage {
    /// What `hugeaudit track` says of a process to which something is done again and again: it sees each time what was done.
    fileprivate func tracked(_ process: Int32, _ deeds: [() throws -> Void]) throws -> TrackDocument {
        try shell(
            """
            hugeaudit track \(process) --interval 20ms --format json >/run/track 2>/run/errors &
            echo $! >/run/track.pid
            for try in $(seq 1000); do [ -s /run/track ] && break; usleep 20000; done
            """)
        for deed in deeds {
            try deed()
            // The next may have begun before.
            try shell(
                """
                pid=$(cat /run/track.pid)
                said=$(wc -l </run/track)
                while [ -e /proc/$pid/fd/0 ] && [ $(wc -l </run/track) -lt $((said + 2)) ]; do usleep 20000; done
                """)
        }
        let lines = try shell(
            """
            pid=$(cat /run/track.pid)
            kill -TERM $pid 2>/dev/null
            while [ -e /proc/$pid/fd/0 ]; do usleep 5000; done
            cat /run/errors /run/track
            """)
        return try TrackDocument(lines)
    }

    /// The pages that moved from node to node; the kernel itself moves none meanwhile.
    fileprivate func track(_ process: Int32, _ deeds: [() throws -> Void]) throws -> [TrackDocument.Flow] {
        let balancing = try shell("cat /proc/sys/kernel/numa_balancing 2>/dev/null; true")
        try shell("[ ! -e /proc/sys/kernel/numa_balancing ] || echo 0 >/proc/sys/kernel/numa_balancing")
        let document = try tracked(process, deeds)
        if !balancing.isEmpty { try shell("echo \(balancing) >/proc/sys/kernel/numa_balancing") }
        expect(document.summary.ending == "interrupted", "ending \(document.summary.ending)")
        for kind in ["collapsed", "split"] {
            let pages = document.summary.totals?[kind]?.pages
            expect(pages == 0, "\(kind) \(pages ?? 0): \(document.summary.changes ?? [])")
        }
        return document.summary.changes ?? []
    }

    /// Without PAGEMAP_SCAN a huge page that is just being moved cannot be told from one that is not there: it goes and comes.
    fileprivate func expect(
        _ changes: [TrackDocument.Flow], inFlight wanted: [Way], line: Int = #line, file: String = #fileID
    ) {
        let huge = changes.filter { $0.hugePages > 0 && $0.from != $0.to }
        for way in wanted {
            let left = huge.filter { ["moved", "went"].contains($0.kind) && $0.from == way.from }
            let arrived = huge.filter { ["moved", "came"].contains($0.kind) && $0.to == way.to }
            for flows in [left, arrived] {
                let pages = flows.reduce(0) { $0 + $1.pages }
                expect(pages == way.pages, "\(way): \(pages) pages in \(changes)", line: line, file: file)
            }
        }
    }

    fileprivate func expect(
        _ changes: [TrackDocument.Flow], _ wanted: [Way], line: Int = #line, file: String = #fileID
    ) {
        let moved = changes.filter { $0.kind == "moved" && $0.from != $0.to }.map {
            Way($0.from, $0.to, $0.pages, huge: $0.hugePages)
        }
        expect(moved == wanted, "moved \(moved), in truth \(wanted)", line: line, file: file)
    }
}
