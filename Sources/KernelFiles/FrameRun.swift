import PageModel

/// Neighbouring entries of a page table that lead to neighbouring frames, or all to one.
struct FrameRun {
    enum Direction {
        case up
        /// The addresses fall as the frames rise.
        case down
        /// So many addresses lead to one frame: a zero page, or one that KSM merged.
        case same(count: UInt64)
    }
    /// Where the lowest frame is mapped. Unit: bytes of the process's address space.
    let address: UInt64
    /// Never empty.
    let frames: Range<UInt64>
    let direction: Direction
    /// Mapped here and nowhere else: bit 56.
    var isExclusive: Bool
    let base: PageSize

    /// Where `part` of the frames is mapped.
    func addresses(of part: Range<UInt64>) -> Range<UInt64> {
        let (low, high) = (part.lowerBound - frames.lowerBound, part.upperBound - frames.lowerBound)
        return switch direction {
        case .up: address + low * base.bytes..<address + high * base.bytes
        case .down: address - (high - 1) * base.bytes..<address - low * base.bytes + base.bytes
        case .same(let count): address..<address + count * base.bytes
        }
    }

    /// Where one of the frames is mapped.
    func address(of frame: UInt64) -> UInt64 { addresses(of: frame..<frame + 1).lowerBound }

    /// What `part` of the frames is mapped as. Unit: bytes.
    func bytes(of part: Range<UInt64>) -> UInt64 {
        switch direction {
        case .up, .down: UInt64(part.count) * base.bytes
        case .same(let count): count * base.bytes
        }
    }
}

extension FrameRun {
    /// The run of present entries that begins at `index`.
    /// - Parameters:
    ///   - entries: words of pagemap, of which `index` is present and not hidden.
    ///   - address: that of the entry at `index`.
    ///   - end: is set to the index behind the run.
    init(_ entries: Span<UInt64>, at index: Int, address: UInt64, base: PageSize, end: inout Int) {
        let word = entries[index]
        let entry = PagemapEntry(word: word)
        let frame = word & (1 << 55 - 1)
        end = index + 1
        let second = end < entries.count ? entries[end] : 0
        let step: UInt64 = second == word &+ 1 ? 1 : second == word &- 1 ? .max : 0
        // Equal but for the frame, which goes on by one step: so are the words.
        while end < entries.count, entries[end] == entries[end - 1] &+ step { end += 1 }
        let count = UInt64(end - index)
        (isExclusive, self.base) = (entry.isExclusive, base)
        switch step {
        case 1: (self.address, frames, direction) = (address, frame..<frame + count, .up)
        case .max:
            let lowest = address + (count - 1) * base.bytes
            (self.address, frames, direction) = (lowest, frame + 1 - count..<frame + 1, .down)
        default: (self.address, frames, direction) = (address, frame..<frame + 1, .same(count: count))
        }
    }
}
