import Glibc
import KernelFiles
import Observations
import PageModel
import SystemPackage
import Testing

@testable import KernelFiles

/// Paths as they are after the links.
private let paths: [(String, String)] = [
    ("sys/dev/block/254:0/../../../devices/x", "sys/devices/x"), ("/a//b/./c/", "a/b/c"), ("../../etc", "etc"),
    ("a/../../../b", "b"), ("", ""), ("..", ""),
]

@Test(arguments: paths) func plainPath(path: String, plain: String) { #expect(KernelRoot.plain(path) == plain) }

private let pci = "sys/devices/pci0000:00"

private func machine() throws -> ScratchTree {
    let tree = try ScratchTree(
        [
            "\(pci)/0000:00:01.0/numa_node": bytes("1\n"), "\(pci)/0000:00:02.0/numa_node": bytes("-1\n"),
            "\(pci)/0000:00:03.0/numa_node": bytes("0\n"),
            "\(pci)/0000:00:03.0/net/eth0/ifindex": bytes("2\n"),
            "sys/devices/virtual/net/bond0/ifindex": bytes("5\n"), "sys/class/net/bonding_masters": bytes("bond0\n"),
        ],
        folders: [
            "\(pci)/0000:00:01.0/nvme/nvme0/nvme0c0n1", "\(pci)/0000:00:02.0/virtio1/block/vda/vda1",
            "\(pci)/0000:00:01.0/vfio-dev/vfio0", "sys/devices/virtual/vfio/12", "sys/devices/virtual/mem/null",
            "sys/devices/virtual/block/dm-0/slaves", "sys/devices/virtual/block/dm-1/slaves",
            "sys/devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n1", "proc/7/fd",
        ])
    let links = [
        "sys/dev/block/254:1": "../../devices/pci0000:00/0000:00:02.0/virtio1/block/vda/vda1",
        "sys/dev/block/252:0": "../../devices/virtual/block/dm-0", "sys/dev/char/1:3": "../../devices/virtual/mem/null",
        "sys/dev/char/240:0": "/\(pci)/0000:00:01.0/vfio-dev/vfio0",
        "sys/dev/char/241:12": "../../devices/virtual/vfio/12",
        "sys/dev/block/259:0": "../../devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n1",
        "sys/devices/virtual/nvme-subsystem/nvme-subsys0/nvme0": "../../../pci0000:00/0000:00:01.0/nvme/nvme0",
        "sys/devices/virtual/block/dm-0/slaves/dm-1": "../../dm-1",
        "sys/devices/virtual/block/dm-1/slaves/vda1": "../../../../pci0000:00/0000:00:02.0/virtio1/block/vda/vda1",
        // A circle, which no kernel makes.
        "sys/devices/virtual/block/dm-1/slaves/dm-0": "../../dm-0",
        "sys/kernel/iommu_groups/12/devices/0000:00:01.0": "../../../../devices/pci0000:00/0000:00:01.0",
        "sys/kernel/iommu_groups/12/devices/0000:00:03.0": "../../../../devices/pci0000:00/0000:00:03.0",
        "sys/bus/pci/devices/0000:00:03.0": "../../../devices/pci0000:00/0000:00:03.0",
        "sys/class/net/eth0": "../../devices/pci0000:00/0000:00:03.0/net/eth0",
        "sys/class/net/bond0": "../../devices/virtual/net/bond0",
        "sys/devices/virtual/net/bond0/lower_eth0": "../../../pci0000:00/0000:00:03.0/net/eth0",
        "sys/dev/char/9:9": "../../../../../../etc",
    ]
    for (path, text) in links { try tree.link(path, to: text) }
    return tree
}

private let attached: [(String, [String])] = [
    ("sys/dev/block/254:1", ["02"]), ("sys/dev/block/252:0", ["02"]), ("sys/dev/char/1:3", []),
    ("sys/dev/char/240:0", ["01"]), ("sys/dev/char/241:12", ["01", "03"]), ("sys/dev/block/259:0", ["01"]),
    ("sys/class/net/eth0", ["03"]), ("sys/class/net/bond0", ["03"]), ("\(pci)/0000:00:03.0", ["03"]),
    ("sys/dev/char/9:9", []), ("sys/dev/char/0:0", []), ("sys/class/net/bonding_masters", []),
]

@Test(arguments: attached) func devicesAttached(link: String, functions: [String]) throws {
    let tree = try machine()
    let root = tree.root
    guard let folder = try root.folder(behind: link) else {
        #expect(functions.isEmpty)
        return
    }
    let nodes = ["01": NodeID(1), "03": NodeID(0)]
    #expect(
        Set(try root.attachedDevices(at: folder))
            == Set(functions.map { AttachedDevice(folder: "\(pci)/0000:00:\($0).0", node: nodes[$0]) }))
}

private let nodes: [(String, Int?)] = [("0\n", 0), ("-1\n", nil), ("3", 3), ("2147483647\n", 2_147_483_647)]

@Test(arguments: nodes) func nodeOfDevice(text: String, node: Int?) throws {
    #expect(try deviceNode(parsing: bytes(text)) == node.map { NodeID($0) })
}

@Test(arguments: ["", "-2\n", "x\n", "0 1\n", "2147483648\n"]) func nodeOfDeviceRefuses(text: String) throws {
    let error = try #require(formatError { () throws(FormatError) in try deviceNode(parsing: bytes(text)) })
    #expect((error.line, error.expected) == (1, "a node, or -1"))
}

private let header = "sk               RefCnt Type Proto  Iface R Rmem   User   Inode\n"

private func socket(_ interface: String, _ inode: String) -> String {
    "0000000000000000 3      3    0003   \(interface)     1 0      0      \(inode) \n"
}

@Test func packetSocketsOfAProcess() throws {
    let text = header + socket("2", "900") + socket("0", "901") + socket("-1", "902")
    let tree = try ScratchTree(["proc/7/net/packet": bytes(text)])
    #expect(try tree.root.packetSockets(of: "7").map(\.interface) == [2, nil, nil])
    #expect(try tree.root.packetSockets(of: "7").map(\.inode) == [900, 901, 902])
    #expect(try tree.root.packetSockets(of: "8").isEmpty)
}

@Test(arguments: [socket("-2", "1"), socket("x", "1"), socket("2", "-1"), socket("2", ""), socket("4294967296", "1")])
func packetSocketRefuses(text: String) throws {
    let tree = try ScratchTree(["proc/7/net/packet": bytes(header + text)])
    let error = try #require(fileError { () throws(KernelFileError) in try tree.root.packetSockets(of: "7") })
    #expect(error.reason.hasSuffix("expected nine columns, with an interface and an inode"))
    #expect(error.reason.hasPrefix("line 2 "))
}

private func mapping(_ name: String) -> Mapping {
    Mapping(addresses: 4096..<8192, permissions: ForeignText("rw-s"), name: ForeignText(name))
}

private let resources: [(String, [String])] = [
    ("/\(pci)/0000:00:01.0/resource0", ["0000:00:01.0"]), ("/\(pci)/0000:00:01.0/resource2_wc", ["0000:00:01.0"]),
    ("/sys/bus/pci/devices/0000:00:03.0/resource4", ["0000:00:03.0"]), ("/\(pci)/0000:00:01.0/config", []),
    ("/\(pci)/0000:00:01.0/resource", []), ("/\(pci)/0000:00:01.0/resource0_x", []), ("/tmp/resource0", []),
    ("/sys/devices/../../etc/resource0", []), ("/sys/devices/\u{0}/resource0", []), ("[heap]", []), ("", []),
]

@Test(arguments: resources) func mappedResources(name: String, functions: [String]) throws {
    let tree = try machine()
    var unread: [Unread] = []
    let devices = try tree.root.openDevices(of: "7", mappings: [mapping(name), mapping(name)], unread: &unread)
    #expect(devices.map(\.path) == functions.map { ForeignText("/\(pci)/\($0)") })
    #expect(devices.allSatisfy { $0.name == ForeignText(name) } && unread.isEmpty)
}

@Test func socketsAndDevicesOfASavedTree() throws {
    let tree = try machine()
    try tree.write("proc/7/net/packet", bytes(header + socket("5", "900") + socket("2", "901") + socket("2", "77")))
    for (number, text) in [
        (3, "socket:[900]"), (4, "socket:[12]"), (5, "pipe:[900]"), (6, "/dev/null"), (10, "socket:["),
    ] {
        try tree.link("proc/7/fd/\(number)", to: text)
    }
    var unread: [Unread] = []
    let devices = try tree.root.openDevices(of: "7", mappings: [], unread: &unread)
    let card = OpenDevice(
        name: ForeignText("bond0"), path: ForeignText("/\(pci)/0000:00:03.0"), node: NodeID(0))
    #expect(devices == [card] && unread.isEmpty)
}

/// The device files of a saved tree are links to devices in it, never to those of this machine.
@Test(.enabled(if: geteuid() == 0, "only root can make a device file")) func deviceFilesOfASavedTree() throws {
    let tree = try machine()
    try tree.make("dev/vfio")
    let made = [("dev/vfio/12", S_IFCHR, 241, 12), ("dev/vda1", S_IFBLK, 254, 1), ("dev/zero", S_IFCHR, 1, 3)]
    for (path, kind, major, minor) in made {
        let result = tree.root.path(path).withPlatformString { mknod($0, kind | 0o600, dev_t(major << 8 | minor)) }
        guard result == 0 else { return }  // a container may forbid it
    }
    for (number, text) in [(3, "/dev/vfio/12"), (4, "../../../dev/vda1"), (5, "/dev/vda1"), (6, "/dev/zero")] {
        try tree.link("proc/7/fd/\(number)", to: text)
    }
    var unread: [Unread] = []
    let devices = try tree.root.openDevices(of: "7", mappings: [], unread: &unread)
    #expect(devices.map(\.name) == ["/dev/vfio/12", "../../../dev/vda1", "/dev/vfio/12"].map { ForeignText($0) })
    #expect(devices.map(\.node) == [NodeID(1), nil, NodeID(0)])
    #expect(unread.isEmpty)
}

@Test func whatIsUnreadIsSaid() throws {
    let tree = try machine()
    try tree.write("\(pci)/0000:00:01.0/numa_node", bytes("x\n"))
    var unread: [Unread] = []
    let names = ["01", "03"].map { "/\(pci)/0000:00:\($0).0/resource0" }
    let devices = try tree.root.openDevices(of: "7", mappings: names.map(mapping), unread: &unread)
    #expect(devices.map(\.node) == [NodeID(0)])
    #expect(unread.map(\.reason) == ["line 1 is \"x\", expected a node, or -1"])
    _ = try tree.root.openDevices(of: "8", mappings: [], unread: &unread)
    #expect(unread.map(\.path).last == ForeignText(tree.root.path("proc/8/fd")) && unread.count == 2)
}

@Test func processThatHasEndedHasNoDevices() {
    var unread: [Unread] = []
    let error = fileError { () throws(KernelFileError) in
        try KernelRoot.live.openDevices(of: "4194305", mappings: [], unread: &unread)
    }
    #expect(error?.isEnd == true && unread.isEmpty)
}

/// A disk of this machine that is attached somewhere, where there is one that may be opened: only its own number leads there.
@Test func liveDisk() throws {
    let root = KernelRoot.live
    let names = try root.exists("sys/dev/block") ? root.names(in: "sys/dev/block").sorted() : []
    for name in names {
        guard let folder = try root.folder(behind: "sys/dev/block/\(name)"),
            let expected = try root.attachedDevices(at: folder).first,
            let disk = try? FileDescriptor.open("/dev/\(folder.split(separator: "/").last ?? "")", .readOnly)
        else { continue }
        defer { try? disk.close() }
        var unread: [Unread] = []
        let devices = try root.openDevices(of: "\(getpid())", mappings: [], unread: &unread)
        let found = try #require(devices.first { $0.path == ForeignText("/\(expected.folder)") })
        #expect(found.node == expected.node && unread.isEmpty)
        #expect(root.exists("\(expected.folder)/numa_node"))
        return
    }
}

/// A packet socket that is bound to an interface; only root may have one.
@Test func livePacketSocket() throws {
    let root = KernelRoot.live
    let number = Glibc.socket(AF_PACKET, Int32(SOCK_RAW.rawValue), 0)
    guard number >= 0 else { return }
    defer { close(number) }
    for (index, name) in try root.interfaces() {
        // struct sockaddr_ll: family, protocol, index and what a bind leaves empty.
        var address = [UInt8](repeating: 0, count: 20)
        withUnsafeBytes(of: UInt16(AF_PACKET)) { address.replaceSubrange(0..<2, with: $0) }
        withUnsafeBytes(of: index) { address.replaceSubrange(4..<8, with: $0) }
        let result = address.withUnsafeBytes { bytes in
            bind(number, bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count))
        }
        try #require(result == 0)
        let inode = try FileStatus(in: FileDescriptor(rawValue: number)).inode
        let bound = try root.packetSockets(of: "\(getpid())").first { $0.inode == inode }
        #expect(bound?.interface == index)
        guard let folder = try root.folder(behind: "sys/class/net/\(name)"),
            let expected = try root.attachedDevices(at: folder).first
        else { continue }
        var unread: [Unread] = []
        let devices = try root.openDevices(of: "\(getpid())", mappings: [], unread: &unread)
        #expect(devices.contains { $0.path == ForeignText("/\(expected.folder)") && $0.node == expected.node })
    }
}
