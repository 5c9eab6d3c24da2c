import KernelFiles
import Observations
import PageModel
import SystemPackage
import Testing

@testable import KernelFiles

/// Every text format that has a parser: what a kernel writes, the pure parser, and the reader of the file.
private enum TextFormat: String, CaseIterable, Sendable {
    case meminfo, nodeMeminfo, vmstat, zoneinfo, cpulist, distance, count, reservation, demoteSize, blockSize, status
    case maps, numaMaps, mountinfo, smaps, descriptorInfo, segments, buddyinfo
    case allowedLists, stat, setting, smapsFlags, packetSockets, attachedNode

    var sample: [UInt8] {
        let text =
            switch self {
            case .meminfo: "MemTotal:  2029092 kB\nActive(anon):  1892 kB\nHugePages_Total:  40\nHugetlb:  81920 kB\n"
            case .nodeMeminfo: "Node 1 MemTotal:   514640 kB\nNode 1 MemFree:   479356 kB\nNode 1 HugePages_Free: 8\n"
            case .vmstat: "nr_free_pages 119839\nnr_hugetlb 1536\nnr_foll_pin_acquired 512\n"
            case .zoneinfo:
                "Node 0, zone      DMA\n  pages free     3776\n        spanned  4095\n        managed  3840\n"
                    + "  start_pfn:           1\nNode 1, zone   Normal\n        spanned  8\n        managed  7\n"
                    + "  start_pfn:           4096\n"
            case .cpulist: "0-3,8,10-11\n"
            case .distance: "10 16 22 28\n"
            case .count, .reservation: "40\n"
            case .demoteSize: "2048kB\n"
            case .blockSize: "8000000\n"
            case .status:
                "Name:\tdb\nState:\tS (sleeping)\nPPid:\t131\nUid:\t0\t0\t0\t0\nVmLck:\t       0 kB\n"
                    + "VmPin:\t    4104 kB\nHugetlbPages:\t    8192 kB\nThreads:\t1\n"
            case .maps:
                "00400000-00401000 r--p 00000000 00:02 198      /bin/holder\n004be000-004c4000 rw-p 00000000 00:00 0 \n"
                    + "7fac40400000-7fac40c00000 rw-p 00000000 00:0f 10264       /anon_hugepage (deleted)\n"
            case .numaMaps:
                "00400000 bind:2 file=/bin/holder dirty=1 mapmax=2 N1=1 kernelpagesize_kB=4\n7ffe587c4000 bind:2\n"
                    + "7fac40400000 prefer (many):2 huge anon=4 N2=4 kernelpagesize_kB=2048\n"
            case .mountinfo:
                "24 27 0:6 / /dev rw,relatime shared:2 master:1 - devtmpfs devtmpfs rw,size=12334492k,mode=755\n"
                    + "42 24 0:39 / /dev/hugepages rw - hugetlbfs none rw,pagesize=2M,min_size=20971520\n"
            case .smaps:
                "00400000-00401000 r--p 00000000 00:02 198      /bin/holder\nSize:    4 kB\nVmFlags: rd mr mw me\n"
                    + "7fac40400000-7fac40c00000 rw-p 00000000 00:0f 10264       /anon_hugepage (deleted)\n"
                    + "Private_Hugetlb:    8192 kB\nVmFlags: rd wr mr mw me nr ht\n"
            case .descriptorInfo:
                "pos:\t0\nflags:\t02\nmnt_id:\t17\nino:\t151623\nscm_fds: 2\nUserFiles:\t1\n    0: /dev/null\n"
                    + "UserBufs:\t2\n    0: 0x7f7562c00000/2097152\n    1: <none>\nPollList:\n"
            case .segments:
                "       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid  rss\n"
                    + "-847269989 1 600 6291456 20090 20090 1 0 0 0 0 1795272284 0 1795272284 2147483648 0\n"
            case .buddyinfo:
                "Node 0, zone      DMA      0      0      1      3 \nNode 1, zone   Normal      7      5      2      0 \n"
            case .allowedLists:
                "Name:\tdb\nCpus_allowed:\tf\nCpus_allowed_list:\t0-3\nMems_allowed:\t5\nMems_allowed_list:\t0,2\n"
            case .stat:
                "7 (a) b) S 1 7 7 0 -1 4194560 2182 0 0 0 3 4 0 0 20 0 1 0 9054 3133440 410 18446744073709551615 1 2 3 4 5 "
                    + "0 0 0 0 0 0 0 17 1 0 0 0 0 0 6 7 8 9 10 11 12 0\n"
            case .packetSockets:
                "sk               RefCnt Type Proto  Iface R Rmem   User   Inode\n"
                    + "0000000000000000 3      3    0003   2     1 0      0      18312 \n"
            case .attachedNode: "1\n"
            case .setting: "always [madvise] never\n"
            case .smapsFlags:
                "00400000-00401000 r--p 00000000 00:02 198      /bin/holder\nKernelPageSize:    4 kB\nTHPeligible:    0\n"
                    + "VmFlags: rd mr mw me\n7fac40400000-7fac40c00000 rw-p 00000000 00:0f 10264       /anon_hugepage\n"
                    + "KernelPageSize:    2048 kB\nTHPeligible:    1\nVmFlags: rd wr mr mw me nr ht\n"
            }
        return bytes(text)
    }

    func parse(_ content: [UInt8]) throws(FormatError) {
        switch self {
        case .meminfo, .nodeMeminfo: _ = try Meminfo(parsing: content)
        case .vmstat: _ = try vmstatCounters(parsing: content)
        case .zoneinfo: _ = try Zoneinfo(parsing: content)
        case .cpulist: _ = try cpuList(parsing: content)
        case .distance: _ = try nodeDistances(parsing: content)
        case .count, .reservation: _ = try content.number("a count")
        case .demoteSize: _ = try PageSize(parsingDemoteSize: content)
        case .blockSize: _ = try content.number(radix: 16, "a size")
        case .status: _ = try ProcessStatus(parsing: content)
        case .maps: try content.eachLine { line throws(FormatError) in _ = try Mapping(parsing: line) }
        case .numaMaps: try content.eachLine { line throws(FormatError) in _ = try NumaMapping(parsing: line) }
        case .mountinfo: try content.eachLine { line throws(FormatError) in _ = try MountInfo(parsing: line) }
        case .smaps:
            var mappings = NoReserveMappings(among: [0x40_0000, 0x7fac_4040_0000])
            try content.eachLine { line throws(FormatError) in try mappings.add(line) }
        case .descriptorInfo: _ = try DescriptorInfo(parsing: content)
        case .segments:
            try content.eachLine { line throws(FormatError) in
                try SharedMemorySegment.parse(line) { segment in
                    _ = segment.hugePages(of: .fourKiB, base: .fourKiB, release: KernelRelease(6, 18))
                }
            }
        case .buddyinfo: _ = try Buddyinfo(parsing: content, base: .fourKiB)
        case .allowedLists: _ = try AllowedLists(parsing: content)
        case .stat: _ = try ThreadStat(parsing: content)
        case .setting: _ = try choice(parsing: content)
        case .packetSockets:
            try content.eachLine { line throws(FormatError) in
                if line.number > 1 { _ = try PacketSocket(parsing: line) }
            }
        case .attachedNode: _ = try deviceNode(parsing: content)
        case .smapsFlags:
            var reader = SmapsReader()
            try content.eachLine { line throws(FormatError) in _ = try reader.add(line) }
        }
    }

    /// Where the reader looks for it.
    var path: String {
        let pool = "sys/kernel/mm/hugepages/hugepages-2048kB"
        return switch self {
        case .meminfo: "proc/meminfo"
        case .nodeMeminfo: "sys/devices/system/node/node0/meminfo"
        case .vmstat: "sys/devices/system/node/node0/vmstat"
        case .zoneinfo: "proc/zoneinfo"
        case .cpulist: "sys/devices/system/node/node0/cpulist"
        case .distance: "sys/devices/system/node/node0/distance"
        case .count: "\(pool)/nr_hugepages"
        case .reservation: "\(pool)/resv_hugepages"
        case .demoteSize: "\(pool)/demote_size"
        case .blockSize: "sys/devices/system/memory/block_size_bytes"
        case .status: "proc/7/status"
        case .maps: "proc/7/maps"
        case .numaMaps: "proc/7/numa_maps"
        case .mountinfo: "proc/7/mountinfo"
        case .smaps: "proc/7/smaps"
        case .descriptorInfo: "proc/7/fdinfo/3"
        case .segments: "proc/sysvipc/shm"
        case .buddyinfo: "proc/buddyinfo"
        case .allowedLists: "proc/8/status"
        case .stat: "proc/8/stat"
        case .setting: "sys/kernel/mm/transparent_hugepage/enabled"
        case .smapsFlags: "proc/8/smaps"
        case .packetSockets: "proc/8/net/packet"
        case .attachedNode: "sys/devices/pci0000:00/numa_node"
        }
    }

    func read(_ root: KernelRoot) throws(KernelFileError) {
        switch self {
        case .meminfo: _ = try root.meminfo()
        case .nodeMeminfo: _ = try root.meminfo(of: NodeID(0))
        case .vmstat: _ = try root.vmstat(of: NodeID(0))
        case .zoneinfo: _ = try root.zoneinfo()
        case .cpulist, .distance: _ = try root.node(NodeID(0))
        case .count, .reservation, .demoteSize: _ = try root.globalHugepages(of: PageSize(bytes: 2 << 20) ?? .fourKiB)
        case .blockSize: _ = try root.nodeMap(of: [NodeID(0)], base: .fourKiB, zones: [])
        case .status:
            var buffer: [UInt8] = []
            _ = try root.status("7", buffer: &buffer)
        case .maps: try root.mappings(of: "7") { _ in }
        case .numaMaps: try root.numaMappings(of: "7") { _ in }
        case .mountinfo: try root.mounts(of: "7", ofTypes: [""]) { _ in }
        case .smaps: _ = try root.noReserveMappings(of: "7", among: [0x40_0000, 0x7fac_4040_0000])
        case .descriptorInfo: _ = try root.descriptorInfo(of: 3, of: "7")
        case .segments: try root.sharedMemorySegments { _ in }
        case .buddyinfo: _ = try root.freeBlocks(base: .fourKiB)
        case .allowedLists:
            var buffer: [UInt8] = []
            _ = try root.allowedLists(of: "8", buffer: &buffer)
        case .stat: _ = try root.startTime(of: PID(8))
        case .setting: _ = try root.transparentSettings()
        case .packetSockets: _ = try root.packetSockets(of: "8")
        case .attachedNode: _ = try root.attachedDevices(at: "sys/devices/pci0000:00")
        case .smapsFlags:
            var longest = Duration.zero
            try root.smapsFlags(of: "8", longestRead: &longest) { _ in }
        }
    }
}

/// A tree in which every format has its right content.
private func soundTree() throws -> ScratchTree {
    let tree = try ScratchTree(Dictionary(uniqueKeysWithValues: TextFormat.allCases.map { ($0.path, $0.sample) }))
    for name in ["free_hugepages", "surplus_hugepages"] {
        try tree.write("sys/kernel/mm/hugepages/hugepages-2048kB/\(name)", bytes("0\n"))
    }
    return tree
}

@Test(arguments: TextFormat.allCases) private func sampleIsSound(format: TextFormat) throws {
    try format.parse(format.sample)
    let tree = try soundTree()
    try format.read(tree.root)
}

@Test(arguments: TextFormat.allCases, Damage.allCases)
private func valueOrErrorWithLine(format: TextFormat, damage: Damage) throws {
    for content in damage.contents(of: format.sample, seed: 1) {
        guard let error = formatError({ () throws(FormatError) in try format.parse(content) }) else { continue }
        let lines = content.count { $0 == .newline } + 1
        #expect((1...lines).contains(error.line))
        #expect(!error.expected.isEmpty)
        #expect(error.text.count <= 80 && !error.text.contains("\n"))
    }
}

@Test(arguments: TextFormat.allCases, Damage.allCases)
private func readerNamesThePath(format: TextFormat, damage: Damage) throws {
    let tree = try soundTree()
    for content in damage.contents(of: format.sample, seed: 2).prefix(damage == .overlong ? 1 : 20) {
        try tree.write(format.path, content)
        let error = fileError { () throws(KernelFileError) in try format.read(tree.root) }
        let isParsed = formatError { () throws(FormatError) in try format.parse(content) } == nil
        // A count may be a number, and still be more than there can be pages or blocks.
        #expect(error != nil || isParsed)
        guard let error else { continue }
        #expect(error.path == tree.root.path(format.path))
        guard case .malformed(let reason) = error.problem else { throw error }
        #expect(reason.line >= 1 && !reason.expected.isEmpty)
    }
}

/// How many of the damaged contents each damage must at least make unreadable, over all formats: the table that shows
/// that the tests above do not pass for want of errors.
private let harm: [(Damage, Int)] = [
    (.truncated, 100), (.empty, 10), (.binary, 300), (.overlong, 20), (.negative, 60), (.overflowing, 200),
    (.reordered, 40), (.flipped, 300), (.carriageReturns, 15), (.nuls, 20),
]

@Test(arguments: harm) private func damageIsNoticed(damage: Damage, atLeast least: Int) {
    let errors = TextFormat.allCases.map { format in
        damage.contents(of: format.sample, seed: 1).count { content in
            formatError { () throws(FormatError) in try format.parse(content) } != nil
        }
    }
    #expect(errors.reduce(0, +) >= least)
}

/// The words of the process itself have no wrong form: there is always a name, however odd.
@Test(arguments: Damage.allCases) private func namesAreNeverRefused(damage: Damage) throws {
    let cgroup = bytes("9:hugetlb:/pool\n4:memory:/process_api/e76b8bd1\n0::/\n")
    let passwd = bytes("root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1:daemon:/usr/sbin:/bin/false\n")
    let tree = try ScratchTree()
    for content in damage.contents(of: cgroup, seed: 3).prefix(100) {
        try tree.write("proc/7/cgroup", content)
        try tree.write("proc/7/comm", content)
        try tree.write("proc/7/cmdline", content)
        #expect(tree.root.cgroup(of: PID(7)).bytes.count <= max(1, content.count))
        #expect(tree.root.name(of: PID(7)).bytes.count <= content.count)
        #expect(tree.root.command(of: PID(7)).bytes.count <= 4096)
    }
    for content in damage.contents(of: passwd, seed: 4).prefix(100) {
        try tree.write("etc/passwd", content)
        #expect(tree.root.userNames().count <= content.count { $0 == .newline } + 1)
    }
}
