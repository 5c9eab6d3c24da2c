import Observations
import PageModel

private let mib: UInt64 = 1 << 20
private let huge = PageSize(bytes: 2 << 20)!
private let gigantic = PageSize(bytes: 1 << 30)!

/// A database on a machine of two nodes with a mapping of each kind: hugetlb of both sizes, transparent huge pages of which
/// some are split, smaller folios, file pages, and something of what is not in RAM.
func database(_ pid: Int32 = 4711, named name: ForeignText = ForeignText("postgres")) -> ProcessObservation {
    var process = emptyProcess(pid, named: name)
    process.hugetlbBytes = Int64(gigantic.bytes + 3 * huge.bytes)
    process.residentBytes = Int64(21 * mib)
    process.mappings = [program(name), heap(), hugetlb(name), giganticPage(), stack()]
    (process.frames.heads, process.frames.tails, process.frames.huge) = (8, 265_719, 263_680)
    (process.frames.thp, process.frames.read) = (2064, 1024)
    process.pagesCompared = 9
    process.longestReadSeconds = 0.0021
    return process
}

/// One with an owner, CPUs and a device, and without memory.
func emptyProcess(_ pid: Int32, named name: ForeignText) -> ProcessObservation {
    let host = HostObservation(name: ForeignText("lab"), release: ForeignText("6.18.0"), basePageSize: .fourKiB)
    let nodes = (0..<2).map { node in
        NodeObservation(
            id: NodeID(node), memoryBytes: 8 << 30, freeBytes: 1 << 30, cpus: [2 * node, 2 * node + 1],
            distances: node == 0 ? [10, 20] : [20, 10])
    }
    var process = ProcessObservation(host: host, nodes: nodes, takenAt: 1_800_000_000, pid: PID(pid))
    (process.name, process.command, process.user) = (name, name, name)
    process.cgroup = ForeignText("/system.slice/postgresql.service")
    (process.durationSeconds, process.isTransparentEnabled) = (0.0125, true)
    process.range.cpusAllowed = [0, 1]
    process.range.cpusLastUsed = [0: 1, 1: 3]
    process.range.nodesAllowed = [NodeID(0), NodeID(1)]
    process.range.devices = [
        OpenDevice(
            name: name, path: ForeignText("/sys/devices/pci0000:00/0000:00:03.0"), node: NodeID(0))
    ]
    (process.transparent.enabled, process.transparent.shmemEnabled) = ("madvise", "never")
    (process.transparent.pmdSize, process.transparent.sizes) = (huge, [huge: "inherit"])
    return process
}

private func mapping(
    _ start: UInt64, _ length: UInt64, _ permissions: String, inode: UInt64 = 0, _ name: ForeignText,
    _ amounts: [PageAmount]
) -> MappingObservation {
    var tally = PageTally()
    for amount in amounts { tally.add(amount) }
    (tally.unique, tally.proportional) = (tally.resident, tally.resident << 12)
    var observation = MappingObservation(
        Mapping(
            addresses: start..<start + length, permissions: ForeignText(permissions), inode: inode, name: name),
        pages: tally)
    observation.policy = ForeignText("default")
    observation.vmFlags = ["rd", "mr", "mw"]
    return observation
}

private func amount(
    _ node: Int, _ kind: PageKind, _ size: PageSize, _ content: PageContent, _ pages: UInt64, _ bytes: UInt64? = nil
) -> PageAmount {
    PageAmount(
        node: NodeID(node), kind: kind, size: size, content: content, pages: pages, bytes: bytes ?? pages * size.bytes)
}

/// Shared with another process.
private func program(_ name: ForeignText) -> MappingObservation {
    var program = mapping(
        0x5555_5555_4000, 4 * mib, "r-xp", inode: 7, ForeignText("/opt/".utf8 + name.bytes),
        [amount(0, .base, .fourKiB, .file, 512)])
    (program.pages.unique, program.pages.shared) = (0, 2 * mib)
    program.pages.proportional = mib << 12
    program.isEligible = false
    return program
}

/// Three transparent huge pages, of which one is split and half unmapped, on the nodes of its policy.
private func heap() -> MappingObservation {
    var heap = mapping(
        0x5555_5600_0000, 16 * mib, "rw-p", ForeignText("[heap]"),
        [
            amount(0, .thp, huge, .anonymous, 3, 5 * mib), amount(0, .base, .fourKiB, .anonymous, 1024),
            amount(1, .base, .fourKiB, .anonymous, 64),
        ])
    (heap.pages.mappedByPMD, heap.pages.roomForHuge) = (4 * mib, 9 * mib)
    (heap.pages.swapped, heap.pages.zero) = (3 * mib, 8192)
    (heap.vmFlags, heap.isEligible) = (["rd", "wr", "hg"], true)
    return heap
}

private func hugetlb(_ name: ForeignText) -> MappingObservation {
    var hugetlb = mapping(
        0x7f00_0000_0000, 8 * mib, "rw-s", inode: 12, ForeignText("/dev/hugepages/".utf8 + name.bytes),
        [amount(0, .hugetlb, huge, .shared, 2), amount(1, .hugetlb, huge, .shared, 1)])
    (hugetlb.hugetlbSize, hugetlb.policy) = (huge, ForeignText("bind:0"))
    (hugetlb.pages.unique, hugetlb.pages.shared) = (2 * mib, 4 * mib)
    hugetlb.pages.proportional = 4 * mib << 12
    return hugetlb
}

private func giganticPage() -> MappingObservation {
    var gigantic = mapping(
        0x7f40_0000_0000, 1 << 30, "rw-s", inode: 13, ForeignText("/anon_hugepage (deleted)"),
        [amount(0, .hugetlb, gigantic, .shared, 1)])
    gigantic.hugetlbSize = PageSize(bytes: 1 << 30)
    return gigantic
}

private func stack() -> MappingObservation {
    let small = PageSize(bytes: 64 << 10)!
    let larger = PageSize(bytes: 128 << 10)!
    var stack = mapping(
        0x7ffc_0000_0000, mib, "rw-p", ForeignText("[stack]"),
        [
            amount(0, .mthp, small, .anonymous, 2), amount(0, .mthp, larger, .anonymous, 1),
            amount(0, .base, .fourKiB, .anonymous, 5),
        ])
    stack.isEligible = false
    return stack
}
