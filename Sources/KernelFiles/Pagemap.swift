internal import CKernel
import Glibc
import PageModel
import SystemPackage

/// `/proc/PID/pagemap` and the PAGEMAP_SCAN call on it.
/// Source: kernel `Documentation/admin-guide/mm/pagemap.rst`, `include/uapi/linux/fs.h`.
extension KernelRoot {
    /// One word of `PagemapEntry` for each virtual base page. For its owner, or with CAP_SYS_PTRACE.
    /// - Parameter process: its folder below `proc`: `12`, or `12/task/13` for one thread.
    public func pagemap(of process: String) throws(KernelFileError) -> WordFile {
        try WordFile(path("proc/\(process)/pagemap"))
    }
}

/// Which of the pages in RAM are asked for.
enum PresentPages {
    case all
    /// Those that are neither of a file nor shared: bit 61 is clear.
    case own
}

extension WordFile {
    /// Calls `body` with each run of `addresses` that has pages in RAM, by PAGEMAP_SCAN, which is read-only as used here.
    /// Where the kernel lacks it (before 6.7) `body` gets `addresses` whole; of a saved file, what was saved of them.
    ///
    /// - Parameters:
    ///   - base: the kernel's base page size, of which the file has a word each.
    ///   - slice: how much is asked for in one call, in bytes: the kernel holds the process's lock for so long.
    ///   - pages: which are given where all of a range is known to be in RAM.
    ///   - body: gets a range, and whether all of it is known to be in RAM; returns whether to go on.
    func forEachPresentRange(
        in addresses: Range<UInt64>, base: PageSize, slice: UInt64 = 4 << 30, _ pages: PresentPages = .all,
        _ body: (_ range: Range<UInt64>, _ isExact: Bool) throws(KernelFileError) -> Bool
    ) throws(KernelFileError) {
        var scan = PagemapScan(CKERNEL_PAGE_IS_PRESENT_MASK)
        if pages == .own {
            scan.mask |= CKERNEL_PAGE_IS_FILE_MASK
            scan.inverted = CKERNEL_PAGE_IS_FILE_MASK
        }
        var start = addresses.lowerBound
        while start < addresses.upperBound {
            let end = min(addresses.upperBound, start &+ slice > start ? start + slice : .max)
            guard let next = try scan.call(self, start..<end) else {
                return try forEachSavedRange(in: start..<addresses.upperBound, base: base, body)
            }
            for region in scan.found { guard try body(region.start..<region.end, true) else { return } }
            start = next
        }
    }

    /// Leaves out the holes of a saved file: one alone can be as wide as an address space. The kernel's own pagemap knows
    /// no holes and is given whole. Source: lseek(2), `SEEK_DATA` and `SEEK_HOLE`.
    func forEachSavedRange(
        in addresses: Range<UInt64>, base: PageSize,
        _ body: (_ range: Range<UInt64>, _ isExact: Bool) throws(KernelFileError) -> Bool
    ) throws(KernelFileError) {
        let (seekData, seekHole): (Int32, Int32) = (3, 4)
        let last = addresses.upperBound / base.bytes
        var word = addresses.lowerBound / base.bytes
        while word <= last {
            let data = lseek(rawDescriptor, Int(word) * 8, seekData)
            if data < 0, Errno.last == .noSuchAddressOrDevice { return }
            let hole = data < 0 ? data : lseek(rawDescriptor, data, seekHole)
            let start = max(word * base.bytes, addresses.lowerBound)
            guard hole > data else {
                if start < addresses.upperBound { _ = try body(start..<addresses.upperBound, false) }
                return
            }
            let (first, end) = (UInt64(data) / 8, (UInt64(hole) + 7) / 8)
            if first > last { return }
            let low = max(first * base.bytes, addresses.lowerBound)
            let high = end > last ? addresses.upperBound : end * base.bytes
            if low < high, !(try body(low..<high, false)) { return }
            word = end
        }
    }
}

/// PAGEMAP_SCAN, which is read-only as used here: what it is asked for, and what it found last.
struct PagemapScan {
    /// Categories that a page must have, but for those of `inverted`, which it must not.
    var mask: UInt64
    var inverted: UInt64 = 0
    /// Categories of which a page must have one.
    var anyOf: UInt64 = 0
    /// Categories that are told of a region.
    var told: UInt64
    /// How many pages are to be found at most, which can end in the middle of a huge page; 0 for all.
    var mostPages: UInt64 = 0
    /// At most as many as the kernel collects before it lets go of the process's lock.
    private var regions = [ckernel_page_region](repeating: .init(), count: 512)
    private var count = 0

    init(_ mask: UInt64, anyOf: UInt64 = 0, told: UInt64? = nil) {
        (self.mask, self.anyOf, self.told) = (mask, anyOf, told ?? mask)
    }

    /// Ascending, of the last call.
    var found: some Collection<ckernel_page_region> { regions.prefix(count).lazy.filter { $0.start < $0.end } }

    /// Looks at pages of `addresses` until there is no more room for regions. Returns where to go on; nil where the kernel has
    /// no such call (before 6.7), and of a saved file.
    mutating func call(
        _ pagemap: borrowing WordFile, _ addresses: Range<UInt64>
    ) throws(KernelFileError) -> UInt64? {
        var scan = ckernel_pm_scan_arg()
        scan.size = UInt64(MemoryLayout<ckernel_pm_scan_arg>.size)
        (scan.start, scan.end) = (addresses.lowerBound, addresses.upperBound)
        (scan.category_mask, scan.category_inverted) = (mask, inverted)
        (scan.category_anyof_mask, scan.return_mask, scan.max_pages) = (anyOf, told, mostPages)
        let answer = regions.withUnsafeMutableBufferPointer { buffer in
            scan.vec = UInt64(UInt(bitPattern: buffer.baseAddress))
            scan.vec_len = UInt64(buffer.count)
            return Int(ckernel_pagemap_scan(pagemap.rawDescriptor, &scan))
        }
        count = max(0, answer)
        if answer < 0 {
            let error = Errno.last
            if error == .inappropriateIOCTLForDevice || error == .invalidArgument { return nil }
            throw KernelFileError("scan", pagemap.path, error)
        }
        // 6.18 was seen to stop short of the last region that it returned; never go back.
        let next = max(scan.walk_end, regions.prefix(count).last?.end ?? 0)
        return next > addresses.lowerBound ? next : addresses.upperBound
    }
}
