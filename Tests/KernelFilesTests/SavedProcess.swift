import KernelFiles
import Observations
import PageModel

@testable import KernelFiles

/// Process 42 of a machine of two nodes: frames 0 to 2047 are on node 0, those from 2048 to 4095 on node 1.
struct SavedProcess {
    /// Lines of maps.
    var maps: [String] = []
    /// Lines of numa_maps.
    var numaMaps: [String] = []
    /// Words of pagemap, by virtual page.
    var entries: [UInt64: UInt64] = [:]
    /// Words of kpageflags and kpagecount, by frame.
    var flags: [UInt64: UInt64] = [:]
    var counts: [UInt64: UInt64] = [:]

    /// An entry that is present, in `frame`.
    static func present(_ frame: UInt64, exclusive: Bool = true, file: Bool = false) -> UInt64 {
        1 << 63 | (file ? 1 << 61 : 0) | (exclusive ? 1 << 56 : 0) | frame
    }

    static let anon: PageFlags = [.uptodate, .lru, .mmap, .anon, .swapbacked]
    static let anonTHP = anon.union(.thp)

    /// A folio: a head, and tails with what 6.12 repeats of it.
    mutating func setFolio(at frame: UInt64, pages: UInt64, _ flags: PageFlags) {
        self.flags[frame] = flags.union(.compoundHead).rawValue
        for tail in frame + 1..<frame + pages { self.flags[tail] = flags.union(.compoundTail).rawValue }
    }

    /// Neighbouring pages in neighbouring frames.
    mutating func map(_ page: UInt64, to frame: UInt64, pages: UInt64, exclusive: Bool = true, file: Bool = false) {
        for index in 0..<pages {
            entries[page + index] = Self.present(frame + index, exclusive: exclusive, file: file)
        }
    }

    func tree() throws -> ScratchTree {
        let zones = [(0, 0), (1, 2048)].map { node, start in
            "Node \(node), zone DMA32\n  spanned 2048\n  managed 2000\n  start_pfn: \(start)\n"
        }
        let settings = "sys/kernel/mm/transparent_hugepage"
        let status =
            "Name:\tsaved\nState:\tS (sleeping)\nPPid:\t1\nUid:\t0\t0\t0\t0\nVmRSS:\t8 kB\nHugetlbPages:\t0 kB\n"
        let stat = "42 (saved) S " + (4...52).map { $0 == 39 ? "1" : "\($0)" }.joined(separator: " ") + "\n"
        return try ScratchTree(
            [
                "proc/zoneinfo": bytes(zones.joined()), "proc/meminfo": bytes("MemTotal: 16000 kB\nMemFree: 8000 kB\n"),
                "proc/42/status": bytes(status), "proc/42/stat": bytes(stat), "proc/42/task/42/stat": bytes(stat),
                "proc/42/task/42/status": bytes(status), "proc/42/comm": bytes("saved\n"),
                "proc/42/maps": bytes(maps.map { $0 + "\n" }.joined()),
                "proc/42/numa_maps": bytes(numaMaps.map { $0 + "\n" }.joined()),
                "proc/42/pagemap": Self.words(entries), "proc/kpageflags": Self.words(flags, count: 4096),
                "proc/kpagecount": Self.words(counts, count: 4096), "\(settings)/hpage_pmd_size": bytes("2097152\n"),
                "sys/devices/system/cpu/online": bytes("0-1\n"),
            ], folders: ["sys/kernel/mm/hugepages/hugepages-2048kB", "sys/kernel/mm/hugepages/hugepages-1048576kB"])
    }

    func observed(_ reading: ProcessReading = ProcessReading()) throws -> ProcessObservation {
        let tree = try tree()
        return ProcessMachine(tree.root).observe(PID(42), reading)
    }

    private static func words(_ words: [UInt64: UInt64], count: UInt64 = 0) -> [UInt8] {
        let end = max(count, (words.keys.max() ?? 0) + 1)
        return bytes(words: (0..<end).map { words[$0] ?? 0 })
    }
}
