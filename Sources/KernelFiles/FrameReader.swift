import Observations
import PageModel
import SystemPackage

/// Reads from page tables which frames, and huge pages of which sizes, are where.
struct FrameReader: ~Copyable {
    private var sizes: HugePageSizes
    private var pace: ReadPace
    private var entries: [UInt64] = []
    private let base: PageSize
    private let pmdSize: PageSize?
    /// To tell a frame from what else an entry can say.
    private let map: NodeMap

    /// Entries that are read in one go: 256 KiB of them, for 128 MiB of addresses.
    private static let window = 1 << 15

    /// Throws where the kernel refuses the frames' flags.
    init(_ machine: ProcessMachine, pace: ReadPace) throws(KernelFileError) {
        sizes = try HugePageSizes(machine)
        (self.pace, base, map) = (pace, machine.base, machine.map)
        pmdSize = machine.transparent.pmdSize
    }

    /// Adds the pages of one mapping.
    mutating func read(
        _ addresses: Range<UInt64>, of pagemap: borrowing WordFile, into sample: inout FrameSample
    ) throws(KernelFileError) {
        sizes.beginMapping()
        var pace = pace
        defer { self.pace = pace }
        try pagemap.forEachPageRegion(in: addresses, base: base, pace: &pace) { region, pace throws(KernelFileError) in
            if region.isZero { return }
            if region.isMovingLeaf || region.isLeaf == true {
                try readLeaves(region, of: pagemap, into: &sample, &pace)
            } else {
                let mayBeZero = region.isLeaf == nil
                try readEntries(region.addresses, mayBeZero: mayBeZero, of: pagemap, into: &sample, &pace)
            }
        }
    }

    /// One word of pagemap for each huge page.
    private mutating func readLeaves(
        _ region: PageRegion, of pagemap: borrowing WordFile, into sample: inout FrameSample, _ pace: inout ReadPace
    ) throws(KernelFileError) {
        var address = region.addresses.lowerBound
        while address < region.addresses.upperBound {
            guard let word = try pagemap.word(at: address / base.bytes) else { return }
            let entry = PagemapEntry(word: word)
            let frame = try frame(of: entry, in: pagemap)
            let size = try frame.flatMap { frame throws(KernelFileError) in try sizes.hugetlbSize(at: frame) }
            guard let size = size ?? sizes.ofMapping ?? pmdSize else {
                let rest = address..<region.addresses.upperBound
                return try readEntries(rest, mayBeZero: false, of: pagemap, into: &sample, &pace)
            }
            let end = min((address / size.bytes + 1) * size.bytes, region.addresses.upperBound)
            let (start, pages) = (address / base.bytes, (end - address) / base.bytes)
            if let frame, (frame.rawValue &- start) % size.count(of: base) == 0 {
                sample.append(PageRun(start: start, pages: pages, frame: frame, hugePages: size))
            } else if entry.location == .absent {
                // About to move, as pages of hugetlb are told of, also where that began after the scan; or gone since, which
                // the next sample tells.
                sample.append(.moving(start: start, pages: pages))
            } else {
                // No longer what the scan has seen.
                try readEntries(address..<end, mayBeZero: true, of: pagemap, into: &sample, &pace)
            }
            address = end
        }
    }

    /// One word of pagemap for each base page, in windows that cut no huge page.
    private mutating func readEntries(
        _ addresses: Range<UInt64>, mayBeZero: Bool, of pagemap: borrowing WordFile, into sample: inout FrameSample,
        _ pace: inout ReadPace
    ) throws(KernelFileError) {
        var page = addresses.lowerBound / base.bytes
        let last = addresses.upperBound / base.bytes
        while page < last {
            let wanted = min(last - page, UInt64(Self.window) - page % UInt64(Self.window))
            let got = try pagemap.read(at: page, into: &entries, limit: Int(wanted), &pace)
            guard got > 0 else { return }
            try addEntries(got, from: page, mayBeZero: mayBeZero, of: pagemap, to: &sample)
            page += UInt64(got)
        }
    }

    private mutating func addEntries(
        _ count: Int, from first: UInt64, mayBeZero: Bool, of pagemap: borrowing WordFile, to sample: inout FrameSample
    ) throws(KernelFileError) {
        var index = 0
        while index < count {
            let entry = PagemapEntry(word: entries[index])
            let page = first + UInt64(index)
            index += 1
            switch entry.location {
            case .absent: break
            case .present:
                let run = run(at: &index, of: count, page: page)
                if mayBeZero, !entry.isExclusive, !entry.isFileOrShared, let frame = run.frame, try sizes.isZero(frame)
                {
                    break
                }
                try sizes.split(run, of: pagemap) { sample.append($0) }
            case .hidden, .swapped:
                if let frame = try frame(of: entry, in: pagemap) {
                    while index < count, entries[index] == entries[index - 1] &+ 1 << 5 { index += 1 }
                    let pages = first + UInt64(index) - page
                    try sizes.split(PageRun(start: page, pages: pages, frame: frame), of: pagemap) { sample.append($0) }
                } else if entry.isInSwap {
                    sample.append(.swapped(start: page, pages: 1))
                }
            }
        }
    }

    /// Pages in RAM whose frames go on from one to the next; how they are mapped does not matter.
    /// - Parameter index: behind the first of them; is set behind the last.
    private func run(at index: inout Int, of count: Int, page: UInt64) -> PageRun {
        // Bit 63 and the frame.
        func place(_ index: Int) -> UInt64 { entries[index] & (1 << 63 | (1 << 55 - 1)) }
        var last = place(index - 1)
        let frame = PFN(last & (1 << 55 - 1))
        let second = index < count ? place(index) : 0
        let step: PageRun.Step? = second == last + 1 ? .up : second == last - 1 ? .down : second == last ? .same : nil
        guard let step else { return PageRun(start: page, pages: 1, frame: frame) }
        let first = index - 1
        while index < count, place(index) == last &+ UInt64(bitPattern: Int64(step.rawValue)) {
            last = place(index)
            index += 1
        }
        return PageRun(start: page, pages: UInt64(index - first), frame: frame, step: step)
    }

    /// Where a page is; also of one that is just being moved where it still is. Nil for what is not in RAM. Throws where frames
    /// are hidden.
    private func frame(of entry: PagemapEntry, in pagemap: borrowing WordFile) throws(KernelFileError) -> PFN? {
        switch entry.location {
        case .present(let frame): return frame
        case .hidden: throw KernelFileError("see the frames in", pagemap.path, Errno.notPermitted)
        case .absent: return nil
        case .swapped(_, let offset):
            let isFrame = !entry.isInSwap && !entry.isMarker && map[PFN(offset)] != nil
            return isFrame ? PFN(offset) : nil
        }
    }
}
