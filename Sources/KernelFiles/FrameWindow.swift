import PageModel

/// A head and the tails that follow it.
struct Folio {
    let frames: Range<UInt64>
    /// Of the head: up to 6.1 tails lack most of them.
    let flags: PageFlags
}

/// Words of `/proc/kpageflags` of neighbouring frames.
struct FrameWindow: ~Copyable {
    private let flags: WordFile
    private var words: [UInt64] = []
    private let capacity: Int
    /// The frames whose words are here.
    private(set) var frames: Range<UInt64> = 0..<0

    /// - Parameter capacity: how many words are held at most.
    init(_ flags: consuming WordFile, capacity: Int) {
        self.flags = flags
        self.capacity = capacity
    }

    /// Reads as many words of `wanted` as there is room for, from its beginning on. What is behind the file's end is 0, as a
    /// hole is.
    mutating func read(_ wanted: Range<UInt64>) throws(KernelFileError) {
        let count = Int(min(UInt64(wanted.count), UInt64(capacity)))
        let got = try flags.read(at: wanted.lowerBound, into: &words, limit: count)
        for index in got..<count { words[index] = 0 }
        frames = wanted.lowerBound..<wanted.lowerBound + UInt64(count)
    }

    /// The word of one of `frames`.
    func word(_ frame: UInt64) -> UInt64 { words[Int(frame - frames.lowerBound)] }

    /// The end of the run of words that are equal to that of `frame`, in `frames`.
    func endOfRun(from frame: UInt64) -> UInt64 {
        var index = Int(frame - frames.lowerBound)
        let (word, end) = (words[index], frames.count)
        while index < end, words[index] == word { index += 1 }
        return frames.lowerBound + UInt64(index)
    }

    /// The word of any frame, read anew.
    func fresh(_ frame: UInt64) throws(KernelFileError) -> PageFlags {
        PageFlags(rawValue: try flags.word(at: frame) ?? 0)
    }

    /// The size of the hugetlb page that starts at `frame`; nil where none does.
    func hugetlbSize(at frame: PFN, sizes: [PageSize], base: PageSize) throws(KernelFileError) -> PageSize? {
        try flags.hugetlbSize(at: frame, sizes: sizes, base: base)
    }

    /// The folio that `frame`, one of `frames` and a head or a tail, is part of; nil for a tail without a head.
    func folio(around frame: UInt64) throws(KernelFileError) -> Folio? {
        guard let (head, flags) = try head(of: frame) else { return nil }
        return Folio(frames: head..<(try endOfTails(from: max(head, frame) + 1)), flags: flags)
    }

    private func head(of frame: UInt64) throws(KernelFileError) -> (frame: UInt64, flags: PageFlags)? {
        var frame = frame
        while true {
            let flags = PageFlags(rawValue: word(frame))
            if flags.contains(.compoundHead) { return (frame, flags) }
            guard flags.contains(.compoundTail) else { return nil }
            if frame == frames.lowerBound { break }
            frame -= 1
        }
        // A head is at a multiple of its folio's size: further back in steps that grow.
        var step = 8
        while frame > 0 {
            let first = frame - min(frame, UInt64(step))
            let words = try words(first..<frame)
            for index in words.indices.reversed() {
                let flags = PageFlags(rawValue: words[index])
                if flags.contains(.compoundHead) { return (first + UInt64(index), flags) }
                guard flags.contains(.compoundTail) else { return nil }
            }
            frame = first
            step = min(step * 8, 4096)
        }
        return nil
    }

    /// The first frame from `start` on that is no tail.
    private func endOfTails(from start: UInt64) throws(KernelFileError) -> UInt64 {
        var frame = start
        while frame < frames.upperBound {
            guard isTail(word(frame)) else { return frame }
            frame += 1
        }
        var step = 8
        while frame < PFN.most {
            let words = try words(frame..<frame + UInt64(step))
            guard let end = words.firstIndex(where: { !isTail($0) }) else {
                if words.count < step { return frame + UInt64(words.count) }
                frame += UInt64(step)
                step = min(step * 8, 4096)
                continue
            }
            return frame + UInt64(end)
        }
        return frame
    }

    private func isTail(_ word: UInt64) -> Bool { PageFlags(rawValue: word).contains(.compoundTail) }

    /// Fewer only where the file ends.
    private func words(_ wanted: Range<UInt64>) throws(KernelFileError) -> [UInt64] {
        var words: [UInt64] = []
        let got = try flags.read(at: wanted.lowerBound, into: &words, limit: wanted.count)
        return Array(words.prefix(got))
    }
}

/// Of `/proc/kpageflags`.
extension WordFile {
    /// The size of the hugetlb page that starts at `frame`; nil where none does.
    /// - Parameter sizes: those that there can be, ascending.
    func hugetlbSize(at frame: PFN, sizes: [PageSize], base: PageSize) throws(KernelFileError) -> PageSize? {
        func flags(_ frame: UInt64) throws(KernelFileError) -> PageFlags {
            PageFlags(rawValue: try word(at: frame) ?? 0)
        }
        guard var size = sizes.first, try flags(frame.rawValue).isSuperset(of: [.huge, .compoundHead]) else {
            return nil
        }
        for larger in sizes.dropFirst() {
            guard try flags(frame.rawValue + size.count(of: base)).isSuperset(of: [.huge, .compoundTail]) else { break }
            size = larger
        }
        return size
    }
}
