import BitCollections
import Dispatch
import Observations
import PageModel
import Synchronization

/// Finds every hugetlb page in physical memory by one 8-byte read of `/proc/kpageflags` at each multiple of the smallest
/// hugetlb size: heads start pages, and the HUGE tails that follow tell how long they are.
struct HugetlbFrames {
    let root: KernelRoot
    let map: NodeMap
    /// The hugetlb page sizes of the kernel, ascending, never empty.
    let sizes: [PageSize]
    let base: PageSize
    /// Frames that page tables lead to, by their number in `index`.
    var reached = BitSet()
    /// What libnuma said of frames where it knows better than the map.
    var learned: [PFN: NodeID] = [:]

    /// Counts over all of memory, which `shares` threads read side by side.
    func census(shares: Int) throws(KernelFileError) -> HugetlbCensus {
        let pieces = pieces(about: shares)
        let outcomes = Mutex<[Result<HugetlbCensus, KernelFileError>]>([])
        DispatchQueue.concurrentPerform(iterations: pieces.count) { index in
            let outcome = Result { () throws(KernelFileError) in try count(pieces[index]) }
            outcomes.withLock { $0.append(outcome) }
        }
        var census = HugetlbCensus()
        for outcome in outcomes.withLock({ $0 }) { census.merge(try outcome.get()) }
        return census
    }

    /// The populated ranges in about as many pieces, cut only where no hugetlb page can lie across.
    func pieces(about shares: Int) -> [[Range<UInt64>]] {
        guard shares > 1, let largest = sizes.last else { return [map.populated] }
        let grain = largest.count(of: base)
        let total = map.populated.reduce(0) { $0 + UInt64($1.count) }
        let quota = (total / UInt64(shares) / grain + 1) * grain
        return map.populated.flatMap { range in
            let cuts = stride(from: range.lowerBound / grain * grain, to: range.upperBound, by: Int(quota))
            return cuts.map { [range.clamped(to: $0..<$0 + quota)] }
        }
    }

    private func count(_ ranges: [Range<UInt64>]) throws(KernelFileError) -> HugetlbCensus {
        let flags = try root.kpageflags()
        let counts = try? root.kpagecount()
        let step = sizes[0].count(of: base)
        var tally = Tally(frames: self, step: step)
        for range in ranges {
            var frame = (range.lowerBound + step - 1) / step * step
            while frame < range.upperBound, let word = try flags.word(at: frame) {
                try tally.add(PageFlags(rawValue: word), at: frame, flags: flags, counts: counts)
                frame += step
            }
            try tally.endPage(flags: flags, counts: counts)
        }
        return tally.finish()
    }

    /// One share's count: puts pages together from words and groups them by kind.
    private struct Tally {
        let frames: HugetlbFrames
        let step: UInt64
        private let index: FrameIndex
        /// The kernel counts mappings in a signed 32 bits: what a saved file says beyond that cannot make a sum overflow.
        private static let mostMappings = UInt64(Int32.max)
        private var census = HugetlbCensus()
        private var page: (frame: UInt64, head: PageFlags, steps: UInt64)?
        /// The kind of the last pages and how many they are so far: neighbours are mostly alike.
        private var run: (kind: HugetlbCensus.Kind, pages: UInt64, mappings: UInt64)?

        init(frames: HugetlbFrames, step: UInt64) {
            (self.frames, self.step) = (frames, step)
            index = FrameIndex(populated: frames.map.populated, step: step)
        }

        mutating func add(
            _ word: PageFlags, at frame: UInt64, flags: borrowing WordFile, counts: borrowing WordFile?
        ) throws(KernelFileError) {
            census.wordsRead += 1
            if word.isSuperset(of: [.huge, .compoundTail]) {
                if page == nil { census.strayTails += 1 }
                page?.steps += 1
                return
            }
            try endPage(flags: flags, counts: counts)
            if word.isSuperset(of: [.huge, .compoundHead]) { page = (frame, word, 1) }
        }

        /// The page that was being put together ends here.
        mutating func endPage(flags: borrowing WordFile, counts: borrowing WordFile?) throws(KernelFileError) {
            guard let (frame, head, steps) = page else { return }
            page = nil
            // A page that is just being made or dissolved can look longer than any size: the rest are stray tails.
            guard let size = frames.sizes.last(where: { $0.count(of: frames.base) <= steps * step }) else { return }
            census.strayTails += steps - size.count(of: frames.base) / step
            let isReached = index[PFN(frame)].map(frames.reached.contains) ?? false
            let kind = HugetlbCensus.Kind(
                node: frames.learned[PFN(frame)] ?? frames.map[PFN(frame)], size: size, head: head,
                isReached: isReached)
            var mappings: UInt64 = 0
            if head.contains(.mmap), !isReached { mappings = min(try counts?.word(at: frame) ?? 0, Self.mostMappings) }
            if var run, run.kind == kind {
                run.pages += 1
                run.mappings += mappings
                self.run = run
            } else {
                endRun()
                run = (kind, 1, mappings)
            }
        }

        private mutating func endRun() {
            if let run { census.add(run.pages, of: run.kind, mappings: run.mappings) }
            run = nil
        }

        consuming func finish() -> HugetlbCensus {
            endRun()
            return census
        }
    }
}
