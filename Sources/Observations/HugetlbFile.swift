public import PageModel

/// The device that a file lies on. Every hugetlbfs mount is one of its own; all memfds, System V segments and anonymous
/// shared memory of one page size lie together on one that is mounted nowhere.
public struct DeviceNumber: Hashable, Comparable, Sendable {
    public let major: UInt32
    public let minor: UInt32
    public init(major: UInt32, minor: UInt32) { (self.major, self.minor) = (major, minor) }
    public static func < (left: Self, right: Self) -> Bool { (left.major, left.minor) < (right.major, right.minor) }
}

/// One file whose pages are huge pages: on a hugetlbfs mount, deleted from it, a memfd, anonymous shared memory, or a
/// System V segment. Source: kernel `fs/hugetlbfs/inode.c`.
public struct HugetlbFile: Hashable, Sendable {
    public enum Kind: Hashable, Sendable {
        /// It has a name on a hugetlbfs mount.
        case linked
        /// It had one; a descriptor or a mapping keeps it.
        case deleted
        case memfd
        /// MAP_SHARED and MAP_ANONYMOUS; its mappings alone keep it.
        case anonymous
        case systemV(Segment)
    }

    /// What the kernel says of a System V segment. Source: `/proc/sysvipc/shm`, shmctl(2).
    public struct Segment: Hashable, Sendable {
        public var key: Int32
        public var id: Int32
        public var creator: PID
        public var lastUser: PID
        /// Mappings of it in all namespaces.
        public var attached: UInt64
        /// Inode number of the IPC namespace that the id belongs to; nil for the audit's own.
        public var namespace: UInt64?
        /// A process of that namespace, by which it can be entered; nil for the audit's own.
        public var through: PID?
        public init(
            key: Int32, id: Int32, creator: PID, lastUser: PID, attached: UInt64, namespace: UInt64? = nil,
            through: PID? = nil
        ) {
            (self.key, self.id, self.creator, self.lastUser) = (key, id, creator, lastUser)
            (self.attached, self.namespace, self.through) = (attached, namespace, through)
        }
    }

    /// The same for the same file, whoever reaches it and however often. A System V segment's `inode` is its id, which other
    /// namespaces use again.
    public struct Identity: Hashable, Comparable, Sendable {
        public var device: DeviceNumber
        public var inode: UInt64
        /// Inode number of the IPC namespace, of System V segments only.
        public var ipcNamespace: UInt64?
        public init(device: DeviceNumber, inode: UInt64, ipcNamespace: UInt64? = nil) {
            (self.device, self.inode, self.ipcNamespace) = (device, inode, ipcNamespace)
        }
        public static func < (left: Self, right: Self) -> Bool {
            (left.device, left.inode, left.ipcNamespace ?? 0) < (right.device, right.inode, right.ipcNamespace ?? 0)
        }
    }

    /// A process that keeps the file, and by what.
    public struct Use: Hashable, Sendable {
        public enum Way: Hashable, Sendable {
            /// Number of the descriptor.
            case descriptor(Int32)
            /// Start of the mapping in the process's address space.
            case mapping(UInt64)
        }
        public var process: PID
        public var way: Way
        public init(_ process: PID, _ way: Way) { (self.process, self.way) = (process, way) }
    }

    /// Where its pages are, found without changing anything.
    public struct Frames: Hashable, Sendable {
        /// Pages that some page table leads to.
        public var mapped: UInt64
        /// Pages that none leads to, by node.
        public var unmapped: [Placement]
        /// Pages lost to a memory error.
        public var poisoned: UInt64
        public init(mapped: UInt64 = 0, unmapped: [Placement] = [], poisoned: UInt64 = 0) {
            (self.mapped, self.unmapped, self.poisoned) = (mapped, unmapped, poisoned)
        }
    }

    public var identity: Identity
    public var kind: Kind
    /// As the kernel shows it: the path in the mount's namespace, `/memfd:NAME`, `/anon_hugepage`, `SYSV` and the key.
    public var name: ForeignText
    /// By which an administrator in the audit's own namespace reaches a linked file: `/proc/PID/root/…` where its mount is
    /// in another. Nil for all others, and for a file on a detached mount.
    public var path: ForeignText?
    /// Further paths of the same file, by hard links: its pages stay until all are gone. No more than `mostPaths`.
    public var otherPaths: [ForeignText]
    /// How many names it has: `st_nlink`.
    public var links: UInt64
    public var size: PageSize
    /// What it is meant to hold: `st_size`. Says nothing of what it holds. Unit: bytes.
    public var length: UInt64
    /// Huge pages in its page cache: `st_blocks`. Private copies and reservations are not among them.
    public var pages: UInt64
    /// Who made it.
    public var owner: ForeignText
    /// When it was last given another length. Unit: seconds since 1970; nil where that cannot be told.
    public var modifiedAt: Double?
    /// No more than `mostUses`.
    public var uses: [Use]
    /// Descriptors and mappings that lead to it, whether in `uses` or not.
    public var descriptors: UInt64
    public var mappings: UInt64
    /// Distinct pages of it that page tables of walked processes lead to: no more than a lower bound. Unit: huge pages.
    public var seenMapped: UInt64
    /// Distinct pages of it that live MAP_SHARED mappings without MAP_NORESERVE cover, touched or not. Unit: huge pages.
    public var covered: UInt64
    /// False for a System V segment that nobody was seen to map and that was not looked at: nothing but a look at it tells
    /// whether it is of huge pages.
    public var isProven: Bool
    /// Nil where it was not looked at; `unplaced` then says why.
    public var frames: Frames?
    /// Why its pages have no node: `--passive`, or what the system answered.
    public var unplaced: String?

    /// A file that a thousand processes map is named with some of them.
    public static let mostUses = 64
    public static let mostPaths = 7

    public init(
        identity: Identity, kind: Kind, name: ForeignText, path: ForeignText? = nil, size: PageSize, length: UInt64,
        pages: UInt64, owner: ForeignText, modifiedAt: Double? = nil
    ) {
        (self.identity, self.kind, self.name, self.path, self.size) = (identity, kind, name, path, size)
        (self.length, self.pages, self.owner, self.modifiedAt) = (length, pages, owner, modifiedAt)
        (otherPaths, links) = ([], path == nil ? 0 : 1)
        (uses, descriptors, mappings, seenMapped, covered, isProven) = ([], 0, 0, 0, 0, true)
    }
}
