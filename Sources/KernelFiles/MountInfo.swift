import Observations
import PageModel
import SystemPackage

/// One line of `/proc/PID/mountinfo`: a mount that the process can reach from its root.
/// Source: kernel `Documentation/filesystems/proc.rst` §3.5, `fs/proc_namespace.c`.
struct MountInfo: Hashable {
    /// As long as it is mounted; then the kernel gives the number to another.
    let id: UInt64
    /// Of the filesystem: the same wherever else it is mounted.
    let device: DeviceNumber
    /// The folder of the filesystem that is mounted: `/`, unless a folder below was bound. For some filesystems no path.
    let root: ForeignText
    /// Where, seen from the root of the process.
    let mountPoint: ForeignText
    let type: ForeignText
    /// Options of the filesystem, wherever it is mounted. Those without a value have an empty one.
    let superOptions: [ForeignText: ForeignText]

    /// - Parameter line: without its newline.
    init(parsing line: TextLine) throws(FormatError) {
        let fields = try Self.fields(of: line)
        let (front, back) = (fields.front, fields.back)
        guard front.count >= 6, back.count == 3, let id = UInt64(digits: front[0]),
            let device = DeviceNumber(mountinfo: front[2])
        else { throw line.error(expected: Self.shape) }
        (self.id, self.device) = (id, device)
        (root, mountPoint) = (ForeignText(unescaping: front[3]), ForeignText(unescaping: front[4]))
        type = ForeignText(unescaping: back[0])
        var options: [ForeignText: ForeignText] = [:]
        for option in back[2].split(separator: UInt8(ascii: ",")) {
            let (key, value) = option.halves(at: UInt8(ascii: "=")) ?? (option, [])
            options[ForeignText(unescaping: key)] = ForeignText(unescaping: value)
        }
        superOptions = options
    }

    private static let shape =
        "ID PARENT MAJOR:MINOR ROOT MOUNTPOINT OPTIONS [FIELD…] - TYPE SOURCE SUPEROPTIONS"

    /// The fields before the lone `-`, and the three after it. No field holds a blank: the kernel escapes them.
    private static func fields(
        of line: TextLine
    ) throws(FormatError) -> (front: [ArraySlice<UInt8>], back: [ArraySlice<UInt8>]) {
        guard let end = endOfOptionalFields(in: line) else { throw line.error(expected: shape) }
        return (
            line.bytes[..<end].split(separator: .blank, omittingEmptySubsequences: false),
            line.bytes[(end + 3)...].split(separator: .blank, maxSplits: 2, omittingEmptySubsequences: false)
        )
    }

    /// Where ` - ` starts.
    private static func endOfOptionalFields(in line: TextLine) -> Int? {
        line.bytes.indices.dropLast(2).first { index in
            line.bytes[index + 1] == UInt8(ascii: "-") && line.bytes[index] == .blank
                && line.bytes[index + 2] == .blank
        }
    }

    /// The device alone; nil where there is none.
    fileprivate static func device(in line: TextLine) -> DeviceNumber? {
        let fields = line.bytes.split(separator: .blank, maxSplits: 3, omittingEmptySubsequences: false)
        return fields.count > 2 ? DeviceNumber(mountinfo: fields[2]) : nil
    }

    /// The filesystem type alone, as it stands: most lines are of types that nobody asked for.
    fileprivate static func type(in line: TextLine) throws(FormatError) -> ArraySlice<UInt8> {
        guard let end = endOfOptionalFields(in: line) else { throw line.error(expected: shape) }
        return line.bytes[(end + 3)...].prefix { $0 != .blank }
    }
}

extension MountInfo {
    /// What the types of filesystems begin with that ask a server or a daemon, which might not answer, when a path leads
    /// through them: `nfs4`, `fuse.sshfs`.
    static let servers = [
        "fuse", "virtiofs", "nfs", "cifs", "smb3", "9p", "ceph", "afs", "autofs", "coda", "lustre", "orangefs", "pvfs2",
        "beegfs", "gpfs", "gfs2", "ocfs2",
    ]
}

/// What the options of a hugetlbfs say. Source: kernel `fs/hugetlbfs/inode.c`, `hugetlbfs_show_options`.
extension MountInfo {
    /// `min_size`: what is reserved for as long as it is mounted. Unit: bytes; nil without that option.
    var minimumBytes: UInt64? { superOptions[ForeignText("min_size")].flatMap { UInt64(digits: $0.bytes) } }

    /// `pagesize`: written as `64K`, `2M`, `1024M`. Nil where it is missing or no page size.
    var pageSize: PageSize? {
        guard let text = superOptions[ForeignText("pagesize")], let amount = UInt64(digits: text.bytes.dropLast())
        else { return nil }
        let unit: UInt64
        switch text.bytes.last {
        case UInt8(ascii: "K"): unit = 1 << 10
        case UInt8(ascii: "M"): unit = 1 << 20
        default: return nil
        }
        let (bytes, isTooBig) = amount.multipliedReportingOverflow(by: unit)
        return isTooBig ? nil : PageSize(bytes: bytes)
    }
}

extension KernelRoot {
    /// The mounts that a process can reach, in the order of mounting as far as the kernel keeps it; of filesystems of other
    /// types than those wanted nothing is kept: a host of containers has thousands.
    /// - Parameters:
    ///   - process: its folder below `proc`: `self`, `12`, or `12/task/13` for one thread.
    ///   - prefixes: what the filesystem types that are wanted begin with: `fuse` for `fuse.sshfs`, too.
    ///   - other: gets the devices of the others.
    func mounts(
        of process: String, ofTypes prefixes: [String], others other: (DeviceNumber) -> Void = { _ in },
        each body: (MountInfo) -> Void
    ) throws(KernelFileError) {
        try lines(of: "proc/\(process)/mountinfo") { line throws(FormatError) in
            let type = try MountInfo.type(in: line)
            if prefixes.contains(where: { type.starts(with: $0.utf8) }) {
                body(try MountInfo(parsing: line))
            } else if let device = MountInfo.device(in: line) {
                other(device)
            }
        }
    }
}

extension DeviceNumber {
    /// As mountinfo prints it: `0:39`, in decimal.
    fileprivate init?(mountinfo field: ArraySlice<UInt8>) {
        guard let (major, minor) = field.halves(at: UInt8(ascii: ":")), let major = UInt32(digits: major),
            let minor = UInt32(digits: minor)
        else { return nil }
        self.init(major: major, minor: minor)
    }
}
