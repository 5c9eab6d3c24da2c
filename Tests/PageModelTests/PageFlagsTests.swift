import PageModel
import Testing

/// Every bit of the kernel's list: its number, our flag, its name in reports.
private let bits: [(UInt64, PageFlags, String)] = [
    (0, .locked, "locked"),
    (1, .error, "error"),
    (2, .referenced, "referenced"),
    (3, .uptodate, "uptodate"),
    (4, .dirty, "dirty"),
    (5, .lru, "lru"),
    (6, .active, "active"),
    (7, .slab, "slab"),
    (8, .writeback, "writeback"),
    (9, .reclaim, "reclaim"),
    (10, .buddy, "buddy"),
    (11, .mmap, "mmap"),
    (12, .anon, "anon"),
    (13, .swapcache, "swapcache"),
    (14, .swapbacked, "swapbacked"),
    (15, .compoundHead, "compound_head"),
    (16, .compoundTail, "compound_tail"),  // the manual page's misprint would make this HUGE
    (17, .huge, "huge"),
    (18, .unevictable, "unevictable"),
    (19, .hwpoison, "hwpoison"),
    (20, .nopage, "nopage"),
    (21, .ksm, "ksm"),
    (22, .thp, "thp"),
    (23, .offline, "offline"),
    (24, .zeroPage, "zero_page"),
    (25, .idle, "idle"),
    (26, .pgtable, "pgtable"),
    (32, .reserved, "reserved"),
    (33, .mlocked, "mlocked"),
    (34, .owner2, "owner_2"),
    (35, .private, "private"),
    (36, .private2, "private_2"),
    (37, .ownerPrivate, "owner_private"),
    (38, .arch, "arch"),
    (39, .uncached, "uncached"),
    (40, .softdirty, "softdirty"),
    (41, .arch2, "arch_2"),
    (42, .arch3, "arch_3"),
]

@Test(arguments: bits) func everyBit(number: UInt64, flag: PageFlags, name: String) {
    #expect(flag.rawValue == 1 << number)
    #expect(flag.names == [name])
    #expect(PageFlags(rawValue: 1 << number) == flag)
}

@Test func bitsWithoutNameAreKeptAndShown() {
    let named = Set(bits.map(\.0))
    for number in UInt64(0)..<64 where !named.contains(number) {
        let word: UInt64 = 1 << number
        let flags = PageFlags(rawValue: word).union(.huge)
        #expect(flags.rawValue == word + (1 << 17))
        #expect(flags.names.sorted() == ["bit\(number)", "huge"])
    }
    #expect(PageFlags(rawValue: .max).names.count == 64)
    #expect(Set(PageFlags(rawValue: .max).names).count == 64)
}

private let descriptions: [(UInt64, String)] = [
    (0, "0x0 ()"),
    (0x28818, "0x28818 (uptodate,dirty,mmap,compound_head,huge)"),
    (0x800_0002_0000, "0x80000020000 (huge,bit43)"),
    (0x8000_0000_0000_0000, "0x8000000000000000 (bit63)"),
]

@Test(arguments: descriptions) func word(_ word: UInt64, readsAs text: String) {
    #expect(PageFlags(rawValue: word).description == text)
}

private let head: PageFlags = [.huge, .compoundHead]
private let tail: PageFlags = [.huge, .compoundTail]
private let used: PageFlags = [.uptodate, .dirty]
private let anonymous: PageFlags = [.anon, .mmap, .uptodate]

/// Words that kernels from 5.10 to 7.2 were seen to give.
private let observed: [(String, UInt64, PageFlags)] = [
    ("hugetlb free", 0x28000, head),
    ("hugetlb free, tail", 0x30000, tail),
    ("hugetlb free after anonymous use", 0x28018, head.union(used)),
    ("hugetlb free after anonymous use, tail on 6.12", 0x30018, tail.union(used)),
    ("hugetlb anonymous on 5.10", 0x29808, head.union(anonymous)),
    ("hugetlb in use on 5.10, tail", 0x8_0003_1800, [.huge, .compoundTail, .anon, .mmap, .private]),
    ("hugetlb anonymous on 6.1", 0x4_0002_9808, head.union(anonymous).union(.owner2)),
    ("hugetlb anonymous on 6.12, KSM for nothing", 0x4_0022_9808, head.union(anonymous).union([.owner2, .ksm])),
    ("hugetlb shared", 0x28818, head.union(used).union(.mmap)),
    ("hugetlb shared, tail", 0x30800, tail.union(.mmap)),
    ("hugetlb page cache on 5.10, tail", 0x8_0003_0000, tail.union(.private)),
    ("hugetlb pinned after munmap", 0x29018, head.union(used).union(.anon)),
    ("hugetlb poisoned", 0xA8018, head.union(used).union(.hwpoison)),
    ("hugetlb poisoned, tail on 6.12", 0xB0018, tail.union(used).union(.hwpoison)),
    ("hugetlb poisoned, its file deleted", 0xA8000, head.union(.hwpoison)),
    ("anonymous THP", 0x40_D828, [.thp, .compoundHead, .swapbacked, .anon, .mmap, .lru, .uptodate]),
    ("anonymous THP, tail", 0x41_1800, [.thp, .compoundTail, .anon, .mmap]),
    ("huge zero page", 0x140_8000, [.zeroPage, .thp, .compoundHead]),
    ("small zero page", 0x1_0100_0000, [.zeroPage, .reserved]),
    ("anonymous page", 0x5808, [.swapbacked, .anon, .mmap, .uptodate]),
    ("slab", 0x8080, [.compoundHead, .slab]),
    ("slab with junk on 6.12", 0x20_9080, [.compoundHead, .slab, .anon, .ksm]),
    ("buddy", 0x400, .buddy),
    ("page table", 0x400_0000, .pgtable),
    ("reserved", 0x1_0000_0000, .reserved),
    ("reserved with a private field", 0x9_0000_0000, [.reserved, .private]),
    ("hole up to 6.12", 0x10_0000, .nopage),
    ("hole from 6.16 on", 0, []),
]

@Test(arguments: observed) func observedWord(state: String, word: UInt64, means flags: PageFlags) {
    #expect(PageFlags(rawValue: word) == flags)
    let isHugetlb = state.hasPrefix("hugetlb")
    #expect(flags.contains(.huge) == isHugetlb)
    #expect(flags.contains(.compoundTail) == state.contains("tail"))
    #expect(flags.contains(.thp) == (state.contains("THP") || state.contains("huge zero")))
    #expect(flags.contains(.hwpoison) == state.contains("poisoned"))
}
