/// One word of `/proc/PID/pagemap`: what the kernel says of one virtual base page. Every bit is kept.
/// Layout of 4.3 and newer. Source: kernel `Documentation/admin-guide/mm/pagemap.rst`.
public struct PagemapEntry: Hashable, Sendable {
    public let rawValue: UInt64
    public init(word: UInt64) { rawValue = word }

    /// Where the page is: exactly one of these.
    public enum Location: Hashable, Sendable {
        /// In RAM, in this frame.
        case present(PFN)
        /// In RAM, but bits 0–54 read 0: whoever opened the file lacked CAP_SYS_ADMIN. Never page 0.
        case hidden
        /// A swap-like entry: swap, migration, device-private, hwpoison or a marker. Both 0 without CAP_SYS_ADMIN.
        case swapped(type: UInt8, offset: UInt64)
        /// Nothing there. A poisoned or migrating hugetlb page reads like this, too.
        case absent
    }

    /// Bits 63 present, 62 swap-like, 0–54 frame, or 0–4 swap type and 5–54 swap offset.
    public var location: Location {
        let low = rawValue & (1 << 55 - 1)
        if rawValue >> 63 == 1 { return low == 0 ? .hidden : .present(PFN(low)) }
        return bit(62) ? .swapped(type: UInt8(low & 31), offset: low >> 5) : .absent
    }

    /// Of the swap-like entries one whose page is in swap. The kernel numbers swap areas from 0, and its other uses of such
    /// entries from the top. Source: kernel `include/linux/swap.h`, MAX_SWAPFILES is 23 or more.
    public var isInSwap: Bool { if case .swapped(let type, _) = location { type < 23 } else { false } }

    /// Of the swap-like entries one that stands for no page: a guard region, or what userfaultfd and a driver noted there. It
    /// names no frame but a small number. Source: kernel `include/linux/swapops.h`, PTE_MARKER_….
    public var isMarker: Bool {
        if case .swapped(_, let offset) = location { !isInSwap && offset < 16 } else { false }
    }

    /// Bit 55. Set, too, on a page of a fresh mapping that is not populated.
    public var isSoftDirty: Bool { bit(55) }
    /// Bit 56: mapped once. Wrongly set up to 6.1 for hugetlb pages behind a shared PMD page table.
    public var isExclusive: Bool { bit(56) }
    /// Bit 57, from 5.13 on: write-protected by userfaultfd.
    public var isUserfaultWriteProtected: Bool { bit(57) }
    /// Bit 58, from 6.15 on: a guard region.
    public var isGuardRegion: Bool { bit(58) }
    /// Bit 61: page of a file or shared anonymous memory.
    public var isFileOrShared: Bool { bit(61) }

    private func bit(_ number: UInt64) -> Bool { rawValue >> number & 1 == 1 }
}
