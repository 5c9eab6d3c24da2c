public import PageModel

/// A hugetlbfs that is mounted somewhere. Source: `/proc/PID/mountinfo`.
public struct HugetlbMount: Hashable, Sendable {
    public var device: DeviceNumber
    /// Where, in the namespace of `through`.
    public var folder: ForeignText
    /// A process in whose mount namespace it is; nil for the audit's own.
    public var through: PID?
    public var size: PageSize
    /// `min_size`: pages that are reserved for its lifetime, used or not. Unit: huge pages of `size`.
    public var minimum: UInt64
    public init(device: DeviceNumber, folder: ForeignText, through: PID?, size: PageSize, minimum: UInt64) {
        (self.device, self.folder, self.through) = (device, folder, through)
        (self.size, self.minimum) = (size, minimum)
    }
}

/// A process with something by which the kernel may keep pages that no page table leads to.
public struct PinSuspect: Hashable, Sendable {
    public enum Kind: Hashable, Sendable {
        /// A buffer registered with io_uring, at the address that it had then.
        /// - Parameter isMapped: hugetlb or other memory is mapped at all of these addresses now.
        case ioUring(buffer: Range<UInt64>, isMapped: Bool)
        /// An io_uring with files registered, which keeps them without a descriptor.
        case ringFiles(UInt64)
        /// A UNIX socket with descriptors under way to it.
        case socket(inFlight: UInt64)
        /// A descriptor of a device or kernel object that pins memory for direct access: vfio, RDMA, iommufd, AF_XDP.
        case device(ForeignText)
        /// `VmPin` of its status. Unit: bytes.
        case pinned(UInt64)
        case pipe
        /// `VmLck` of the status of a process that has such a device: some of them pin memory under this name. Unit: bytes.
        case locked(UInt64)
    }
    public var process: PID
    /// Nil for `pinned` and `locked`.
    public var descriptor: Int32?
    public var kind: Kind
    public init(_ process: PID, descriptor: Int32?, _ kind: Kind) {
        (self.process, self.descriptor, self.kind) = (process, descriptor, kind)
    }
}

/// A private hugetlb mapping: what is not yet touched of it is reserved, unless it was made with MAP_NORESERVE.
public struct PrivateMapping: Hashable, Sendable {
    public var process: PID
    /// Address in the process. A child that was forked has the same mapping there, of the same file.
    public var start: UInt64
    /// The file behind it: of anonymous memory one that the kernel made for this mapping.
    public var file: HugetlbFile.Identity
    public var size: PageSize
    /// Its length. Unit: huge pages of `size`.
    public var pages: UInt64
    /// Pages of its own that it has in memory: those of a file that it only reads are none.
    public var touched: UInt64
    /// Whether it was made with MAP_NORESERVE; nil where that was not read.
    public var isNoReserve: Bool?
    public init(
        process: PID, start: UInt64, file: HugetlbFile.Identity, size: PageSize, pages: UInt64, touched: UInt64,
        isNoReserve: Bool?
    ) {
        (self.process, self.start, self.file, self.size) = (process, start, file, size)
        (self.pages, self.touched, self.isNoReserve) = (pages, touched, isNoReserve)
    }
}

/// Who a process is, in its own words and those of the kernel.
public struct ProcessIdentity: Hashable, Sendable {
    public var name: ForeignText
    public var command: ForeignText
    public var user: ForeignText
    public var cgroup: ForeignText
    public init(name: ForeignText, command: ForeignText, user: ForeignText, cgroup: ForeignText) {
        (self.name, self.command, self.user, self.cgroup) = (name, command, user, cgroup)
    }
}

/// What was found when something was asked that page tables do not answer: who keeps pages that nobody maps, and who has
/// reserved pages that nobody has touched.
public struct HolderSearch: Hashable, Sendable {
    /// How far it went.
    public enum Depth: Int, Comparable, Hashable, Sendable {
        /// Files: on mounts, behind descriptors and mappings, and System V segments.
        case files
        /// Also what can only be suspected: io_uring, descriptors under way, devices, and descriptors of single threads.
        case suspects
        public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
    }
    public var depth: Depth
    /// Files were left alone: none of them has a place.
    public var isPassive = false
    /// Those with pages, and those that could have reserved some; ascending by identity.
    public var files: [HugetlbFile] = []
    public var mounts: [HugetlbMount] = []
    public var privateMappings: [PrivateMapping] = []
    /// Empty unless `depth` is `suspects`.
    public var suspects: [PinSuspect] = []
    /// `nr_foll_pin_acquired` less `nr_foll_pin_released` of vmstat: how many long-term pins there are, in units that differ
    /// between kernels; nil where the kernel does not count them.
    public var longTermPins: Int64?
    /// Of the processes that are named above.
    public var identities: [PID: ProcessIdentity] = [:]
    /// Distinct namespaces that were seen.
    public var mountNamespaces: UInt64 = 0
    public var ipcNamespaces: UInt64 = 0
    /// Descriptors that were looked at.
    public var descriptors: UInt64 = 0
    /// Times that a process or a namespace would not show what it has. Matters only where pages stay without a name.
    public var refused: UInt64 = 0

    public init(depth: Depth) { self.depth = depth }
}
