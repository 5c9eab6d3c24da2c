import Glibc
public import Observations
public import SystemPackage

/// One line that is not as the kernel writes it. Made by the pure parsers; the reader adds the path.
public struct FormatError: Error, Equatable, Sendable {
    /// Counted from 1.
    public let line: Int
    /// The line as it stands, escaped and cut to 80 characters.
    public let text: String
    public let expected: String
    init(line: Int, bytes: some BidirectionalCollection<UInt8>, expected: String) {
        self.line = line
        // Of a line that may be megabytes long only the ends are escaped: the middle is cut anyway.
        let ends = bytes.count > 512 ? Array(bytes.prefix(256)) + bytes.suffix(256) : Array(bytes)
        text = ForeignText(ends).escaped(limit: 80)
        self.expected = expected
    }
}

/// A kernel file could not be read. Prints as: could not open /proc/1/pagemap: Permission denied. Run as root…
public struct KernelFileError: Error, Equatable, Sendable, CustomStringConvertible {
    public enum Problem: Equatable, Sendable {
        /// The system refused; `action` is what was tried.
        case system(action: String, Errno)
        /// It was read, and is not what the kernel writes there.
        case malformed(FormatError)
        /// It was given up, in words; `action` is what was tried.
        case unanswered(action: String, String)
        /// Something else is there than what was to be opened; in words.
        case replaced(String)
    }
    public let path: FilePath
    public let problem: Problem

    init(_ action: String, _ path: FilePath, _ error: any Error) {
        (self.path, problem) = (path, .system(action: action, error as? Errno ?? .ioError))
    }
    init(_ path: FilePath, _ error: FormatError) { (self.path, problem) = (path, .malformed(error)) }
    init(_ action: String, _ path: FilePath, unanswered: String) {
        (self.path, problem) = (path, .unanswered(action: action, unanswered))
    }
    init(_ path: FilePath, replaced: String) { (self.path, problem) = (path, .replaced(replaced)) }

    /// The path as bytes: in a saved tree or another mount namespace somebody else chose it.
    public var foreignPath: ForeignText { ForeignText(path) }

    public var description: String {
        let action =
            switch problem {
            case .system(let action, _), .unanswered(let action, _): action
            case .malformed: "read"
            case .replaced: "open"
            }
        return "could not \(action) \(foreignPath.escaped): \(reason). \(advice)"
    }

    /// Whether it says that a process has ended, or that what it had is gone: normal on a living machine.
    var isEnd: Bool {
        switch problem {
        case .system(_, .noSuchProcess), .system(_, .noSuchFileOrDirectory), .system(_, .invalidArgument): true
        default: false
        }
    }

    /// What the system answered, or how the content is wrong.
    public var reason: String {
        switch problem {
        case .system(_, let errno): errno.description
        case .replaced(let words), .unanswered(_, let words): words
        case .malformed(let error): "line \(error.line) is \"\(error.text)\", expected \(error.expected)"
        }
    }

    /// What the person at the terminal can do.
    public var advice: String {
        switch problem {
        case .system(_, .permissionDenied), .system(_, .notPermitted):
            "Run as root, or grant CAP_DAC_READ_SEARCH, CAP_SYS_ADMIN and CAP_SYS_PTRACE"
        case .system(_, .noSuchProcess): "The process has ended; audit again"
        case .system(_, .noSuchFileOrDirectory):
            path.components.contains { Int32(digits: $0.string.utf8) != nil }
                ? "The process has ended; audit again"
                : "The kernel lacks what this needs (CONFIG_HUGETLB_PAGE, CONFIG_PROC_PAGE_MONITOR)"
        case .replaced: "Audit again; if it stays, look at the mounts there"
        case .malformed: "Report this with the file, the kernel's version and hugeaudit's"
        case .system, .unanswered: "Audit again; if it stays, report it with the kernel's version and hugeaudit's"
        }
    }
}

extension ForeignText {
    /// The path's bytes as they are.
    public init(_ path: FilePath) {
        self = path.withPlatformString {
            ForeignText(UnsafeBufferPointer(start: $0, count: path.length).map { UInt8(bitPattern: $0) })
        }
    }
}

extension Errno {
    /// What the last failed call left in `errno`.
    static var last: Errno { Errno(rawValue: errno) }
}
