import KernelFiles
import Observations
import PageModel
import SystemPackage
import TestSupport
import Testing

@testable import KernelFiles

private struct Expected: Sendable {
    var id: UInt64 = 42
    var device = DeviceNumber(major: 0, minor: 39)
    var root = "/"
    var mountPoint = "/mnt"
    var type = "hugetlbfs"
    var options = ["rw": "", "pagesize": "2M"]
}

private let lines: [(String, Expected)] = [
    ("42 27 0:39 / /mnt rw,relatime - hugetlbfs none rw,pagesize=2M", Expected()),
    ("42 27 0:39 / /mnt rw,relatime shared:2 - hugetlbfs none rw,pagesize=2M", Expected()),
    (
        "42 27 0:39 / /mnt rw shared:2 master:1 propagate_from:7 unbindable new:9 - hugetlbfs none rw,pagesize=2M",
        Expected()
    ),
    (
        "42 27 259:1048575 / /mnt rw - ext4 none rw,pagesize=2M",
        Expected(device: DeviceNumber(major: 259, minor: 1_048_575), type: "ext4")
    ),
    ("42 27 0:39 /sub/folder /mnt rw - hugetlbfs none rw,pagesize=2M", Expected(root: "/sub/folder")),
    ("42 27 0:39 /gone//deleted /mnt rw - hugetlbfs none rw,pagesize=2M", Expected(root: "/gone//deleted")),
    (
        #"42 27 0:39 /a\040b /two\012lines rw - hugetlbfs none rw,pagesize=2M"#,
        Expected(root: "/a b", mountPoint: "/two\nlines")
    ),
    (
        #"42 27 0:39 / /back\134slash\011tab rw - hugetlbfs \043a\040b rw,pagesize=2M"#,
        Expected(mountPoint: "/back\\slash\ttab")
    ),
    // A name that looks escaped is written with its backslash escaped.
    (#"42 27 0:39 / /\134040x rw - hugetlbfs none rw,pagesize=2M"#, Expected(mountPoint: #"/\040x"#)),
    // A name that looks like the end of the optional fields.
    (#"42 27 0:39 / /\040-\040tmpfs rw - hugetlbfs none rw,pagesize=2M"#, Expected(mountPoint: "/ - tmpfs")),
    ("42 27 0:39 / /mnt rw - hugetlbfs - rw,pagesize=2M", Expected()),
    ("42 27 0:39 / /mnt rw - hugetlbfs  rw,pagesize=2M", Expected()),  // mounted with an empty source
    (
        "42 27 0:4 mnt:[4026531841] /run/ns rw - nsfs nsfs rw",
        Expected(
            device: DeviceNumber(major: 0, minor: 4), root: "mnt:[4026531841]", mountPoint: "/run/ns", type: "nsfs",
            options: ["rw": ""])
    ),
    (
        "42 27 0:39 / /mnt rw - fuse.sshfs me@host:/ rw,user_id=0,allow_other",
        Expected(type: "fuse.sshfs", options: ["rw": "", "user_id": "0", "allow_other": ""])
    ),
    (
        #"42 27 0:39 / /mnt rw - overlay none rw,lowerdir=/a\054b:/c=d,x"#,
        Expected(type: "overlay", options: ["rw": "", "lowerdir": "/a,b:/c=d", "x": ""])
    ),
    (
        "42 27 0:39 / /mnt rw - cgroup cgroup rw,cpu,hugetlb",
        Expected(type: "cgroup", options: ["rw": "", "cpu": "", "hugetlb": ""])
    ),
    ("42 27 0:39 / /mnt rw - x y rw,a b=c", Expected(type: "x", options: ["rw": "", "a b": "c"])),
]

@Test(arguments: lines) private func mountinfoLine(text: String, expected: Expected) throws {
    let mount = try MountInfo(parsing: line(text))
    #expect((mount.id, mount.device) == (expected.id, expected.device))
    #expect(mount.root == ForeignText(expected.root))
    #expect(mount.mountPoint == ForeignText(expected.mountPoint))
    #expect(mount.type == ForeignText(expected.type))
    let options = expected.options.map { (ForeignText($0), ForeignText($1)) }
    #expect(mount.superOptions == Dictionary(uniqueKeysWithValues: options))
}

private let escapes: [([UInt8], [UInt8])] = [
    (bytes(#"\040\011\012\134\043"#), bytes(" \t\n\\#")),
    (bytes(#"\377\000"#), [0xff, 0]),
    (bytes(#"\400 \08x \1 \"#), bytes(#"\400 \08x \1 \"#)),  // nothing that the kernel writes: kept
    (bytes(#"\\040"#), bytes(#"\ "#)),
    ([0xff, 0x1b, 0x5c, 0x30, 0x34, 0x30], [0xff, 0x1b, 0x20]),
    ([], []),
]

@Test(arguments: escapes) func octalEscapes(text: [UInt8], means name: [UInt8]) {
    #expect(ForeignText(unescaping: text).bytes == name)
}

/// maps escapes newlines and nothing else: a name may hold what looks like another escape.
@Test func onlyNewlinesOfMaps() {
    #expect(ForeignText(unescaping: bytes(#"/a\040b\012c\134"#), only: .newline).bytes == bytes("/a\\040b\nc\\134"))
}

private let types: [(String, Bool)] = [
    ("fuse.sshfs", true), ("fuseblk", true), ("nfs4", true), ("9p", true), ("cifs", true), ("autofs", true),
    ("ext4", false), ("overlay", false), ("hugetlbfs", false), ("tmpfs", false), ("xfs", false),
]

@Test(arguments: types) func filesystemsThatAskServers(type: String, asks: Bool) {
    #expect(MountInfo.servers.contains(where: type.hasPrefix) == asks)
}

private let refused = [
    "", " - ", "42 27 0:39 / /mnt - hugetlbfs none rw", "42 27 0:39 / /mnt rw hugetlbfs none rw",
    "42 27 0:39 / /mnt rw - hugetlbfs none", "x 27 0:39 / /mnt rw - hugetlbfs none rw",
    "-1 27 0:39 / /mnt rw - hugetlbfs none rw", "42 27 039 / /mnt rw - hugetlbfs none rw",
    "42 27 0:x / /mnt rw - hugetlbfs none rw", "42 27 0:4294967296 / /mnt rw - hugetlbfs none rw",
    "42 27 0:39 / /mnt rw -", "42 27 0:39 / /mnt rw - ", "18446744073709551616 27 0:39 / /mnt rw - hugetlbfs none rw",
]

@Test(arguments: refused) func mountinfoRefuses(text: String) throws {
    let error = try #require(formatError { () throws(FormatError) in try MountInfo(parsing: line(text)) })
    #expect(error.line == 1)
    #expect(error.expected == "ID PARENT MAJOR:MINOR ROOT MOUNTPOINT OPTIONS [FIELD…] - TYPE SOURCE SUPEROPTIONS")
}

/// What `mount -o pagesize=…,size=…,min_size=…` becomes in mountinfo: the page size with a unit, the rest in bytes.
private let options: [(String, UInt64?, UInt64?)] = [
    ("rw,pagesize=2M", 2 << 20, nil),
    ("rw,uid=5,mode=700,nr_inodes=100,pagesize=2M,size=41943040,min_size=20971520", 2 << 20, 20 << 20),
    ("rw,pagesize=1024M,min_size=0", 1 << 30, 0),
    ("rw,pagesize=64K", 64 << 10, nil),
    ("rw", nil, nil),
    ("rw,pagesize=,min_size=", nil, nil),
    ("rw,pagesize=2,min_size=2M", nil, nil),
    ("rw,pagesize=3M,min_size=-1", nil, nil),
    ("rw,pagesize=18446744073709551615M,min_size=18446744073709551616", nil, nil),
    ("rw,pagesize=M", nil, nil),
]

@Test(arguments: options) func hugetlbfsOptions(text: String, pageSize: UInt64?, minimum: UInt64?) throws {
    let mount = try MountInfo(parsing: line("42 27 0:39 / /mnt rw - hugetlbfs none \(text)"))
    #expect(mount.pageSize?.bytes == pageSize)
    #expect(mount.minimumBytes == minimum)
}

private let ways: [(String, String, Bool)] = [
    ("/", "/mnt", true), ("/mnt", "/mnt/huge", true), ("/mnt/a", "/mnt/ab", false), ("/mnt", "/mnt", false),
    ("/mnt/huge", "/mnt", false), ("/", "/", false), ("/other", "/mnt", false),
]

@Test(arguments: ways) func mountOnTheWay(mountPoint: String, path: String, isOnTheWay: Bool) throws {
    let mount = try MountInfo(parsing: line("42 27 0:39 / \(mountPoint) rw - fuse none rw"))
    #expect(mount.isOnTheWay(to: ForeignText(path)) == isOnTheWay)
}

@Test func onlyWantedTypesAreRead() throws {
    let tree = try ScratchTree([
        "proc/7/mountinfo": bytes(
            """
            22 27 0:21 / /proc rw - proc proc rw
            x y z - overlay nobody looks at this
            42 27 0:39 / /mnt/huge rw - hugetlbfs none rw,pagesize=2M
            43 27 0:40 / /mnt/huge2 rw - fuse.hugetlbfs none rw
            """)
    ])
    var types: [ForeignText] = []
    var others: Set<DeviceNumber> = []
    let add = { (device: DeviceNumber) in _ = others.insert(device) }
    try tree.root.mounts(of: "7", ofTypes: ["hugetlbfs"], others: add) { types.append($0.type) }
    #expect(types == [ForeignText("hugetlbfs")])
    #expect(others == [DeviceNumber(major: 0, minor: 21), DeviceNumber(major: 0, minor: 40)])
    let error = fileError { () throws(KernelFileError) in try tree.root.mounts(of: "7", ofTypes: [""]) { _ in }
    }
    #expect(error?.path == tree.root.path("proc/7/mountinfo"))
    #expect(error?.reason.hasPrefix("line 2 is ") == true)
}

/// The mount of `/proc`, told once under the number that statx(2) gives for it. Numbers of mounts that come and go
/// meanwhile may be given again.
@Test func liveMounts() throws {
    let folder = try FileDescriptor.open("/proc", .readOnly)
    defer { try? folder.close() }
    guard let number = try FileStatus(in: folder).mount else { return }  // before 5.8
    var found: [ForeignText] = []
    try KernelRoot.live.mounts(of: "self", ofTypes: [""]) { if $0.id == number { found.append($0.type) } }
    #expect(found == [ForeignText("proc")])
}
