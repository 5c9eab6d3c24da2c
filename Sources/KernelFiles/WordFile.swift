import Glibc
public import SystemPackage

/// A kernel file of native-endian `UInt64` words. Owns its descriptor: moved or lent, never copied, closed at the end.
public struct WordFile: ~Copyable, Sendable {
    public let path: FilePath
    private let descriptor: FileDescriptor

    init(_ path: FilePath) throws(KernelFileError) {
        self.path = path
        descriptor = try .opened(path)
    }
    deinit { try? descriptor.close() }

    /// What another thread needs to have the same file as well, while this value lives.
    struct Source: Sendable {
        fileprivate let path: FilePath
        fileprivate let descriptor: FileDescriptor
    }
    var source: Source { Source(path: path, descriptor: descriptor) }

    /// The same open file, not what its path leads to by now: another program's page tables after an exec.
    init(_ source: Source) throws(KernelFileError) {
        path = source.path
        let copy = fcntl(source.descriptor.rawValue, F_DUPFD_CLOEXEC, 0)
        guard copy >= 0 else { throw KernelFileError("open once more", path, Errno.last) }
        descriptor = FileDescriptor(rawValue: copy)
    }

    /// For the ioctls of the file; it stays this value's to close.
    var rawDescriptor: Int32 { descriptor.rawValue }

    /// Fills `words` from word `first` on. Returns how many were read: fewer than asked only where the file ends. No file
    /// has more than 2^60 words, as its offsets are signed.
    public func read(at first: UInt64, into words: inout MutableSpan<UInt64>) throws(KernelFileError) -> Int {
        try read(at: first, into: &words, limit: words.count)
    }

    /// The same for the first words of an array, at most `limit` of them. It grows to as many: memory that was never needed
    /// would have to be cleared, too.
    func read(at first: UInt64, into words: inout [UInt64], limit: Int) throws(KernelFileError) -> Int {
        if words.count < limit { words += repeatElement(0, count: limit - words.count) }
        var span = words.mutableSpan
        return try read(at: first, into: &span, limit: limit)
    }

    private func read(
        at first: UInt64, into words: inout MutableSpan<UInt64>, limit: Int
    ) throws(KernelFileError) -> Int {
        let wanted = min(words.count, limit)
        guard first < 1 << 60 - UInt64(wanted) else { return 0 }
        var filled = 0
        while filled < wanted * 8 {
            do {
                let offset = Int64(first) * 8 + Int64(filled)
                let count = try words.withUnsafeMutableBytes { bytes in
                    try descriptor.read(fromAbsoluteOffset: offset, into: .init(rebasing: bytes[filled..<wanted * 8]))
                }
                if count == 0 { break }
                filled += count
            } catch { throw KernelFileError("read word \(first) on of", path, error) }
        }
        return filled / 8
    }

    /// The word at `index`; nil past the end of the file.
    public func word(at index: UInt64) throws(KernelFileError) -> UInt64? {
        var word: [1 of UInt64] = [0]
        var span = word.mutableSpan
        return try read(at: index, into: &span) == 1 ? word[0] : nil
    }
}
