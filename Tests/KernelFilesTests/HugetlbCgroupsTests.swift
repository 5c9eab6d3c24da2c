import FoundationEssentials
import Glibc
import KernelFiles
import Observations
import PageModel
import SystemPackage
import TestSupport
import Testing

@testable import KernelFiles

private let twoMiB = PageSize(bytes: 2 << 20)!
private let sizes = [twoMiB, PageSize(bytes: 1 << 30)!]
private let gone = (1 << 63) - 4096 as UInt64

/// This machine's own lines, with a v1 hierarchy mounted below /tmp, and one with everything that the kernel escapes.
private let mountinfo = """
    22 27 0:21 / /proc rw,relatime - proc proc rw
    27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard,resv_strict
    31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
    32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime shared:3 master:1 - cgroup cgroup rw,cpu
    41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
    42 27 0:39 / /mnt/two\\040words\\134 rw,relatime - cgroup none rw,hugetlb

    """

private let mounts: [(String, HugetlbCgroup.Version?, String, String)] = [
    ("41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw", .v2, "/sys/fs/cgroup/unified", "/"),
    ("42 27 0:39 / /mnt/a\\040b\\134 rw - cgroup none rw,hugetlb", .v1, "/mnt/a b\\", "/"),
    (
        "42 27 0:39 /docker/ab /sys/fs/cgroup rw shared:3 master:1 - cgroup2 cgroup rw,nsdelegate", .v2,
        "/sys/fs/cgroup", "/docker/ab"
    ),
    ("42 27 0:39 / /x rw - cgroup  rw,cpu,hugetlb", .v1, "/x", "/"),  // mounted with an empty source
    ("32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu", nil, "", ""),
    ("32 31 0:29 / /x rw,relatime - cgroup cgroup rw,nothugetlb", nil, "", ""),
    ("32 31 0:29 / /cgroup2/hugetlb rw,relatime - tmpfs cgroup2 rw,hugetlb", nil, "", ""),
    ("32 31 0:29 / /x\\04 rw - cgroup2 cgroup2 rw", .v2, "/x\\04", "/"),
]

@Test(arguments: mounts)
func cgroupMount(text: String, version: HugetlbCgroup.Version?, folder: String, top: String) throws {
    let hierarchy = CgroupHierarchy(try MountInfo(parsing: line(text)))
    #expect(hierarchy?.version == version)
    guard version != nil else { return }
    #expect(hierarchy?.folder == ForeignText(folder))
    #expect(hierarchy?.top == ForeignText(top))
}

private let limits: [(String, UInt64, UInt64?)] = [
    ("max\n", 2 << 20, nil),
    ("0\n", 2 << 20, 0),
    ("8388608\n", 2 << 20, 8_388_608),
    ("9223372036854771712\n", 2 << 20, nil),  // as the kernel starts with
    ("9223372036852678656\n", 2 << 20, nil),  // after `echo max`
    ("9223372036850581504\n", 2 << 20, 9_223_372_036_850_581_504),  // a page less
    ("9223372035781033984\n", 1 << 30, nil),
    ("9223372035781033984\n", 2 << 20, 9_223_372_035_781_033_984),
    ("18446744073709551615\n", 2 << 20, nil),
]

@Test(arguments: limits) func limitOfACgroup(text: String, size: UInt64, limit: UInt64?) throws {
    #expect(try hugetlbLimit(parsing: bytes(text), of: #require(PageSize(bytes: size))) == limit)
}

@Test(arguments: [("max 0\n", 0), ("max 17\n", 17), ("other 3\nmax 2\n", 2)] as [(String, UInt64)])
func eventsOfACgroup(text: String, count: UInt64) throws { #expect(try hugetlbEvents(parsing: bytes(text)) == count) }

@Test(arguments: ["", "max\n", "max \n", "max -1\n", "other 1\n", "max 18446744073709551616\n"])
func noEvents(text: String) {
    #expect(formatError { () throws(FormatError) in try hugetlbEvents(parsing: bytes(text)) } != nil)
}

@Test(arguments: Damage.allCases) private func damagedFilesAreValuesOrErrors(damage: Damage) {
    for sample in ["max\n", "8388608\n", "max 17\n"] {
        for content in damage.contents(of: bytes(sample), seed: 5).prefix(damage == .overlong ? 1 : 40) {
            _ = formatError { () throws(FormatError) in try hugetlbLimit(parsing: content, of: twoMiB) }
            _ = formatError { () throws(FormatError) in try hugetlbEvents(parsing: content) }
        }
    }
}

/// A tree of cgroups as the kernel shows them, in files.
private struct CgroupTree {
    static let v1 = "mnt/two words\\"
    static let v2 = "sys/fs/cgroup/unified"
    let tree: ScratchTree

    init() throws { tree = try ScratchTree(["proc/self/mountinfo": bytes(mountinfo)]) }

    /// The files of the controller: of 1 GiB pages always those of a new cgroup.
    func add(
        _ folder: String, limit: UInt64 = gone, usage: UInt64 = 0, reserved: UInt64 = 0, reservedLimit: UInt64 = gone,
        refusals: UInt64 = 0, refusedReservations: UInt64? = nil
    ) throws {
        for size in ["2MB", "1GB"] {
            let isTwo = size == "2MB"
            let figures = [
                (limit, gone, "limit_in_bytes", "max"), (usage, 0, "usage_in_bytes", "current"),
                (reserved, 0, "rsvd.usage_in_bytes", "rsvd.current"),
                (reservedLimit, gone, "rsvd.limit_in_bytes", "rsvd.max"), (refusals, 0, "failcnt", "events"),
                (refusedReservations ?? 0, 0, "rsvd.failcnt", ""),
            ]
            let isV1 = folder.hasPrefix(Self.v1)
            for (figure, new, v1, v2) in figures where isV1 || !v2.isEmpty {
                let text = "\(!isV1 && v2 == "events" ? "max " : "")\(isTwo ? figure : new)\n"
                try tree.write("\(folder)/hugetlb.\(size).\(isV1 ? v1 : v2)", bytes(text))
            }
        }
    }

    func handDown(_ folder: String, _ controllers: String = "cpu hugetlb pids") throws {
        try tree.write("\(folder)/cgroup.subtree_control", bytes(controllers + "\n"))
    }

    func read() -> (cgroups: [HugetlbCgroup], unread: [Unread]) {
        var unread: [Unread] = []
        let cgroups = tree.root.hugetlbCgroups(sizes: sizes, unread: &unread)
        return (cgroups, unread)
    }
}

private func cgroup(
    _ version: HugetlbCgroup.Version, _ path: String, limit: UInt64? = nil, usage: UInt64 = 0, reserved: UInt64 = 0,
    reservedLimit: UInt64? = nil, refusals: UInt64 = 0, refusedReservations: UInt64? = nil
) -> HugetlbCgroup {
    let folder = (version == .v1 ? "/mnt/two words\\" : "/sys/fs/cgroup/unified") + path
    var cgroup = HugetlbCgroup(version, path: ForeignText(path), folder: ForeignText(folder), size: twoMiB)
    (cgroup.limit, cgroup.usage, cgroup.reserved) = (limit, usage, reserved)
    (cgroup.reservedLimit, cgroup.refusals) = (reservedLimit, refusals)
    cgroup.refusedReservations = refusedReservations
    return cgroup
}

@Test func limitsOfVersion2() throws {
    let made = try CgroupTree()
    try made.handDown(CgroupTree.v2)
    try made.add("\(CgroupTree.v2)/new")
    try made.add("\(CgroupTree.v2)/limited", limit: 8 << 20, usage: 4 << 20, reserved: 12 << 20, refusals: 2)
    try made.handDown("\(CgroupTree.v2)/limited")
    try made.add("\(CgroupTree.v2)/limited/kid", usage: 4 << 20, reserved: 12 << 20, refusals: 2)
    try made.add("\(CgroupTree.v2)/limited/idle", limit: 0)
    try made.add("\(CgroupTree.v2)/unlimited", usage: 4 << 20, reserved: 4 << 20)
    try made.handDown("\(CgroupTree.v2)/unlimited")
    try made.add("\(CgroupTree.v2)/unlimited/zero", limit: 0, reserved: 2 << 20, reservedLimit: 2 << 20)
    let (cgroups, unread) = made.read()
    #expect(
        cgroups == [
            cgroup(.v2, "/limited", limit: 8 << 20, usage: 4 << 20, reserved: 12 << 20, refusals: 2),
            cgroup(.v2, "/limited/kid", usage: 4 << 20, reserved: 12 << 20, refusals: 2),
            cgroup(.v2, "/unlimited/zero", limit: 0, reserved: 2 << 20, reservedLimit: 2 << 20),
        ])
    #expect(unread.isEmpty)
    #expect(
        cgroups[0].path(of: .limit) == ForeignText("/sys/fs/cgroup/unified/limited/hugetlb.2MB.max"))
    #expect(cgroups[0].path(of: .refusals).repaired.hasSuffix("/limited/hugetlb.2MB.events"))
}

/// Version 1 counts a refusal where the limit is and nowhere above: all cgroups are looked at.
@Test func limitsOfVersion1() throws {
    let made = try CgroupTree()
    try made.add(CgroupTree.v1)
    try made.add("\(CgroupTree.v1)/pool", limit: 8 << 20, usage: 2 << 20, refusals: 1, refusedReservations: 0)
    try made.add("\(CgroupTree.v1)/idle", limit: 8 << 20)
    try made.add("\(CgroupTree.v1)/idle/kid", refusedReservations: 3)
    let (cgroups, unread) = made.read()
    #expect(
        cgroups == [
            cgroup(.v1, "/idle/kid", refusedReservations: 3),
            cgroup(.v1, "/pool", limit: 8 << 20, usage: 2 << 20, refusals: 1, refusedReservations: 0),
        ])
    #expect(unread.isEmpty)
    #expect(cgroups[0].path(of: .refusedReservations).repaired.hasSuffix("/idle/kid/hugetlb.2MB.rsvd.failcnt"))
}

/// Where the controller was not handed down nothing can have a limit, and where nothing is reserved and nothing was refused
/// there is nothing below either: nothing of it is looked at.
@Test func prunedWhereNothingCanBe() throws {
    let made = try CgroupTree()
    try made.add("\(CgroupTree.v2)/limited", limit: 8 << 20, reserved: 2 << 20)
    #expect(made.read().cgroups.isEmpty)
    try made.handDown(CgroupTree.v2, "cpu pids")
    #expect(made.read().cgroups.isEmpty)
    try made.handDown(CgroupTree.v2)
    try made.add("\(CgroupTree.v2)/limited/kid", limit: 0, reserved: 2 << 20)
    try made.handDown("\(CgroupTree.v2)/limited", "nohugetlb")
    #expect(made.read().cgroups.map(\.path) == [ForeignText("/limited")])
    try made.add("\(CgroupTree.v2)/quiet")
    try made.handDown("\(CgroupTree.v2)/quiet")
    try made.add("\(CgroupTree.v2)/quiet/kid", limit: 0, reserved: 2 << 20)
    #expect(made.read().cgroups.map(\.path) == [ForeignText("/limited")])
    try made.add("\(CgroupTree.v2)/quiet", refusals: 1)
    #expect(made.read().cgroups.map(\.path.repaired) == ["/limited", "/quiet", "/quiet/kid"])
    #expect(made.read().unread.isEmpty)
}

@Test func cgroupsOfAContainerHaveTheirWholePath() throws {
    let made = try CgroupTree()
    let mounts = "41 31 0:38 /docker/ab /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
    try made.tree.write("proc/self/mountinfo", bytes(mounts))
    try made.add(CgroupTree.v2, limit: 2 << 20, reserved: 2 << 20)
    try made.handDown(CgroupTree.v2)
    try made.add("\(CgroupTree.v2)/kid", limit: 0, refusals: 1)
    #expect(made.read().cgroups.map(\.path) == [ForeignText("/docker/ab"), ForeignText("/docker/ab/kid")])
    #expect(made.read().cgroups.map(\.folder.repaired) == ["/sys/fs/cgroup/unified", "/sys/fs/cgroup/unified/kid"])
}

/// Names of any bytes are read and kept; links, FIFOs and files without end are not followed.
@Test func hostileCgroups() throws {
    let made = try CgroupTree()
    try made.handDown(CgroupTree.v2)
    let top = made.tree.root.path(CgroupTree.v2)
    let name: [CChar] = [0x61, 0x1b, -1, 0x20, 0]
    let folder = top.appending(try #require(FilePath.Component(platformString: name)))
    try #require(folder.withPlatformString { mkdir($0, 0o755) } == 0)
    try made.add("\(CgroupTree.v2)/victim", limit: 0, refusals: 1)
    for file in ["max", "events", "current", "rsvd.current", "rsvd.max"] {
        let source = made.tree.root.path("\(CgroupTree.v2)/victim/hugetlb.2MB.\(file)").string
        #expect(folder.appending("hugetlb.2MB.\(file)").withPlatformString { link(source, $0) } == 0)
    }
    #expect(symlink(".", top.appending("loop").string) == 0)
    #expect(symlink("/etc", top.appending("etc").string) == 0)
    #expect(mkfifo(top.appending("pipe").string, 0o644) == 0)
    try made.tree.make("\(CgroupTree.v2)/fifo")
    #expect(mkfifo(top.appending("fifo/hugetlb.2MB.events").string, 0o644) == 0)
    try made.tree.make("\(CgroupTree.v2)/linked")
    #expect(symlink("../victim/hugetlb.2MB.events", top.appending("linked/hugetlb.2MB.events").string) == 0)
    let (cgroups, unread) = made.read()
    #expect(cgroups.map(\.path) == [ForeignText([0x2f, 0x61, 0x1b, 0xff, 0x20]), ForeignText("/victim")])
    #expect(unread.count == 1)
    #expect(unread.first?.path.repaired.hasSuffix("fifo/hugetlb.2MB.events") == true)
}

/// What vanishes is normal, what is refused or no number is said once, with how much it is.
@Test func unreadableCgroupsAreSaid() throws {
    let made = try CgroupTree()
    try made.handDown(CgroupTree.v2)
    try made.add("\(CgroupTree.v2)/good", limit: 0, refusals: 1)
    try made.tree.make("\(CgroupTree.v2)/vanished")
    for name in ["bad", "worse"] {
        try made.add("\(CgroupTree.v2)/\(name)", limit: 0, refusals: 1)
        try made.tree.write("\(CgroupTree.v2)/\(name)/hugetlb.2MB.max", bytes("plenty\n"))
    }
    let (cgroups, unread) = made.read()
    #expect(cgroups.map(\.path) == [ForeignText("/good")])
    #expect(unread.map(\.what) == ["limits of huge pages: 2 files or folders of cgroups"])
    #expect(unread.first?.reason.contains("expected max or a number of bytes") == true)
    #expect(unread.first?.subject == .cgroups)
}

/// The uppermost cgroups are read, and that there are more is said.
@Test(arguments: [(6, false), (5, true)]) func tooManyCgroups(most: Int, isCut: Bool) throws {
    let made = try CgroupTree()
    try made.handDown(CgroupTree.v2)
    try made.handDown("\(CgroupTree.v2)/crowd")
    try made.add("\(CgroupTree.v2)/zz", limit: 0, refusals: 1)
    for name in ["1", "2", "3"] { try made.tree.make("\(CgroupTree.v2)/crowd/\(name)") }
    var walk = HugetlbCgroupWalk(root: made.tree.root, sizes: sizes, most: most)
    try walk.walk(#require(CgroupHierarchy(try MountInfo(parsing: line(mounts[0].0)))))
    #expect(walk.found.map(\.path) == [ForeignText("/zz")])
    #expect(walk.unread.map(\.what) == (isCut ? ["limits of huge pages in all but the first 5 cgroups"] : []))
}

@Test func noCgroupsAreNothing() throws {
    let tree = try ScratchTree()
    var unread: [Unread] = []
    #expect(tree.root.hugetlbCgroups(sizes: sizes, unread: &unread).isEmpty)
    #expect(unread.isEmpty)
    try tree.write("proc/self/mountinfo", bytes("garbage\n"))
    #expect(tree.root.hugetlbCgroups(sizes: sizes, unread: &unread).isEmpty)
    #expect(unread.map(\.what) == ["where cgroups are mounted"])
}
