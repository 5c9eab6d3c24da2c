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
        var regions = [ckernel_page_region](repeating: .init(), count: 512)
        var start = addresses.lowerBound
        while start < addresses.upperBound {
            let end = min(addresses.upperBound, start &+ slice > start ? start + slice : .max)
            var scan = ckernel_pm_scan_arg()
            scan.size = UInt64(MemoryLayout<ckernel_pm_scan_arg>.size)
            (scan.start, scan.end) = (start, end)
            (scan.category_mask, scan.return_mask) = (CKERNEL_PAGE_IS_PRESENT_MASK, CKERNEL_PAGE_IS_PRESENT_MASK)
            if pages == .own {
                scan.category_mask |= CKERNEL_PAGE_IS_FILE_MASK
                scan.category_inverted = CKERNEL_PAGE_IS_FILE_MASK
            }
            let count = regions.withUnsafeMutableBufferPointer { buffer in
                scan.vec = UInt64(UInt(bitPattern: buffer.baseAddress))
                scan.vec_len = UInt64(buffer.count)
                return Int(ckernel_pagemap_scan(rawDescriptor, &scan))
            }
            if count < 0 {
                let answer = Errno.last
                guard answer == .inappropriateIOCTLForDevice || answer == .invalidArgument else {
                    throw KernelFileError("scan", path, answer)
                }
                return try forEachSavedRange(in: start..<addresses.upperBound, base: base, body)
            }
            for region in regions.prefix(count) where region.start < region.end {
                guard try body(region.start..<region.end, true) else { return }
            }
            // 6.18 was seen to stop short of the last region that it returned; never go back.
            let next = max(scan.walk_end, regions.prefix(count).last?.end ?? 0)
            start = next > start ? next : end
        }
    }

    /// Leaves out the holes of a saved file: one alone can be as wide as an address space. The kernel's own pagemap knows
    /// no holes and is given whole. Source: lseek(2), `SEEK_DATA` and `SEEK_HOLE`.
    private func forEachSavedRange(
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
