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
    /// What whoever mounted it named as its source; may be empty.
    let source: ForeignText
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
        (type, source) = (ForeignText(unescaping: back[0]), ForeignText(unescaping: back[1]))
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

    /// The filesystem type alone, as it stands: most lines are of types that nobody asked for.
    fileprivate static func type(in line: TextLine) throws(FormatError) -> ArraySlice<UInt8> {
        guard let end = endOfOptionalFields(in: line) else { throw line.error(expected: shape) }
        return line.bytes[(end + 3)...].prefix { $0 != .blank }
    }
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
    ///   - type: what the filesystem types that are wanted begin with: `fuse` for `fuse.sshfs`, too.
    func mounts(
        of process: String, ofType type: String, each body: (MountInfo) -> Void
    ) throws(KernelFileError) {
        try lines(of: "proc/\(process)/mountinfo") { line throws(FormatError) in
            if try MountInfo.type(in: line).starts(with: type.utf8) { body(try MountInfo(parsing: line)) }
        }
    }
}

extension ForeignText {
    /// With the kernel's escapes undone: `\040` is a blank. A backslash that three octal digits do not follow is one.
    /// Source: kernel `fs/seq_file.c`, `mangle_path`.
    init(unescaping text: some Collection<UInt8>) {
        let text = Array(text)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count)
        var index = 0
        while index < text.count {
            let digits = text[index...].dropFirst().prefix(3)
            if text[index] == UInt8(ascii: "\\"), digits.count == 3, let byte = UInt8(digits: digits, radix: 8) {
                bytes.append(byte)
                index += 4
            } else {
                bytes.append(text[index])
                index += 1
            }
        }
        self.init(bytes)
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
