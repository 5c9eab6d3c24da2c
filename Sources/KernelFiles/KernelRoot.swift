import Glibc
import Observations
import PageModel
public import SystemPackage

/// The folder that holds `proc` and `sys`: `/` on a live machine, a saved tree otherwise.
public struct KernelRoot: Hashable, Sendable {
    public let directory: FilePath
    public init(_ directory: FilePath) { self.directory = directory }
    public static let live = KernelRoot("/")

    /// Whether this is the running kernel: only then do system calls answer about the same machine as the files.
    public var isLive: Bool { directory == Self.live.directory }

    /// `/proc/kpageflags`: one word of `PageFlags` for each PFN. Opening it needs root.
    public func kpageflags() throws(KernelFileError) -> WordFile { try WordFile(path("proc/kpageflags")) }

    /// `/proc/kpagecount`: how many page-table entries map each PFN. Opening it needs root.
    public func kpagecount() throws(KernelFileError) -> WordFile { try WordFile(path("proc/kpagecount")) }

    func path(_ relative: String) -> FilePath { directory.appending(relative) }

    /// The whole content of a small text file.
    func contents(of relative: String) throws(KernelFileError) -> [UInt8] {
        var buffer: [UInt8] = []
        try read(relative, into: &buffer)
        return buffer
    }

    /// Room for one more read; an array, because that is appended in one go.
    private static let step = [UInt8](repeating: 0, count: 4096)

    /// The content of a small text file, in a buffer that many reads can share. No more than `limit` bytes are read.
    func read(_ relative: String, into buffer: inout [UInt8], limit: Int = 1 << 24) throws(KernelFileError) {
        let path = path(relative)
        let descriptor = try FileDescriptor.opened(path)
        defer { try? descriptor.close() }
        buffer.removeAll(keepingCapacity: true)
        while buffer.count < limit {
            let start = buffer.count
            buffer.append(contentsOf: Self.step)
            do {
                let count = try buffer.withUnsafeMutableBytes { bytes in
                    try descriptor.read(into: .init(rebasing: bytes[start...]))
                }
                buffer.removeLast(Self.step.count - count)
                if count == 0 { return }
            } catch { throw KernelFileError("read", path, error) }
        }
    }

    /// Every line of a text file of any length, without its newline; memory stays flat.
    func lines(
        of relative: String, each body: (TextLine) throws(FormatError) -> Void
    ) throws(KernelFileError) {
        var longest = Duration.zero
        try lines(of: relative, longestRead: &longest, each: body)
    }

    /// - Parameter longestRead: raised to what the longest read(2) took, for which a lock may have been held.
    func lines(
        of relative: String, longestRead: inout Duration, each body: (TextLine) throws(FormatError) -> Void
    ) throws(KernelFileError) {
        let path = path(relative)
        let descriptor = try FileDescriptor.opened(path)
        defer { try? descriptor.close() }
        var splitter = LineSplitter()
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count: Int
            let begun = ContinuousClock.now
            do { count = try buffer.withUnsafeMutableBytes { try descriptor.read(into: $0) } } catch {
                throw KernelFileError("read", path, error)
            }
            longestRead = max(longestRead, begun.duration(to: .now))
            do {
                if count == 0 { return try splitter.finish(body) }
                try splitter.add(buffer[..<count], body)
            } catch { throw KernelFileError(path, error) }
        }
    }

    /// What a parser makes of a small text file.
    func parsed<Value>(
        _ relative: String, by parse: ([UInt8]) throws(FormatError) -> Value
    ) throws(KernelFileError) -> Value {
        let bytes = try contents(of: relative)
        do { return try parse(bytes) } catch { throw KernelFileError(path(relative), error) }
    }

    /// The names in a folder, in no order, without `.` and `..`. A name that is no UTF-8 is none of the kernel's: repaired.
    func names(in relative: String) throws(KernelFileError) -> [String] {
        do { return try Self.names(at: path(relative)) } catch { throw KernelFileError("list", path(relative), error) }
    }

    /// The same of a folder anywhere.
    static func names(at path: FilePath) throws(Errno) -> [String] {
        guard let folder = path.withPlatformString({ opendir($0) }) else { throw .last }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    /// What a symbolic link says, cut to 4 KiB: the kernel shows no longer path.
    func link(_ relative: String) throws(KernelFileError) -> ForeignText {
        let path = path(relative)
        var text = [CChar](repeating: 0, count: 4096)
        let length = path.withPlatformString { readlink($0, &text, text.count) }
        if length < 0 { throw KernelFileError("read the link", path, Errno.last) }
        return ForeignText(text.prefix(length).map { UInt8(bitPattern: $0) })
    }

    func exists(_ relative: String) -> Bool { path(relative).withPlatformString { access($0, F_OK) } == 0 }
}

extension FileDescriptor {
    /// Opens for reading; the error names the path.
    static func opened(_ path: FilePath) throws(KernelFileError) -> FileDescriptor {
        do { return try .open(path, .readOnly, options: .closeOnExec) } catch {
            throw KernelFileError("open", path, error)
        }
    }
}

extension PID {
    /// Of a folder below `proc`: `12`, or `12/task/13` for one thread. Nil for `self`.
    init?(folder: String) {
        guard let number = Int32(digits: folder.utf8.prefix { $0 != UInt8(ascii: "/") }) else { return nil }
        self.init(number)
    }
}
