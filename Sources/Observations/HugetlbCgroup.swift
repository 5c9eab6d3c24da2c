public import PageModel

/// What one cgroup and all below it may use of huge pages of one size, and what they do. Unit of all amounts: bytes.
///
/// A page is charged when it is first touched, and above `limit` the toucher gets SIGBUS. A reservation is charged for its
/// whole length when memory is mapped, and above `reservedLimit` mmap fails.
/// Source: kernel `mm/hugetlb_cgroup.c`, `Documentation/admin-guide/cgroup-v2.rst` and `cgroup-v1/hugetlb.rst`.
public struct HugetlbCgroup: Hashable, Sendable {
    public enum Version: Hashable, Sendable { case v1, v2 }

    /// A file of the controller, by the property that it fills.
    public enum File: Sendable { case usage, limit, reserved, reservedLimit, refusals, refusedReservations }

    public var version: Version
    /// In its hierarchy, as `/proc/PID/cgroup` shows it.
    public var path: ForeignText
    /// Where the hierarchy's mount has it.
    public var folder: ForeignText
    public var size: PageSize
    public var usage: UInt64 = 0
    /// Nil for none.
    public var limit: UInt64?
    public var reserved: UInt64 = 0
    /// Nil for none.
    public var reservedLimit: UInt64?
    /// How often a page was refused: in version 1 by this cgroup's own limit. In version 2 by whichever limit, to a program
    /// here or below, and reservations are counted, too.
    public var refusals: UInt64 = 0
    /// How often this cgroup's own limit refused a reservation. Nil in version 2, which counts them with `refusals`.
    public var refusedReservations: UInt64?

    public init(_ version: Version, path: ForeignText, folder: ForeignText, size: PageSize) {
        (self.version, self.path, self.folder, self.size) = (version, path, folder, size)
    }

    /// Where `file` is: `/sys/fs/cgroup/db.slice/hugetlb.2MB.max`.
    public func path(of file: File) -> ForeignText {
        ForeignText(folder.bytes + "/hugetlb.\(size.inCgroupFiles).\(file.name(in: version))".utf8)
    }
}

extension HugetlbCgroup.File {
    fileprivate func name(in version: HugetlbCgroup.Version) -> String {
        switch (self, version) {
        case (.usage, .v1): "usage_in_bytes"
        case (.usage, .v2): "current"
        case (.limit, .v1): "limit_in_bytes"
        case (.limit, .v2): "max"
        case (.reserved, .v1): "rsvd.usage_in_bytes"
        case (.reserved, .v2): "rsvd.current"
        case (.reservedLimit, .v1): "rsvd.limit_in_bytes"
        case (.reservedLimit, .v2): "rsvd.max"
        case (.refusals, .v1): "failcnt"
        case (.refusedReservations, .v1): "rsvd.failcnt"
        case (.refusals, .v2), (.refusedReservations, .v2): "events"
        }
    }
}

extension PageSize {
    /// `2MB`, `1GB`, `64KB`. Source: kernel `mm/hugetlb_cgroup.c`, `mem_fmt`.
    fileprivate var inCgroupFiles: String {
        switch bytes {
        case (1 << 30)...: "\(bytes >> 30)GB"
        case (1 << 20)...: "\(bytes >> 20)MB"
        default: "\(bytes >> 10)KB"
        }
    }
}
