import TestSupport

extension Scenario {
    /// What a process's memory is made of.
    static let processMemory = [
        Scenario("thp-half-unmapped", "transparent huge pages: whole, with a hole, in two mappings", core: true) {
            stage in
            try stage.beginProcesses()
            let holder = try stage.hold("mixture --cpu 0 --parts thp,thp-part,thp-forgotten,thp-split")
            stage.expect(holder.partsLeftOut.isEmpty, "left out: \(holder.partsLeftOut)")
            let look = try stage.expect(
                ProcessTruth(
                    stretches: ["thp", "thp-part", "thp-forgotten", "thp-split"].compactMap {
                        stage.stretch(holder, $0)
                    }),
                of: holder)
            let mapped = look.pmdMappedBytes.map { $0 == 2 * twoMiB }
            stage.expect(mapped ?? true, "by PMDs \(look.pmdMappedBytes as Any)")
        },
        Scenario("mthp", "folios of 64 KiB", core: true, since: KernelVersion(6, 8)) { stage in
            try stage.beginProcesses()
            try stage.allowFoliosOf64KiB()
            let holder = try stage.hold("mixture --cpu 0 --parts mthp")
            try stage.expect(
                ProcessTruth(stretches: ["mthp"].compactMap { stage.stretch(holder, $0) }), of: holder)
        },
        Scenario("mixture", "one process with all kinds of pages", core: true) { stage in
            try stage.beginProcesses()
            try stage.shell("echo 1 >/sys/kernel/mm/ksm/run")
            var missing: Set = ["giant", "swap", "shm-swap"]
            if stage.kernel >= KernelVersion(6, 8) { try stage.allowFoliosOf64KiB() } else { missing.insert("mthp") }
            let holder = try stage.hold("mixture --cpu 0")
            try stage.shell("echo 0 >/sys/kernel/mm/ksm/run")
            stage.expect(Set(holder.partsLeftOut) == missing, "left out: \(holder.partsLeftOut)")
            let look = try stage.expect(
                ProcessTruth(stretches: holder.parts.keys.compactMap { stage.stretch(holder, $0) }), of: holder)
            let zero = 64 * basePage + twoMiB
            stage.expect(look.zeroBytes == zero, "zero pages: \(look.zeroBytes as Any), in truth \(zero)")
        },
        Scenario("process-all", "processes side by side, one line each") { stage in
            try stage.beginProcesses()
            let holders = [
                try stage.holdPages(.hugetlb, "--spread 0:2,2:3 --rule default --name crowd"),
                try stage.holdPages(.thp, "--spread 1:2,3:1 --rule default --name crowd"),
                try stage.holdPages(.base, "--spread 0:20,3:40 --rule default --name crowd"),
                try stage.hold("fork --memory thp --pages 2 --node 2 --children 2 --name crowd"),
            ]
            try stage.expectList("--all", of: holders.flatMap(\.pids))
            try stage.expectList("crowd", of: holders.flatMap(\.pids))
            try stage.expectList("\(holders[0].pid) \(holders[3].child)", of: [holders[0].pid, holders[3].child])
        },
    ]
}

extension Stage {
    fileprivate func allowFoliosOf64KiB() throws {
        try shell("echo madvise >/sys/kernel/mm/transparent_hugepage/hugepages-64kB/enabled")
    }

    /// A part of `mixture` on node 0; nil where its pages may be anywhere.
    fileprivate func stretch(_ holder: GuestHolder, _ part: String) -> Stretch? {
        guard let addresses = holder.parts[part], let pages = Self.mixture[part] else { return nil }
        return Stretch(addresses: addresses, policy: "default", pages: pages)
    }

    /// Files in a guest are shared memory, too: it has nothing but its initramfs.
    private static let mixture: [String: [Stretch.Pages]] = [
        "hugetlb-private": [pages("hugetlb", twoMiB, 2 * twoMiB)],
        "hugetlb-shared": [pages("hugetlb", twoMiB, 2 * twoMiB, "shared")],
        "thp": [pages("thp", twoMiB, 2 * twoMiB)],
        "thp-part": [pages("thp", twoMiB, 511 * basePage)],
        "thp-forgotten": [pages("thp", twoMiB, 511 * basePage)],
        "thp-split": [pages("thp", twoMiB, twoMiB)],
        "mthp": [pages("mthp", 65536, 16 * 65536)],
        "base": [pages("base", basePage, 64 * basePage)],
        "zero": [],
        "zero-huge": [],
        "file": [pages("base", basePage, 16 * basePage), pages("base", basePage, 32 * basePage, "shared")],
        "file-shared": [pages("base", basePage, 16 * basePage, "shared")],
        "shm": [pages("base", basePage, 64 * basePage, "shared")],
        "shm-thp": [pages("thp", twoMiB, 2 * twoMiB, "shared")],
    ]

    private static func pages(
        _ kind: String, _ size: UInt64, _ bytes: UInt64, _ content: String = "anonymous"
    ) -> Stretch.Pages {
        Stretch.Pages(node: 0, kind: kind, size: size, content: content, bytes: bytes)
    }

    /// What `hugeaudit process WORDS` lists has a line for each of these, and its sums are those of numa_maps.
    fileprivate func expectList(
        _ words: String, of processes: [Int32], line: Int = #line, file: String = #fileID
    ) throws {
        let answer = try guest.order(
            "list '\(processes.map { "\($0)" }.joined(separator: " "))' \(words)", seconds: 90)
        let parts = answer.output.split(separator: /(?m)^@@/, omittingEmptySubsequences: false)
        guard parts.count > 1, let list = try? ProcessListDocument(String(parts[0])) else {
            return expect(false, "no list: \(answer.output.prefix(500))", line: line, file: file)
        }
        let witnesses = Dictionary(
            parts.dropFirst().compactMap { part in
                Int32(part.prefix { $0 != "\n" }).map { ($0, ProcessWitnesses(part.drop { $0 != "\n" })) }
            }, uniquingKeysWith: { $1 })
        let told = list.processes.map(\.pid)
        expect(told.count == Set(told).count, "a process twice: \(told)", line: line, file: file)
        let isAll = words == "--all"
        expect(Set(told).isSuperset(of: processes), "\(told), in truth \(processes)", line: line, file: file)
        if !isAll { expect(told.sorted() == processes.sorted(), "\(told)", line: line, file: file) }
        for process in list.processes where processes.contains(process.pid) {
            let pid = process.pid
            for isHuge in [false, true] {
                let sums = Dictionary(
                    process.placements.filter { ($0.kind == "hugetlb") == isHuge }.map { ($0.node ?? -1, $0.bytes) },
                    uniquingKeysWith: +)
                let kernel = witnesses[pid]?.bytes(areHuge: isHuge)
                expect(sums == kernel, "\(pid) is on \(sums), by the kernel \(kernel as Any)", line: line, file: file)
            }
            expect((process.mappings == nil) == isAll, "\(pid): mappings", line: line, file: file)
        }
    }
}
