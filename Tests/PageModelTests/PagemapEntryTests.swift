import PageModel
import Testing

private let locations: [(UInt64, PagemapEntry.Location)] = [
    (0x8000_0000_0000_1000, .present(PFN(0x1000))),
    (0x8000_0000_0000_0001, .present(PFN(1))),
    (0x807f_ffff_ffff_ffff, .present(PFN(1 << 55 - 1))),  // all 55 bits of the frame
    (0xff80_0000_0004_3200, .present(PFN(0x43200))),  // every flag set around it
    (0xc000_0000_0000_0007, .present(PFN(7))),  // present wins over swapped
    (0x8000_0000_0000_0000, .hidden),  // never page 0
    (0x8180_0000_0000_0000, .hidden),  // as root without CAP_SYS_ADMIN sees it
    (0xa180_0000_0000_0000, .hidden),
    (0x4000_0000_0000_00e3, .swapped(type: 3, offset: 7)),
    (0x4000_0000_0000_001f, .swapped(type: 31, offset: 0)),
    (0x407f_ffff_ffff_ffe0, .swapped(type: 0, offset: 1 << 50 - 1)),
    (0x4000_0000_0000_0000, .swapped(type: 0, offset: 0)),  // swapped, and hidden
    (0x4400_0000_0000_0000, .swapped(type: 0, offset: 0)),  // a guard region's marker
    (0, .absent),
    (0x0080_0000_0000_0000, .absent),  // soft-dirty of a fresh mapping: nothing there
    (0x0400_0000_0000_0000, .absent),
    (0x2000_0000_0000_0000, .absent),
    (0x0000_0000_0004_3200, .absent),  // a frame that is not present is no frame
]

@Test(arguments: locations) func location(word: UInt64, means location: PagemapEntry.Location) {
    let entry = PagemapEntry(word: word)
    #expect(entry.location == location)
    #expect(entry.rawValue == word)
}

/// Every bit above the frame, alone: which of soft-dirty, exclusive, write-protected, guard and file it is.
private let flags: [(UInt64, [Bool])] = [
    (54, [false, false, false, false, false]),
    (55, [true, false, false, false, false]),
    (56, [false, true, false, false, false]),
    (57, [false, false, true, false, false]),
    (58, [false, false, false, true, false]),
    (59, [false, false, false, false, false]),
    (60, [false, false, false, false, false]),
    (61, [false, false, false, false, true]),
    (62, [false, false, false, false, false]),
    (63, [false, false, false, false, false]),
]

@Test(arguments: flags) func flag(bit: UInt64, isOneOf expected: [Bool]) {
    let entry = PagemapEntry(word: 1 << bit)
    #expect(
        [
            entry.isSoftDirty, entry.isExclusive, entry.isUserfaultWriteProtected, entry.isGuardRegion,
            entry.isFileOrShared,
        ] == expected)
}

@Test func allFlagsTogether() {
    let entry = PagemapEntry(word: .max)
    #expect(entry.location == .present(PFN(1 << 55 - 1)))
    #expect(entry.isSoftDirty && entry.isExclusive && entry.isUserfaultWriteProtected)
    #expect(entry.isGuardRegion && entry.isFileOrShared)
}

/// Whether the entry is in swap, and whether it is a marker.
private let swapLike: [(UInt64, Bool, Bool)] = [
    (0x4000_0000_0000_00e3, true, false),  // swap area 3
    (0x4000_0000_0000_00f6, true, false),  // 22, the last there can be
    (0x4000_0000_0004_3217, false, false),  // 23: a frame under way
    (0x4400_0000_0000_009f, false, true),  // a guard region
    (0x4000_0000_0000_01ff, false, true), (0x4000_0000_0000_021f, false, false), (0, false, false),
    (0x8000_0000_0000_1000, false, false),
]

@Test(arguments: swapLike) func swapLikeEntries(word: UInt64, isInSwap: Bool, isMarker: Bool) {
    let entry = PagemapEntry(word: word)
    #expect(entry.isInSwap == isInSwap && entry.isMarker == isMarker)
}
