internal import CKernel
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

extension WordFile {
    /// Calls `body` with each run of `addresses` that has pages in RAM, by PAGEMAP_SCAN, which is read-only as used here.
    /// Where the kernel lacks it (before 6.7), or this is a saved file, `body` gets `addresses` whole.
    ///
    /// The kernel holds the process's lock for one call, so a large range is asked for in slices.
    func forEachPresentRange(
        in addresses: Range<UInt64>, _ body: (Range<UInt64>) throws(KernelFileError) -> Void
    ) throws(KernelFileError) {
        let slice: UInt64 = 4 << 30
        var regions = [ckernel_page_region](repeating: .init(), count: 512)
        var start = addresses.lowerBound
        while start < addresses.upperBound {
            let end = min(addresses.upperBound, start &+ slice > start ? start + slice : .max)
            var scan = ckernel_pm_scan_arg()
            scan.size = UInt64(MemoryLayout<ckernel_pm_scan_arg>.size)
            (scan.start, scan.end) = (start, end)
            (scan.category_mask, scan.return_mask) = (CKERNEL_PAGE_IS_PRESENT_MASK, CKERNEL_PAGE_IS_PRESENT_MASK)
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
                return try body(start..<addresses.upperBound)
            }
            for region in regions.prefix(count) where region.start < region.end { try body(region.start..<region.end) }
            // 6.18 was seen to stop short of the last region that it returned; never go back.
            let next = max(scan.walk_end, regions.prefix(count).last?.end ?? 0)
            start = next > start ? next : end
        }
    }
}
