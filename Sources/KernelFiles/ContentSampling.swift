import Observations
import PageModel
import SystemPackage

extension KernelRoot {
    /// Looks into huge pages of a process for base pages with nothing but zeros. Only where somebody asked for it: memory that
    /// is not there any more is filled in by the kernel with its zero page when it is read, and what is read counts as used.
    /// `candidates` stays 0. Source: proc(5), `/proc/PID/mem`; kernel `fs/proc/base.c`, `mem_rw`.
    ///
    /// - Parameters:
    ///   - process: its folder below `proc`.
    ///   - hugePages: where they start. Unit: bytes of the virtual address space. One that cannot be read whole is left out.
    /// - Throws: where the process has ended or refuses.
    func contentSample(
        of process: String, hugePages: [UInt64], size: PageSize, base: PageSize
    ) throws(KernelFileError) -> ContentSample {
        var sample = ContentSample()
        guard size >= base else { return sample }
        let path = path("proc/\(process)/mem")
        let memory = try FileDescriptor.opened(path)
        defer { try? memory.close() }
        let piece = min(size.bytes, max(base.bytes, Self.piece))
        var words = [UInt64](repeating: 0, count: Int(piece / 8))
        for start in hugePages {
            var zeroFilled: UInt64 = 0
            var isWhole = true
            for offset in stride(from: 0, to: size.bytes, by: Int(piece)) where isWhole {
                do { isWhole = try memory.fill(&words, at: start &+ offset) } catch {
                    throw KernelFileError("read", path, error)
                }
                if isWhole { zeroFilled += zeroPages(in: words.span, wordsPerPage: Int(base.bytes / 8)) }
            }
            guard isWhole else { continue }
            sample.hugePages += 1
            sample.basePages += size.count(of: base)
            sample.zeroFilled += zeroFilled
        }
        return sample
    }

    /// Unit: bytes.
    private static let piece: UInt64 = 2 << 20
}

extension FileDescriptor {
    /// Fills all of `words` from the byte `start` on; false where that cannot be read.
    fileprivate func fill(_ words: inout [UInt64], at start: UInt64) throws(Errno) -> Bool {
        var filled = 0
        while filled < words.count * 8 {
            guard let offset = Int64(exactly: start &+ UInt64(filled)) else { return false }
            do {
                let count = try words.withUnsafeMutableBytes { bytes in
                    try read(fromAbsoluteOffset: offset, into: .init(rebasing: bytes[filled...]))
                }
                if count == 0 { return false }
                filled += count
            } catch {
                // Nothing is mapped there, or it may not be read, or no memory can be there.
                let isGone = [.ioError, .badAddress, .invalidArgument].contains(error as? Errno ?? .ioError)
                if isGone { return false }
                throw error as? Errno ?? .ioError
            }
        }
        return true
    }
}

/// How many pages there are among `words` with nothing but zeros.
func zeroPages(in words: Span<UInt64>, wordsPerPage: Int) -> UInt64 {
    var pages: UInt64 = 0
    for start in stride(from: 0, to: words.count - wordsPerPage + 1, by: wordsPerPage) {
        if isZero(words, from: start, to: start + wordsPerPage) { pages += 1 }
    }
    return pages
}

/// Most pages that hold something hold it near their start.
private func isZero(_ words: Span<UInt64>, from start: Int, to end: Int) -> Bool {
    var index = start
    while index + 8 <= end {
        let first = words[index] | words[index + 1] | words[index + 2] | words[index + 3]
        let second = words[index + 4] | words[index + 5] | words[index + 6] | words[index + 7]
        if first | second != 0 { return false }
        index += 8
    }
    return true
}
