import Observations
import PageModel

/// Tells what the frames of one process are part of, by `/proc/kpageflags`, how often they are mapped, by
/// `/proc/kpagecount`, and on which node they are.
struct FrameClassifier: ~Copyable {
    private(set) var words = FrameWords()
    private var window: FrameWindow
    private let counts: WordFile
    /// How often each frame of `window` is mapped; only of a run that is not mapped exclusively.
    private var mapped: [UInt64] = []
    private var cursor: NodeCursor
    private var folio: Folio?
    private let populated: [Range<UInt64>]
    private let base: PageSize
    private let pmdSize: PageSize?
    private let hugetlbSizes: [PageSize]
    private let readsAll: Bool

    private static let capacity = 1 << 15
    /// The kernel's or a device's, and no page of a process.
    private static let reserved: PageFlags = [.reserved, .nopage]
    /// Free, or used by the kernel for itself.
    private static let used: PageFlags = [.buddy, .slab, .pgtable]

    /// - Parameter readsAll: every word, also of pages that one table entry maps whole.
    init(_ machine: ProcessMachine, readsAll: Bool) throws(KernelFileError) {
        let flags = try machine.root.kpageflags()
        let counts = try machine.root.kpagecount()
        window = FrameWindow(flags, capacity: Self.capacity)
        self.counts = counts
        cursor = NodeCursor(machine.map)
        (populated, base, pmdSize) = (machine.map.populated, machine.base, machine.transparent.pmdSize)
        (hugetlbSizes, self.readsAll) = (machine.hugetlbSizes, readsAll)
        if readsAll { words.byFlags = [:] }
    }

    /// Adds frames that page-table entries lead to, one word after the other.
    mutating func add(
        _ run: FrameRun, to target: inout Target, _ pagemap: borrowing WordFile
    ) throws(KernelFileError) {
        var rest = run.frames
        while !rest.isEmpty {
            try window.read(rest)
            let read = window.frames
            words.read += UInt64(read.count)
            if !run.isExclusive { try readCounts(read) }
            var frame = read.lowerBound
            while frame < read.upperBound {
                let end = try add(from: frame, run, to: &target, pagemap)
                frame = end
            }
            rest = read.upperBound..<rest.upperBound
        }
    }

    private mutating func readCounts(_ frames: Range<UInt64>) throws(KernelFileError) {
        let got = try counts.read(at: frames.lowerBound, into: &mapped, limit: frames.count)
        for index in got..<frames.count { mapped[index] = 0 }
    }

    /// Adds the frames from `frame` on that are alike, or of one folio; returns where they end.
    private mutating func add(
        from frame: UInt64, _ run: FrameRun, to target: inout Target, _ pagemap: borrowing WordFile
    ) throws(KernelFileError) -> UInt64 {
        let flags = PageFlags(rawValue: window.word(frame))
        let end = window.endOfRun(from: frame)
        let alike = frame..<end
        if target.isHugetlb == true, !flags.contains(.huge),
            flags.isDisjoint(with: [.compoundHead, .compoundTail])
                || !flags.isDisjoint(with: Self.reserved.union(Self.used))
        {
            try contradict(.hugetlbWithoutHuge, alike, flags, run, pagemap)
        }
        if flags.contains(.zeroPage) {
            // Nobody's, and not read where the kernel tells by other means: no head or tail of this process.
            words.byFlags?[flags, default: 0] += run.bytes(of: alike) / base.bytes
            target.tally.zero += run.bytes(of: alike)
        } else if !flags.isDisjoint(with: Self.reserved) || !isMemory(frame) {
            count(flags, alike, run)
            target.tally.reserved += run.bytes(of: alike)
        } else if !flags.isDisjoint(with: Self.used) {
            // The page went elsewhere since its table entry was read, and the frame is used for something else.
            target.tally.moving += run.bytes(of: alike)
        } else if flags.isDisjoint(with: [.compoundHead, .compoundTail]) {
            count(flags, alike, run)
            share(alike, run, &target)
            place(alike, run, .base, base, PageContent(flags), &target)
        } else {
            return try add(folioFrom: frame, run, to: &target, pagemap)
        }
        return end
    }

    /// Adds what `run` has of the folio around `frame`; returns where that ends.
    private mutating func add(
        folioFrom frame: UInt64, _ run: FrameRun, to target: inout Target, _ pagemap: borrowing WordFile
    ) throws(KernelFileError) -> UInt64 {
        let flags = PageFlags(rawValue: window.word(frame))
        if folio?.frames.contains(frame) != true || flags.contains(.compoundHead) {
            folio = try window.folio(around: frame)
            if let folio, isTooShort(folio) {
                try contradict(.tailsEndEarly, frame..<frame + 1, folio.flags, run, pagemap)
            }
        }
        guard let folio else {
            let alike = frame..<window.endOfRun(from: frame)
            try contradict(.tailWithoutHead, alike, flags, run, pagemap)
            count(flags, alike, run)
            share(alike, run, &target)
            place(alike, run, .base, base, PageContent(flags), &target)
            return alike.upperBound
        }
        let part = frame..<min(folio.frames.upperBound, window.frames.upperBound)
        if target.isHugetlb == true, !folio.flags.contains(.huge) {
            try contradict(.hugetlbWithoutHuge, part, flags, run, pagemap)
        }
        var start = frame
        while start < part.upperBound {
            let end = min(window.endOfRun(from: start), part.upperBound)
            count(PageFlags(rawValue: window.word(start)), start..<end, run)
            start = end
        }
        let (kind, size) = kind(of: folio)
        // Where nothing else has told: a mapping is of hugetlb as a whole. Not where another's page took the frame meanwhile.
        if kind == .hugetlb, target.isHugetlb == nil, hugetlbSizes.contains(size), try isThere(frame, run, pagemap) {
            (target.isHugetlb, target.hugetlbSize, target.room) = (true, size, 0..<0)
        }
        share(part, run, &target)
        place(
            part, run, kind, size, PageContent(folio.flags), &target,
            head: kind == .base ? nil : folio.frames.lowerBound)
        return part.upperBound
    }

    /// A driver's compound pages are neither hugetlb nor THP: to whoever maps them they are base pages.
    private func kind(of folio: Folio) -> (PageKind, PageSize) {
        let length = UInt64(folio.frames.count)
        let whole = UInt64(1) << (63 - UInt64(length.leadingZeroBitCount))
        let size = PageSize(bytes: whole &* base.bytes) ?? base
        if folio.flags.contains(.huge) { return (.hugetlb, size) }
        guard folio.flags.contains(.thp), size > base else { return (.base, base) }
        return (pmdSize.map { size >= $0 } ?? false ? .thp : .mthp, size)
    }

    private func isTooShort(_ folio: Folio) -> Bool {
        let length = UInt64(folio.frames.count)
        if folio.flags.contains(.huge), !hugetlbSizes.isEmpty {
            return !hugetlbSizes.contains { $0.count(of: base) == length }
        }
        return folio.flags.contains(.thp) && length.nonzeroBitCount != 1
    }

    private func isMemory(_ frame: UInt64) -> Bool {
        let index = populated.partitioningIndex { $0.upperBound > frame }
        return index < populated.count && populated[index].contains(frame)
    }

    /// Notes words that cannot all be true; not where the first page or its word has changed meanwhile.
    private mutating func contradict(
        _ kind: FrameWords.Contradiction.Kind, _ frames: Range<UInt64>, _ flags: PageFlags, _ run: FrameRun,
        _ pagemap: borrowing WordFile
    ) throws(KernelFileError) {
        let frame = frames.lowerBound
        guard try isThere(frame, run, pagemap) else { return }
        let again = try window.fresh(frame)
        guard again.contains(.compoundTail) == flags.contains(.compoundTail) || kind == .tailsEndEarly,
            again.contains(.huge) == flags.contains(.huge)
        else { return }
        // A huge page that was just being split is none any more.
        if kind == .tailsEndEarly {
            try window.read(window.frames)
            guard let folio = try window.folio(around: frame), isTooShort(folio) else { return }
        }
        words.note(
            .init(kind, address: run.address(of: frame), frame: PFN(frame), flags: flags), frames: UInt64(frames.count))
    }

    /// Whether a page of the run is still where it was.
    private func isThere(
        _ frame: UInt64, _ run: FrameRun, _ pagemap: borrowing WordFile
    ) throws(KernelFileError) -> Bool {
        let word = try pagemap.word(at: run.address(of: frame) / base.bytes)
        return word.map { PagemapEntry(word: $0).location } == .present(PFN(frame))
    }
}

extension FrameClassifier {
    /// Adds a page that one entry of a page table maps whole: a few words tell of all.
    /// - Parameters:
    ///   - run: the page, or a part of it.
    ///   - size: of the page.
    mutating func addLeaf(
        _ run: FrameRun, of size: PageSize, to target: inout Target, _ pagemap: borrowing WordFile
    ) throws(KernelFileError) {
        let (first, last) = (run.frames.lowerBound, run.frames.upperBound - 1)
        let middle = first + UInt64(run.frames.count) / 2
        try window.read(first..<first + 2)
        let (head, tail) = (PageFlags(rawValue: window.word(first)), PageFlags(rawValue: window.word(first + 1)))
        let others = [tail, try window.fresh(middle), try window.fresh(last)]
        let isWhole =
            head.contains(.compoundHead) && !head.contains(.zeroPage)
            && others.allSatisfy { $0.contains(.compoundTail) && $0.contains(.huge) == head.contains(.huge) }
        let isHugetlb = head.contains(.huge)
        var run = run
        // Of a transparent huge page others may map a part: bit 56 and the count of its first page say nothing of the rest, but
        // that the folio is the process's own does. Pages of hugetlb are mapped whole.
        run.isExclusive = run.isExclusive && (isHugetlb || head.isSuperset(of: [.anon, .owner2]))
        guard isWhole, !readsAll, isHugetlb || target.isHugetlb != true, isHugetlb || head.contains(.thp),
            run.bytes(of: run.frames) == size.bytes
        else { return try add(run, to: &target, pagemap) }
        words.read += 4
        words.heads += 1
        words.tails += last - first
        if isHugetlb { words.huge += UInt64(run.frames.count) }
        if head.contains(.thp) { words.thp += UInt64(run.frames.count) }
        try shareLeaf(run, head, &target)
        place(run.frames, run, isHugetlb ? .hugetlb : .thp, size, PageContent(head), &target, head: first)
    }

    /// The size of the hugetlb page that starts at `frame`; nil where none does.
    func hugetlbSize(at frame: PFN) throws(KernelFileError) -> PageSize? {
        try window.hugetlbSize(at: frame, sizes: hugetlbSizes, base: base)
    }

    private mutating func shareLeaf(
        _ run: FrameRun, _ head: PageFlags, _ target: inout Target
    ) throws(KernelFileError) {
        let pages = UInt64(run.frames.count)
        let first = run.frames.lowerBound
        if run.isExclusive {
            target.tally.share(pages, of: base, times: 1)
        } else if head.contains(.huge) {
            target.tally.share(pages, of: base, times: try counts.word(at: first) ?? 0)
        } else {
            try readCounts(run.frames)
            share(run.frames, run, of: first, &target)
        }
    }

    /// Counts words of one value.
    private mutating func count(_ flags: PageFlags, _ frames: Range<UInt64>, _ run: FrameRun) {
        let count = run.bytes(of: frames) / base.bytes
        if flags.contains(.compoundHead) { words.heads += count }
        if flags.contains(.compoundTail) { words.tails += count }
        if flags.contains(.huge) { words.huge += count }
        if flags.contains(.thp) { words.thp += count }
        words.byFlags?[flags, default: 0] += count
    }

    /// Adds how often frames of the window are mapped.
    private func share(_ frames: Range<UInt64>, _ run: FrameRun, _ target: inout Target) {
        if run.isExclusive {
            target.tally.share(run.bytes(of: frames) / base.bytes, of: base, times: 1)
        } else {
            share(frames, run, of: window.frames.lowerBound, &target)
        }
    }

    /// - Parameter low: the first frame whose count was read.
    private func share(_ frames: Range<UInt64>, _ run: FrameRun, of low: UInt64, _ target: inout Target) {
        var start = frames.lowerBound
        while start < frames.upperBound {
            let times = mapped[Int(start - low)]
            var end = start
            while end < frames.upperBound, mapped[Int(end - low)] == times { end += 1 }
            target.tally.share(run.bytes(of: start..<end) / base.bytes, of: base, times: times)
            start = end
        }
    }

    /// Adds frames of one kind, node by node.
    /// - Parameter head: of the folio that they are part of; nil of base pages.
    private mutating func place(
        _ frames: Range<UInt64>, _ run: FrameRun, _ kind: PageKind, _ size: PageSize, _ content: PageContent,
        _ target: inout Target, head: UInt64? = nil
    ) {
        var isNew = head.map { target.lastHead != $0 } ?? false
        var rest = frames
        while !rest.isEmpty {
            let (stretch, node) = cursor.stretch(around: rest.lowerBound)
            let here = rest.clamped(to: stretch)
            let bytes = run.bytes(of: here)
            let pages = head == nil ? bytes / base.bytes : isNew ? 1 : 0
            if !target.witnesses.contains(where: { $0.node == node }) {
                let address = run.address(of: here.lowerBound)
                target.witnesses.append(Witness(address: address, frame: PFN(here.lowerBound), size: size, node: node))
            }
            let amount = PageAmount(node: node, kind: kind, size: size, content: content, pages: pages, bytes: bytes)
            target.tally.add(amount)
            if let head, isNew { target.note(amount, head: head) }
            isNew = false
            rest = here.upperBound..<rest.upperBound
        }
        target.tally.roomForHuge += UInt64(run.addresses(of: frames).clamped(to: target.room).count)
    }
}
