internal import CKernel
import Glibc
import PageModel

/// A stretch of a mapping where page tables name pages, in RAM or swapped.
struct PageRegion {
    let addresses: Range<UInt64>
    /// Each page has one entry of a PMD or PUD table: hugetlb, or a transparent huge page. Nil where the kernel cannot tell.
    let isLeaf: Bool?
    /// Each page has one entry that is neither present nor nothing: on its way to another frame, or poisoned.
    let isMovingLeaf: Bool
    /// All of it is zero pages.
    let isZero: Bool
}

/// How much one read of page tables asks for, and how long it took: a process waits with mmap and munmap meanwhile.
struct ReadPace {
    /// Rests after each read as long as that took, and at least a millisecond.
    let isGentle: Bool
    private(set) var longest = Duration.zero
    /// For PAGEMAP_SCAN, which is quick over what has no page tables: more where the last was quick. Unit: bytes.
    private(set) var slice = Self.leastSlice
    private static let leastSlice: UInt64 = 1 << 30
    /// What has page tables without pages takes its time, too.
    private static let mostSlice: UInt64 = 1 << 36

    init(isGentle: Bool) { self.isGentle = isGentle }

    /// - Parameter start: when the read began that has just ended.
    mutating func note(since start: ContinuousClock.Instant) {
        let took = start.duration(to: .now)
        longest = max(longest, took)
        if isGentle { usleep(UInt32(min(max(took, .milliseconds(1)), .seconds(1)) / .microseconds(1))) }
    }

    /// The next scan goes further where one was quick, and no further than at first otherwise.
    mutating func widen(since start: ContinuousClock.Instant) {
        let isQuick = start.duration(to: .now) < .microseconds(100)
        slice = isQuick ? min(slice * 2, Self.mostSlice) : Self.leastSlice
    }

    mutating func narrow() { slice = Self.leastSlice }

    /// How many pages a scan may find, be its slice as wide as it may.
    static func mostPages(_ base: PageSize) -> UInt64 { leastSlice / base.bytes }

    /// Where the next read ends that begins at `start`: not in the middle of any huge page.
    func end(from start: UInt64, limit: UInt64) -> UInt64 {
        let (sum, isTooBig) = start.addingReportingOverflow(slice)
        return isTooBig ? limit : min(limit, sum / Self.leastSlice * Self.leastSlice)
    }
}

extension WordFile {
    /// Reads page-table entries in one go.
    func read(
        at first: UInt64, into entries: inout [UInt64], limit: Int, _ pace: inout ReadPace
    ) throws(KernelFileError) -> Int {
        let begun = ContinuousClock.now
        defer { pace.note(since: begun) }
        return try read(at: first, into: &entries, limit: limit)
    }

    /// Calls `body` with each stretch of `addresses` that has pages, ascending. Where the kernel lacks PAGEMAP_SCAN that is
    /// all of `addresses`; of a saved file, what was saved of them. This file is the `pagemap` of its process.
    /// - Parameter base: the kernel's base page size, of which the file has a word each.
    func forEachPageRegion(
        in addresses: Range<UInt64>, base: PageSize, pace: inout ReadPace,
        _ body: (PageRegion, inout ReadPace) throws(KernelFileError) -> Void
    ) throws(KernelFileError) {
        let (huge, zero) = (CKERNEL_PAGE_IS_HUGE_MASK, CKERNEL_PAGE_IS_PFNZERO_MASK)
        var scan = PagemapScan(
            0, anyOf: CKERNEL_PAGE_IS_PRESENT_MASK | CKERNEL_PAGE_IS_SWAPPED_MASK,
            told: CKERNEL_PAGE_IS_PRESENT_MASK | huge | zero)
        scan.mostPages = ReadPace.mostPages(base)
        var start = addresses.lowerBound
        pace.narrow()
        while start < addresses.upperBound {
            let begun = ContinuousClock.now
            let end = pace.end(from: start, limit: addresses.upperBound)
            guard let reached = try scan.call(self, start..<end) else {
                return try forEachSavedRange(in: start..<addresses.upperBound, base: base) {
                    range, _ throws(KernelFileError) in
                    try body(PageRegion(addresses: range, isLeaf: nil, isMovingLeaf: false, isZero: false), &pace)
                    return true
                }
            }
            pace.widen(since: begun)
            pace.note(since: begun)
            // It ended where it had found enough, be that in the middle of a huge page: that is left to the next.
            let whole = reached - reached % (base.bytes / 8 * base.bytes)
            let next = reached < end && whole > start ? whole : reached
            for region in scan.found where region.start < next {
                let isPresent = region.categories & CKERNEL_PAGE_IS_PRESENT_MASK != 0
                let isHuge = region.categories & huge != 0
                try body(
                    PageRegion(
                        addresses: region.start..<min(region.end, next), isLeaf: isPresent && isHuge,
                        isMovingLeaf: !isPresent && isHuge, isZero: region.categories & zero != 0), &pace)
            }
            start = next
        }
    }
}
