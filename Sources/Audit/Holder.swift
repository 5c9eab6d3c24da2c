public import Observations
public import PageModel

/// Something with a name that keeps huge pages in use which no page table leads to.
public struct Holder: Hashable, Sendable {
    /// Stable names: scripts rely on them.
    public enum Kind: String, CaseIterable, Comparable, Sendable {
        /// On a hugetlbfs mount.
        case file
        /// Deleted from one; a descriptor or a mapping keeps it.
        case deletedFile
        case memfd
        /// A System V segment, or anonymous shared memory.
        case sharedMemory
        /// Buffers registered with io_uring.
        case ioUring
        /// Descriptors under way over a socket.
        case socket
        /// A reference of the kernel whose owner cannot be told.
        case kernel

        public static func < (left: Self, right: Self) -> Bool { left.rank < right.rank }
        private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
    }

    public let kind: Kind
    /// A file's as the kernel shows it; a sentence's subject for what is no file.
    public let name: ForeignText
    public let size: PageSize
    /// Pages in use that no page table leads to. Unit: huge pages of `size`.
    public let pages: UInt64
    /// Where these are; nil where that could not be told.
    public let nodes: [Placement]?
    /// Those that keep it, ascending: by a descriptor, a mapping, or, of suspects, perhaps.
    public let processes: [PID]
    /// The file, where it is one.
    public let file: HugetlbFile?
    /// Empty for a file.
    public let suspects: [PinSuspect]

    /// When it was made or last given another length. Unit: seconds since 1970; nil where it cannot be told.
    public var since: Double? { file?.modifiedAt }
    /// By inference, not by name: these processes may keep the pages.
    public var isSuspected: Bool { file == nil }
    public var bytes: UInt64 { size.amount(of: pages).bytes }

    init(
        _ kind: Kind, name: ForeignText, size: PageSize, pages: UInt64, nodes: [Placement]?,
        suspects: [PinSuspect]
    ) {
        (self.kind, self.name, self.size, self.pages, self.nodes) = (kind, name, size, pages, nodes)
        processes = Set(suspects.map(\.process)).sorted()
        (file, self.suspects) = (nil, suspects)
    }

    /// - Parameter pages: those of the file that are held.
    init(_ file: HugetlbFile, pages: UInt64, nodes: [Placement]?) {
        kind =
            switch file.kind {
            case .linked: .file
            case .deleted: .deletedFile
            case .memfd: .memfd
            case .anonymous, .systemV: .sharedMemory
            }
        (name, size, self.pages, self.nodes) = (file.name, file.size, pages, nodes)
        processes = Set(file.uses.map(\.process)).sorted()
        (self.file, suspects) = (file, [])
    }
}

extension HugetlbFile {
    /// Some live mapping leads to it: its owner has not lost it, though page tables do not lead to all of its pages.
    public var isMapped: Bool {
        if case .systemV(let segment) = kind { return mappings > 0 || segment.attached > 0 }
        return mappings > 0
    }

    /// Pages that no page table leads to, and where. Without a look at its frames, those that no mapping could lead to.
    var held: (pages: UInt64, nodes: [Placement]?) {
        guard let frames else { return (pages - min(seenMapped, pages), nil) }
        let pages = frames.unmapped.reduce(0) { $0 &+ $1.pages }
        return (pages, frames.unmapped.contains { $0.node == nil } ? nil : frames.unmapped)
    }
}

extension Holder.Kind {
    /// `1 file`, `4100 files`
    public func counted(_ count: Int) -> String {
        let noun =
            switch self {
            case .file: "file"
            case .deletedFile: "deleted file"
            case .memfd: "memfd"
            case .sharedMemory: "shared memory segment"
            case .ioUring: "io_uring"
            case .socket: "socket queue"
            case .kernel: count == 1 ? "reference of the kernel" : "references of the kernel"
            }
        return "\(count) \(noun)\(count == 1 || self == .kernel ? "" : "s")"
    }
}
