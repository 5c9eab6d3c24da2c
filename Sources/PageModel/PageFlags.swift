/// One word of `/proc/kpageflags`. A bit without a name here stays in `rawValue` and is shown as `bit43`.
/// Source: kernel `include/uapi/linux/kernel-page-flags.h` and, from bit 32 on, `include/linux/kernel-page-flags.h`.
public struct PageFlags: OptionSet, Hashable, Sendable, CustomStringConvertible {
    public let rawValue: UInt64
    public init(rawValue: UInt64) { self.rawValue = rawValue }

    public static let locked = Self(bit: 0)
    /// Never set by 6.12 and newer.
    public static let error = Self(bit: 1)
    /// Sticky on hugetlb pages, where it means nothing.
    public static let referenced = Self(bit: 2)
    /// Stale on a free hugetlb page that was anonymous before: says nothing of use.
    public static let uptodate = Self(bit: 3)
    public static let dirty = Self(bit: 4)
    public static let lru = Self(bit: 5)
    public static let active = Self(bit: 6)
    public static let slab = Self(bit: 7)
    public static let writeback = Self(bit: 8)
    public static let reclaim = Self(bit: 9)
    /// Every page of a free block of the buddy allocator.
    public static let buddy = Self(bit: 10)
    /// Some page table maps the folio. On hugetlb and THP the head and all tails have it alike.
    public static let mmap = Self(bit: 11)
    /// Also junk on some slab pages of 6.12 to 6.18: test `.slab` first.
    public static let anon = Self(bit: 12)
    public static let swapcache = Self(bit: 13)
    public static let swapbacked = Self(bit: 14)
    public static let compoundHead = Self(bit: 15)
    public static let compoundTail = Self(bit: 16)
    /// A hugetlb page, head and every tail, free or used. Bit 17: documentation of the 4.x years misprints it as 16.
    public static let huge = Self(bit: 17)
    public static let unevictable = Self(bit: 18)
    /// Of a poisoned hugetlb page: the head only up to 6.1, head and all tails from 6.12 on.
    public static let hwpoison = Self(bit: 19)
    /// A hole or an offline block. Never set from 6.16 on, where such a word is 0.
    public static let nopage = Self(bit: 20)
    /// On every anonymous page of 6.12 to 6.18, whether merged or not.
    public static let ksm = Self(bit: 21)
    /// A large folio that is no hugetlb page, of any order: neither 2 MiB nor PMD-mapped is meant.
    public static let thp = Self(bit: 22)
    public static let offline = Self(bit: 23)
    public static let zeroPage = Self(bit: 24)
    public static let idle = Self(bit: 25)
    public static let pgtable = Self(bit: 26)
    public static let reserved = Self(bit: 32)
    public static let mlocked = Self(bit: 33)
    /// `KPF_MAPPEDTODISK` up to 6.1, `KPF_OWNER_2` from 6.12 on; on an anonymous folio "not shared by fork".
    public static let owner2 = Self(bit: 34)
    /// On 5.10 at the word after a hugetlb head: set exactly while the page is in use.
    public static let `private` = Self(bit: 35)
    public static let private2 = Self(bit: 36)
    public static let ownerPrivate = Self(bit: 37)
    public static let arch = Self(bit: 38)
    /// Gone by 6.12.
    public static let uncached = Self(bit: 39)
    /// Made up by `page-types` itself, never by the kernel.
    public static let softdirty = Self(bit: 40)
    public static let arch2 = Self(bit: 41)
    public static let arch3 = Self(bit: 42)

    private init(bit: UInt64) { rawValue = 1 << bit }

    /// The kernel's name of each bit that has one, without `KPF_`, in small letters.
    private static let bitNames: [UInt64: String] = [
        0: "locked", 1: "error", 2: "referenced", 3: "uptodate", 4: "dirty", 5: "lru", 6: "active", 7: "slab",
        8: "writeback", 9: "reclaim", 10: "buddy", 11: "mmap", 12: "anon", 13: "swapcache", 14: "swapbacked",
        15: "compound_head", 16: "compound_tail", 17: "huge", 18: "unevictable", 19: "hwpoison", 20: "nopage",
        21: "ksm", 22: "thp", 23: "offline", 24: "zero_page", 25: "idle", 26: "pgtable", 32: "reserved",
        33: "mlocked", 34: "owner_2", 35: "private", 36: "private_2", 37: "owner_private", 38: "arch",
        39: "uncached", 40: "softdirty", 41: "arch_2", 42: "arch_3",
    ]

    /// The names of the bits that are set, from the lowest; `bit43` for one that has no name here.
    public var names: [String] {
        (UInt64(0)..<64).filter { rawValue >> $0 & 1 == 1 }.map { Self.bitNames[$0] ?? "bit\($0)" }
    }

    /// The word in hexadecimal with its names: `0x28818 (uptodate,dirty,mmap,compound_head,huge)`.
    public var description: String { "\(hexadecimal(rawValue)) (\(names.joined(separator: ",")))" }
}
