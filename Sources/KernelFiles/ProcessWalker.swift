import Observations
import PageModel

/// A mapping, or a stretch of a large one, as the walk takes it.
struct WalkPart {
    /// Of the mapping, among all of its process.
    let index: Int
    let mapping: Mapping
    let addresses: Range<UInt64>
    /// Nil where it is not known, and of a mapping that is not hugetlb.
    let hugetlbSize: PageSize?
    /// Nil where it is not known.
    let isHugetlb: Bool?
}

/// The classic walk of one process: page tables, frames, nodes.
/// Source: kernel `Documentation/admin-guide/mm/pagemap.rst`.
struct ProcessWalker: ~Copyable {
    private let machine: ProcessMachine
    private var classifier: FrameClassifier
    private var entries: [UInt64] = []
    private(set) var pace: ReadPace
    /// Where transparent huge pages are: a sample of them.
    private(set) var transparent = StrideSample(limit: 256)
    /// A page of each mapping on each node, as long as there are few.
    private(set) var witnesses: [FrameClassifier.Witness] = []
    /// The page tables ended where a mapping still had pages.
    private(set) var isCutShort = false

    /// Entries that are read in one go: 256 KiB of them, for 128 MiB of addresses.
    private static let window = 1 << 15
    private static let mostWitnesses = 4096

    /// Throws where the kernel refuses the frames.
    init(_ machine: ProcessMachine, _ reading: ProcessReading) throws(KernelFileError) {
        self.machine = machine
        classifier = try FrameClassifier(machine, readsAll: reading.readsAllWords)
        pace = ReadPace(isGentle: reading.isGentle)
    }

    var words: FrameWords { classifier.words }

    /// What is known of a part's pages.
    mutating func walk(
        _ part: WalkPart, _ pagemap: borrowing WordFile
    ) throws(KernelFileError) -> FrameClassifier.Target {
        var target = FrameClassifier.Target(hugetlbSize: part.hugetlbSize, isHugetlb: part.isHugetlb)
        if part.isHugetlb != true { target.room = part.mapping.room(for: machine.transparent.pmdSize) }
        var pace = pace
        defer { self.pace = pace }
        try pagemap.forEachPageRegion(in: part.addresses, base: machine.base, pace: &pace) {
            region, pace throws(KernelFileError) in
            if region.isLeaf == nil { target.tally.mappedByPMD = nil }
            if region.isZero, words.byFlags == nil {
                target.tally.zero += UInt64(region.addresses.count)
            } else if part.isHugetlb == true || (region.isLeaf == true && !region.isZero) {
                try walkLeaves(region, &target, pagemap, &pace)
            } else {
                try walkEntries(region.addresses, &target, pagemap, &pace)
            }
        }
        if witnesses.count < Self.mostWitnesses { witnesses += target.witnesses }
        return target
    }

    /// One word of pagemap for each huge page.
    private mutating func walkLeaves(
        _ region: PageRegion, _ target: inout FrameClassifier.Target, _ pagemap: borrowing WordFile,
        _ pace: inout ReadPace
    ) throws(KernelFileError) {
        let base = machine.base
        var address = region.addresses.lowerBound
        while address < region.addresses.upperBound {
            guard let word = try pagemap.word(at: address / base.bytes) else {
                isCutShort = true
                return
            }
            let entry = PagemapEntry(word: word)
            guard let size = try leafSize(entry, &target) else {
                return try walkEntries(address..<region.addresses.upperBound, &target, pagemap, &pace)
            }
            // A scan can begin in the middle of a page that has moved there since the last.
            let end = min((address / size.bytes + 1) * size.bytes, region.addresses.upperBound)
            let pages = (end - address) / base.bytes
            switch entry.location {
            case .present(let frame):
                let run = FrameRun(
                    address: address, frames: frame.rawValue..<frame.rawValue + pages, direction: .up,
                    isExclusive: entry.isExclusive, base: base)
                try classifier.addLeaf(run, of: size, to: &target, pagemap)
                if region.isLeaf == true, target.isHugetlb != true {
                    target.tally.mappedByPMD? += end - address
                    if !entry.isFileOrShared, address % size.bytes == 0 { transparent.add(address) }
                }
            case .hidden: target.tally.hidden += end - address
            case .swapped: target.tally.add(swapLike: entry, pages: pages, base: base)
            case .absent: break
            }
            address = end
        }
    }

    /// How much one entry maps; nil where it cannot be told.
    private func leafSize(
        _ entry: PagemapEntry, _ target: inout FrameClassifier.Target
    ) throws(KernelFileError) -> PageSize? {
        if let size = target.hugetlbSize { return size }
        if target.isHugetlb != false, case .present(let frame) = entry.location {
            target.hugetlbSize = try classifier.hugetlbSize(at: frame)
            if target.hugetlbSize != nil { target.isHugetlb = true }
        }
        if target.isHugetlb == true { return target.hugetlbSize ?? machine.hugetlbSizes.first }
        return machine.transparent.pmdSize
    }

    /// One word of pagemap for each base page, in windows between which the kernel lets go of the process's lock.
    private mutating func walkEntries(
        _ addresses: Range<UInt64>, _ target: inout FrameClassifier.Target, _ pagemap: borrowing WordFile,
        _ pace: inout ReadPace
    ) throws(KernelFileError) {
        let base = machine.base.bytes
        var address = addresses.lowerBound
        while address < addresses.upperBound {
            let wanted = Int(min((addresses.upperBound - address) / base, UInt64(Self.window)))
            guard wanted > 0 else { return }
            let got = try pagemap.read(at: address / base, into: &entries, limit: wanted, &pace)
            guard got > 0 else {
                isCutShort = true
                return
            }
            try addEntries(got, from: address, &target, pagemap)
            address += UInt64(got) * base
        }
    }

    private mutating func addEntries(
        _ count: Int, from address: UInt64, _ target: inout FrameClassifier.Target, _ pagemap: borrowing WordFile
    ) throws(KernelFileError) {
        let base = machine.base
        var index = 0
        while index < count {
            let entry = PagemapEntry(word: entries[index])
            let here = address + UInt64(index) * base.bytes
            index += 1
            switch entry.location {
            case .absent: break
            case .hidden: target.tally.hidden += base.bytes
            case .swapped: target.tally.add(swapLike: entry, pages: 1, base: base)
            case .present:
                let run = FrameRun(
                    entries.span.extracting(first: count), at: index - 1, address: here, base: base, end: &index)
                try classifier.add(run, to: &target, pagemap)
            }
        }
    }
}

extension PageTally {
    /// Adds entries that are neither present nor nothing.
    fileprivate mutating func add(swapLike entry: PagemapEntry, pages: UInt64, base: PageSize) {
        if entry.isInSwap {
            swapped += pages * base.bytes
        } else if !entry.isMarker {
            moving += pages * base.bytes
        }
    }
}

extension Mapping {
    /// Where aligned huge pages of `size` have room: of a file they begin where its own huge pages do.
    fileprivate func room(for size: PageSize?) -> Range<UInt64> {
        guard let size = size?.bytes, !hasFile || addresses.lowerBound % size == offset % size else { return 0..<0 }
        let (start, isTooBig) = addresses.lowerBound.addingReportingOverflow(size - 1)
        let (low, high) = (start / size * size, addresses.upperBound / size * size)
        return isTooBig || low >= high ? 0..<0 : low..<high
    }
}
