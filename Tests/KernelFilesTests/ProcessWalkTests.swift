import KernelFiles
import Observations
import PageModel
import TestSupport
import Testing

@testable import KernelFiles

private let pmdBytes: UInt64 = 2 << 20
private let (sixteenKiB, twoMiB) = (PageSize(bytes: 16 << 10)!, PageSize(bytes: 2 << 20)!)

/// A mapping of two aligned huge pages, from virtual page 512 on.
private let anonymous = "200000-600000 rw-p 00000000 00:00 0 "

private func amount(
    _ node: Int, _ kind: PageKind, _ size: PageSize = .fourKiB, _ content: PageContent = .anonymous, pages: UInt64,
    bytes: UInt64
) -> PageAmount {
    PageAmount(node: NodeID(node), kind: kind, size: size, content: content, pages: pages, bytes: bytes)
}

private func tally(_ process: SavedProcess) throws -> PageTally {
    let seen = try process.observed()
    #expect(seen.course == .complete && seen.isClassified, "\(seen.unread)")
    return try #require(seen.mappings.first).pages
}

@Test func basePagesOnTwoNodesInAnyOrder() throws {
    var process = SavedProcess(maps: [anonymous])
    process.map(512, to: 100, pages: 3)  // upwards
    for index in UInt64(0)..<4 { process.entries[520 + index] = SavedProcess.present(2051 - index) }  // downwards
    process.entries[530] = SavedProcess.present(2047)  // the last frame of node 0
    process.entries[531] = SavedProcess.present(2048)
    for frame in [100, 101, 102, 2047] + Array(2048...2051) {
        process.flags[UInt64(frame)] = SavedProcess.anon.rawValue
    }
    let tally = try tally(process)
    #expect(
        Set(tally.amounts) == [amount(0, .base, pages: 4, bytes: 16384), amount(1, .base, pages: 5, bytes: 20480)])
    #expect(tally.unique == 36864 && tally.shared == 0 && tally.proportional == 36864 << 12)
    #expect(tally.roomForHuge == 36864)
}

/// Scenario C: pages of a process with a map count of 1, summed.
@Test func sharingIsByKpagecount() throws {
    var process = SavedProcess(maps: [anonymous])
    process.map(512, to: 100, pages: 2)  // exclusive: kpagecount need not be asked
    process.map(514, to: 102, pages: 4, exclusive: false)
    for frame in UInt64(100)..<106 { process.flags[frame] = SavedProcess.anon.rawValue }
    process.counts = [102: 1, 103: 3, 104: 3, 105: 2]
    let tally = try tally(process)
    #expect(tally.unique == 3 * 4096 && tally.shared == 3 * 4096)
    #expect(tally.proportional == 3 * (4096 << 12) + 2 * ((4096 << 12) / 3) + (4096 << 12) / 2)
}

/// Scenario E: a compound page of order 2 reads H T T T.
@Test func foliosHaveTheSizeOfTheirTails() throws {
    var process = SavedProcess(maps: [anonymous])
    process.setFolio(at: 64, pages: 4, SavedProcess.anonTHP)
    process.setFolio(at: 68, pages: 4, SavedProcess.anonTHP)
    process.flags[72] = SavedProcess.anon.rawValue
    process.map(512, to: 64, pages: 9)
    var seen = try process.observed()
    var mapping = try #require(seen.mappings.first)
    #expect(
        Set(mapping.pages.amounts) == [
            amount(0, .mthp, sixteenKiB, pages: 2, bytes: 32768), amount(0, .base, pages: 1, bytes: 4096),
        ])
    #expect(seen.frames.heads == 2 && seen.frames.tails == 6 && seen.frames.thp == 8 && seen.frames.huge == 0)
    #expect(seen.frames.contradictionCount == 0)

    // Only the last page of the first folio and the first of the second: each still counts once.
    process.entries = [:]
    process.map(512, to: 67, pages: 2)
    seen = try process.observed()
    mapping = try #require(seen.mappings.first)
    #expect(mapping.pages.amounts == [amount(0, .mthp, sixteenKiB, pages: 2, bytes: 8192)])
    #expect(seen.frames.heads == 1 && seen.frames.tails == 1)
}

@Test func hugePageMappedInPartIsOne() throws {
    var process = SavedProcess(maps: [anonymous])
    process.setFolio(at: 512, pages: 512, SavedProcess.anonTHP)
    process.map(512, to: 512, pages: 512)
    process.entries[515] = nil
    let tally = try tally(process)
    #expect(tally.amounts == [amount(0, .thp, twoMiB, pages: 1, bytes: pmdBytes - 4096)])
    #expect(tally.mappedByPMD == nil)  // no PAGEMAP_SCAN tells
}

@Test func tailsUpTo61HaveTheirContentFromTheHead() throws {
    var process = SavedProcess(maps: [anonymous])
    process.setFolio(at: 64, pages: 4, [.thp, .mmap])
    process.flags[64] = PageFlags([.compoundHead, .thp, .mmap, .swapbacked, .uptodate]).rawValue
    process.map(513, to: 65, pages: 3, file: true)
    #expect(try tally(process).amounts == [amount(0, .mthp, sixteenKiB, .shared, pages: 1, bytes: 12288)])
}

@Test func contentIsOfWhomThePageIs() throws {
    let cases: [(PageFlags, PageContent)] = [
        ([.lru, .mmap, .anon, .swapbacked], .anonymous), ([.lru, .mmap, .anon], .anonymous),  // MADV_FREE
        ([.lru, .mmap, .swapbacked, .uptodate], .shared), ([.lru, .mmap, .uptodate], .file), ([.mmap], .file),
    ]
    for (flags, content) in cases {
        var process = SavedProcess(maps: [anonymous])
        process.entries[512] = SavedProcess.present(7)
        process.flags[7] = flags.rawValue
        #expect(try tally(process).amounts.map(\.content) == [content], "\(flags)")
    }
}

@Test func whatIsNobodysIsNotPlaced() throws {
    var process = SavedProcess(maps: [anonymous])
    let zero = PageFlags([.zeroPage, .reserved]).rawValue
    for page in UInt64(512)..<522 { process.entries[page] = SavedProcess.present(9, exclusive: false) }
    process.flags[9] = zero
    process.entries[530] = SavedProcess.present(10)  // the kernel's own
    process.flags[10] = PageFlags.reserved.rawValue
    process.entries[531] = SavedProcess.present(1 << 30)  // a device's memory
    process.entries[532] = SavedProcess.present(11)  // freed since
    process.flags[11] = PageFlags.buddy.rawValue
    process.entries[533] = 1 << 62 | 3 << 5 | 2  // swap area 2
    process.entries[534] = 1 << 62 | 100 << 5 | 30  // a migration entry
    process.entries[535] = 1 << 62 | 4 << 5 | 31  // a marker: a guard region
    let tally = try tally(process)
    #expect(tally.amounts.isEmpty && tally.resident == 0)
    #expect(tally.zero == 10 * 4096 && tally.reserved == 2 * 4096)
    #expect(tally.swapped == 4096 && tally.moving == 2 * 4096)
}

@Test func hugetlbIsReadByItsHead() throws {
    var process = SavedProcess(
        maps: ["200000-600000 rw-p 00000000 00:10 7 /anon_hugepage (deleted)"],
        numaMaps: ["200000 bind:1 file=/anon_hugepage\\040(deleted) huge anon=2 N1=2 kernelpagesize_kB=2048"])
    let flags: PageFlags = [.huge, .mmap, .anon, .uptodate]
    process.setFolio(at: 2048, pages: 512, flags)
    process.setFolio(at: 2560, pages: 512, flags)
    process.map(512, to: 2560, pages: 512)
    process.map(1024, to: 2048, pages: 512, exclusive: false)
    for frame in UInt64(2048)..<2560 { process.counts[frame] = 2 }
    let seen = try process.observed()
    let mapping = try #require(seen.mappings.first)
    #expect(mapping.policy == ForeignText("bind:1") && mapping.hugetlbSize == twoMiB)
    #expect(mapping.pages.amounts == [amount(1, .hugetlb, twoMiB, pages: 2, bytes: 2 * pmdBytes)])
    #expect(mapping.pages.unique == pmdBytes && mapping.pages.shared == pmdBytes)
    #expect(seen.frames.heads == 2 && seen.frames.tails == 1022 && seen.frames.huge == 1024)
    #expect(seen.frames.read == 8 && seen.frames.byFlags == nil)

    var reading = ProcessReading()
    reading.readsAllWords = true
    let all = try process.observed(reading)
    #expect(all.frames.read == 1024 && all.frames.heads == 2 && all.frames.tails == 1022)
    #expect(
        all.frames.byFlags == [flags.union(.compoundHead): 2, flags.union(.compoundTail): 1022])
    #expect(all.mappings == seen.mappings)

    // The frames themselves tell what the mapping is.
    process.numaMaps = []
    let untold = try #require(try process.observed().mappings.first)
    #expect(untold.hugetlbSize == twoMiB && untold.pages == mapping.pages)
}

@Test func wordsThatContradictAreToldOf() throws {
    var tailless = SavedProcess(maps: [anonymous])
    tailless.setFolio(at: 512, pages: 300, SavedProcess.anonTHP)
    tailless.map(512, to: 512, pages: 300)
    var headless = SavedProcess(maps: [anonymous])
    for frame in UInt64(700)..<703 { headless.flags[frame] = SavedProcess.anonTHP.union(.compoundTail).rawValue }
    headless.map(512, to: 700, pages: 3)
    var ordinary = SavedProcess(
        maps: ["200000-400000 rw-p 00000000 00:10 7 /anon_hugepage (deleted)"],
        numaMaps: ["200000 default file=/anon_hugepage\\040(deleted) huge anon=1 N0=1 kernelpagesize_kB=2048"])
    ordinary.map(512, to: 512, pages: 512)
    for frame in UInt64(512)..<1024 { ordinary.flags[frame] = SavedProcess.anon.rawValue }
    var short = ordinary
    short.setFolio(at: 512, pages: 256, [.huge, .mmap, .anon])
    short.setFolio(at: 768, pages: 256, [.huge, .mmap, .anon])
    var transparent = ordinary
    transparent.setFolio(at: 512, pages: 512, SavedProcess.anonTHP)
    for (process, contradictions) in [
        (tailless, [(FrameWords.Contradiction.Kind.tailsEndEarly, UInt64(1))]), (headless, [(.tailWithoutHead, 3)]),
        (ordinary, [(.hugetlbWithoutHuge, 512)]), (transparent, [(.hugetlbWithoutHuge, 512)]),
        (short, [(.tailsEndEarly, 1), (.tailsEndEarly, 1)]),
    ] {
        let frames = try process.observed().frames
        #expect(frames.contradictions.map(\.kind) == contradictions.map(\.0))
        #expect(frames.contradictions.map(\.frames) == contradictions.map(\.1))
        #expect(frames.contradictionCount == contradictions.reduce(0) { $0 + $1.1 })
    }
}

@Test func hiddenFramesArePlacedByNumaMaps() throws {
    var process = SavedProcess(
        maps: [anonymous], numaMaps: ["200000 default anon=3 dirty=3 N0=1 N1=2 kernelpagesize_kB=4"])
    for page in UInt64(512)..<515 { process.entries[page] = 1 << 63 }
    let seen = try process.observed()
    #expect(!seen.isClassified && seen.unread.contains { $0.subject == .pageTables })
    #expect(
        Set(try #require(seen.mappings.first).pages.amounts) == [
            PageAmount(node: NodeID(0), kind: nil, size: .fourKiB, content: nil, pages: 1, bytes: 4096),
            PageAmount(node: NodeID(1), kind: nil, size: .fourKiB, content: nil, pages: 2, bytes: 8192),
        ])
}

@Test func hiddenFramesWithoutNumaMapsStayHidden() throws {
    var process = SavedProcess(maps: [anonymous])
    for page in UInt64(512)..<515 { process.entries[page] = 1 << 63 }
    let pages = try #require(try process.observed().mappings.first).pages
    #expect(pages.amounts.isEmpty && pages.hidden == 12288 && pages.resident == 12288)
}

@Test func roomForHugePagesIsAligned() throws {
    // 3 MiB from 1 MiB on: one aligned huge page has room; of a file only where its offset is as the address is.
    let cases: [(String, UInt64)] = [
        ("100000-400000 rw-p 00000000 00:00 0 ", pmdBytes), ("100000-300000 rw-p 00000000 00:00 0 ", 0),
        ("100000-400000 rw-s 00100000 00:10 7 /memfd:a", pmdBytes), ("100000-400000 rw-s 00000000 00:10 7 /memfd:a", 0),
    ]
    for (line, room) in cases {
        var process = SavedProcess(maps: [line])
        process.map(256, to: 64, pages: 768)
        for frame in UInt64(64)..<832 { process.flags[frame] = SavedProcess.anon.rawValue }
        #expect(try tally(process).roomForHuge == room, "\(line)")
    }
}

@Test func aProcessThatIsGoneIsSaidToBe() throws {
    let tree = try SavedProcess(maps: [anonymous]).tree()
    let machine = ProcessMachine(tree.root)
    #expect(machine.observe(PID(43)).course == .ended)
    try tree.write("proc/42/status", bytes("Name:\tkthread\nState:\tS\nPPid:\t2\nThreads:\t1\nUid:\t0\t0\t0\t0\n"))
    #expect(machine.observe(PID(42)).course == .withoutMemory)
}

/// Kernel threads and zombies have a user, a cgroup and CPUs, and a reason why they have no memory.
@Test(
    arguments: [
        ("S (sleeping)", 0x20_8040, .kernelThread), ("Z (zombie)", 0x40_000c, .zombie), ("R (running)", 0x40_0004, nil),
    ] as [(String, UInt32, WithoutMemory?)])
func whoHasNoMemoryIsKnown(_ state: String, flags: UInt32, kind: WithoutMemory?) throws {
    let tree = try SavedProcess(maps: []).tree()
    let status = "Name:\tx\nState:\t\(state)\nPPid:\t2\nThreads:\t1\nUid:\t7\t7\t7\t7\nCpus_allowed_list:\t0-1\n"
    let stat = "42 (x) \(state.prefix(1)) 2 0 0 0 -1 \(flags) " + (10...52).map { "\($0 % 2)" }.joined(separator: " ")
    for folder in ["proc/42", "proc/42/task/42"] {
        try tree.write("\(folder)/status", bytes(status))
        try tree.write("\(folder)/stat", bytes(stat + "\n"))
    }
    try tree.write("proc/42/cgroup", bytes("0::/a.slice\n"))
    let seen = ProcessMachine(tree.root).observe(PID(42))
    #expect(seen.course == .withoutMemory && seen.withoutMemoryAs == kind && seen.unread.isEmpty, "\(seen.unread)")
    #expect(seen.user == ForeignText("7") && seen.cgroup == ForeignText("/a.slice"))
    #expect(seen.range.cpusAllowed == (kind == .zombie ? [] : [0, 1]))
}

/// Of a large process, and by a gentle look, smaps is left out unless it is asked for.
@Test(arguments: [(false, false, false), (true, false, true), (true, true, false), (false, true, false)])
func smapsIsLeftOut(_ isGentle: Bool, _ readsSmaps: Bool, isLeftOut: Bool) throws {
    var reading = ProcessReading()
    (reading.isGentle, reading.readsSmaps) = (isGentle, readsSmaps)
    let process = SavedProcess(maps: [anonymous])
    #expect(try process.observed(reading).isSmapsLeftOut == isLeftOut)
    let large = try process.tree()
    try large.write(
        "proc/42/status", bytes("Name:\tx\nState:\tS\nUid:\t0\t0\t0\t0\nVmRSS:\t1048577 kB\nHugetlbPages:\t0 kB\n"))
    #expect(ProcessMachine(large.root).observe(PID(42), reading).isSmapsLeftOut == !readsSmaps)
}

/// What the kernel does in one read of numa_maps counts as the page tables do.
@Test func longestReadIsThatOfNumaMapsToo() throws {
    var process = SavedProcess(maps: [anonymous])
    process.numaMaps = ["200000 default anon=2 N0=2 kernelpagesize_kB=4"]
    var reading = ProcessReading()
    (reading.isClassified, reading.isGentle) = (false, true)
    #expect(try process.observed(reading).longestReadSeconds > 0)
}
