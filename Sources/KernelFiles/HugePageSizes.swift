import Observations
import PageModel

/// Tells by a few words of `/proc/kpageflags` which huge pages frames are parts of.
struct HugePageSizes: ~Copyable {
    private let flags: WordFile
    private let hugetlbSizes: [PageSize]
    private let pmdSize: PageSize?
    private let base: PageSize
    /// Of the mapping that is read, where it is one of hugetlb and a page of it was seen.
    private(set) var ofMapping: PageSize?
    /// Those that were seen: they are few, and stay.
    private var zeroPages: Set<PFN> = []

    init(_ machine: ProcessMachine) throws(KernelFileError) {
        flags = try machine.root.kpageflags()
        (hugetlbSizes, pmdSize, base) = (machine.hugetlbSizes, machine.transparent.pmdSize, machine.base)
    }

    mutating func beginMapping() { ofMapping = nil }

    /// The size of the hugetlb page at `frame`, of a mapping all of whose pages are alike; nil where it is none.
    mutating func hugetlbSize(at frame: PFN) throws(KernelFileError) -> PageSize? {
        if let ofMapping { return ofMapping }
        ofMapping = try flags.hugetlbSize(at: frame, sizes: hugetlbSizes, base: base)
        return ofMapping
    }

    /// Whether it is a zero page, of which each process sees as many as it reads.
    mutating func isZero(_ frame: PFN) throws(KernelFileError) -> Bool {
        if zeroPages.contains(frame) { return true }
        guard try word(frame.rawValue).contains(.zeroPage) else { return false }
        zeroPages.insert(frame)
        return true
    }

    /// Cuts pages that page-table entries map, or may, into those that are parts of whole huge pages and the others. A huge
    /// page is one where a PMD could map it: at an address that is a multiple of its size. A huge zero page is left out.
    /// - Parameter pagemap: where `run` was read. What has left its frames since may have been huge there: it is moving.
    mutating func split(
        _ run: PageRun, of pagemap: borrowing WordFile, _ body: (PageRun) -> Void
    ) throws(KernelFileError) {
        guard let first = run.frame?.rawValue, let size = pmdSize?.count(of: base), size > 1, run.step == .up,
            (first &- run.start) % size == 0
        else { return body(run) }
        var page = run.start
        var next = (run.start + size - 1) / size * size
        while next + size <= run.end {
            let frame = run.frame(of: next)
            var found = try hugePage(at: frame.rawValue, half: size / 2)
            if found == .nothing, try !pagemap.leads(to: frame, at: next),
                try !pagemap.leads(to: run.frame(of: next + size - 1), at: next + size - 1)
            {
                found = .left
            }
            if found != .nothing {
                if page < next { body(run.clamped(to: page..<next)) }
                switch found {
                case .huge(let huge): body(PageRun(start: next, pages: size, frame: frame, hugePages: huge))
                case .left: body(.moving(start: next, pages: size))
                case .zero, .nothing: break
                }
                page = next + size
            }
            next += size
        }
        if page < run.end { body(run.clamped(to: page..<run.end)) }
    }

    private enum Found: Equatable {
        case nothing
        /// Nor is the page there any more whose frame it was.
        case left
        case zero
        case huge(PageSize)
    }

    /// What begins or goes on at a frame at which a huge page can begin. As a folio is at a multiple of its size, one that
    /// has a tail in the middle there is as large.
    private mutating func hugePage(at frame: UInt64, half: UInt64) throws(KernelFileError) -> Found {
        let head = try word(frame)
        guard !head.isDisjoint(with: [.compoundHead, .compoundTail]), !head.isDisjoint(with: [.huge, .thp]),
            try word(frame + half).contains(.compoundTail)
        else { return .nothing }
        if head.contains(.zeroPage) { return .zero }
        if head.contains(.huge) { return try hugetlbSize(at: PFN(frame)).map { .huge($0) } ?? .nothing }
        return pmdSize.map { .huge($0) } ?? .nothing
    }

    private func word(_ frame: UInt64) throws(KernelFileError) -> PageFlags {
        PageFlags(rawValue: try flags.word(at: frame) ?? 0)
    }
}

extension WordFile {
    /// Whether this pagemap has a page at, or on its way from, `frame`.
    fileprivate func leads(to frame: PFN, at page: UInt64) throws(KernelFileError) -> Bool {
        guard let entry = try word(at: page).map({ PagemapEntry(word: $0) }) else { return false }
        return switch entry.location {
        case .present(let now): now == frame
        case .swapped(_, let offset): !entry.isInSwap && offset == frame.rawValue
        case .absent, .hidden: false
        }
    }
}
