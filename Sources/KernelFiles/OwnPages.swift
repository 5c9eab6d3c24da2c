import PageModel

extension WordFile {
    /// How many huge pages a private hugetlb mapping has of its own: present, and no page of the file behind it,
    /// which the mapping only reads. This file is the `pagemap` of its process. Source: kernel `fs/proc/task_mmu.c`.
    ///
    /// - Parameters:
    ///   - addresses: the whole mapping.
    ///   - base: the kernel's base page size, of which the file has a word each.
    func ownPages(
        in addresses: Range<UInt64>, of size: PageSize, base: PageSize
    ) throws(KernelFileError) -> UInt64 {
        var pages: UInt64 = 0
        let slice = max(4 << 30, size.bytes)
        try forEachPresentRange(in: addresses, base: base, slice: slice, .own) {
            range, isExact throws(KernelFileError) in
            if isExact {
                pages += (range.upperBound - range.lowerBound) / size.bytes
                return true
            }
            // The first page that begins in the range.
            let before = (range.lowerBound - addresses.lowerBound) % size.bytes
            var address = before == 0 ? range.lowerBound : range.lowerBound &+ (size.bytes - before)
            while address >= range.lowerBound, address < range.upperBound {
                guard let word = try word(at: address / base.bytes) else { return false }
                if PagemapEntry(word: word).isOwn { pages += 1 }
                address &+= size.bytes
            }
            return true
        }
        return pages
    }
}

extension PagemapEntry {
    fileprivate var isOwn: Bool {
        switch location {
        case .present, .hidden: !isFileOrShared
        case .swapped, .absent: false
        }
    }
}
