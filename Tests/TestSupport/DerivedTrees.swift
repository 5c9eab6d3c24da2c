/// Machines made out of a saved one, for shapes that no machine here could be saved in.
extension FixtureTree {
    /// `four-nodes-6.1` with its nodes 2 and 3 numbered 5 and 8.
    public static func nodeGaps() throws -> FixtureTree {
        let numbers = [(from: 2, to: 5), (from: 3, to: 8)]
        return try FixtureTree("four-nodes-6.1") { parts in
            for index in parts.indices {
                for (from, to) in numbers {
                    parts[index].path = parts[index].path.replacing("/node/node\(from)", with: "/node/node\(to)")
                    parts[index].body = parts[index].body
                        .replacing("Node \(from),", with: "Node \(to),").replacing("Node \(from) ", with: "Node \(to) ")
                        .replacing(" N\(from)=", with: " N\(to)=")
                }
            }
        }
    }

    /// A kernel without memory hotplug: no memory blocks, zones alone tell the node.
    public static func withoutMemoryBlocks(_ name: String) throws -> FixtureTree {
        try FixtureTree(name) { parts in
            parts.removeAll { $0.path.hasPrefix("sys/devices/system/memory") || $0.path.contains("/memory") }
        }
    }

    /// A kernel without NUMA: no nodes in sysfs, and zones of a node 0 only.
    public static func withoutNUMA() throws -> FixtureTree {
        try FixtureTree("four-nodes-6.1") { parts in
            parts.removeAll { $0.path.hasPrefix("sys/devices/system/node") }
            parts.append(Part(kind: .text, path: "sys/devices/system/cpu/online", body: "0-3\n"))
            for index in parts.indices where parts[index].path == "proc/zoneinfo" {
                for node in 1...3 {
                    parts[index].body = parts[index].body.replacing("Node \(node),", with: "Node 0,")
                }
            }
        }
    }

    /// What root without CAP_SYS_ADMIN is shown of `four-nodes-6.1`: pagemap words without frame numbers.
    public static func hiddenFrames() throws -> FixtureTree {
        try FixtureTree("four-nodes-6.1") { parts in
            for index in parts.indices where parts[index].path.hasSuffix("/pagemap") {
                parts[index].body = editedWords(parts[index].body) { ($0 >> 55) << 55 }
            }
        }
    }

    /// `leak-6.1` without the files of physical memory: a kernel that lacks them, or a user who may not read them.
    public static func withoutFrames() throws -> FixtureTree {
        try FixtureTree("leak-6.1") { parts in parts.removeAll { $0.path.hasPrefix("proc/kpage") } }
    }

    /// `four-nodes-6.1` with the content of one file replaced.
    public static func fourNodes(_ path: String, reads body: String) throws -> FixtureTree {
        try FixtureTree("four-nodes-6.1") { parts in
            for index in parts.indices where parts[index].path == path { parts[index].body = body + "\n" }
        }
    }

    /// `four-nodes-6.1` with a pool of three 64 KiB pages on node 0, as arm64 has beside its 2 MiB ones: the second of
    /// them mapped by somebody unseen. The smallest size is then a run of 16 frames.
    public static func smallHugePages() throws -> FixtureTree {
        try FixtureTree("four-nodes-6.1") { parts in
            for index in parts.indices where parts[index].path == "proc/kpageflags" {
                var body = "0x1000 1 1 0x28000\n0x1010 1 1 0x28818\n0x1020 1 1 0x28000\n"
                for line in parts[index].body.split(separator: "\n") where !line.hasPrefix("#") {
                    let numbers = line.split(separator: " ").map(parsedNumber)
                    guard PageWord.isHead(numbers[3]) else { continue }
                    for head in 0..<numbers[1] {
                        let frame = numbers[0] + head * numbers[2]
                        body += "\(frame) 1 1 \(numbers[3])\n\(frame + 16) 31 16 0x30800\n"
                    }
                }
                parts[index].body = body
            }
            let counters = ["nr_hugepages": 3, "free_hugepages": 2, "surplus_hugepages": 0]
            for node in 0...3 {
                for (name, count) in counters {
                    let folder = "sys/devices/system/node/node\(node)/hugepages/hugepages-64kB"
                    parts.append(Part(kind: .text, path: "\(folder)/\(name)", body: "\(node == 0 ? count : 0)\n"))
                }
            }
            let others = ["resv_hugepages": 0, "nr_overcommit_hugepages": 0]
            for (name, count) in counters.merging(others, uniquingKeysWith: { $1 }) {
                let path = "sys/kernel/mm/hugepages/hugepages-64kB/\(name)"
                parts.append(Part(kind: .text, path: path, body: "\(count)\n"))
            }
            for index in parts.indices where parts[index].path == "proc/meminfo" {
                parts[index].body =
                    parts[index].body.split(separator: "\n")
                    .map { $0.hasPrefix("Hugetlb:") ? "Hugetlb: \(40 * 2048 + 3 * 64) kB" : String($0) }
                    .joined(separator: "\n") + "\n"
            }
        }
    }

    /// `gigantic-6.1`, which has 1 + 2 pages of 1 GiB, started with a command line that asks for 3 + 5.
    public static func shortfall() throws -> FixtureTree {
        try FixtureTree("gigantic-6.1") { parts in
            let line = "quiet hugepagesz=1G hugepages=0:3,1:5 hugepagesz=2M hugepages=16\n"
            let blocks = "Node 0, zone Normal 0 1 0 1 0 0 0 0 0 0 9\nNode 1, zone Normal 1 0 0 0 0 0 0 2 0 0 0\n"
            parts.append(Part(kind: .text, path: "proc/cmdline", body: line))
            parts.append(Part(kind: .text, path: "proc/buddyinfo", body: blocks))
        }
    }

    /// Words in the form of a fixture with each value changed.
    private static func editedWords(_ body: String, _ edit: (UInt64) -> UInt64) -> String {
        body.split(separator: "\n").filter { !$0.hasPrefix("#") }.map { line in
            let numbers = line.split(separator: " ").map(parsedNumber)
            return "\(numbers[0]) \(numbers[1]) \(numbers[2]) \(edit(numbers[3]))\n"
        }.joined()
    }
}

private enum PageWord {
    /// Bits 15 and 17: COMPOUND_HEAD and HUGE.
    static func isHead(_ word: UInt64) -> Bool { word & 0x28000 == 0x28000 }
}
