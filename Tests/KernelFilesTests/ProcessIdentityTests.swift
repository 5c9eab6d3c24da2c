import KernelFiles
import Observations
import PageModel
import TestSupport
import Testing

@testable import KernelFiles

private let process = PID(7)

private let names: [([UInt8], [UInt8])] = [
    (bytes("dbserver\n"), bytes("dbserver")),
    (bytes("two words\n"), bytes("two words")),
    (bytes("a\nb\n"), bytes("a\nb")),  // the kernel adds one newline: only that one goes
    (bytes("\n\n"), bytes("\n")),
    ([0x1b, 0x5b, 0x32, 0x4a, 0x0a], [0x1b, 0x5b, 0x32, 0x4a]),
    ([0xff, 0xfe, 0x0a], [0xff, 0xfe]),
    ([], []),
]

@Test(arguments: names) func comm(content: [UInt8], name: [UInt8]) throws {
    let tree = try ScratchTree(["proc/7/comm": content])
    #expect(tree.root.name(of: process).bytes == name)
}

private let arguments: [([UInt8], [UInt8])] = [
    (bytes("db\u{0}--port\u{0}5432\u{0}"), bytes("db --port 5432")),
    (bytes("postgres: writer\u{0}\u{0}\u{0}\u{0}"), bytes("postgres: writer")),  // a title over the arguments
    (bytes("a\u{0}\u{0}b\u{0}"), bytes("a  b")),  // an empty argument
    (bytes("no end"), bytes("no end")),
    (bytes("\u{0}\u{0}"), []),
    ([], []),  // a kernel thread
    ([0x61, 0, 0xff, 0x1b, 0], [0x61, 0x20, 0xff, 0x1b]),
]

@Test(arguments: arguments) func cmdline(content: [UInt8], command: [UInt8]) throws {
    let tree = try ScratchTree(["proc/7/cmdline": content])
    #expect(tree.root.command(of: process).bytes == command)
}

@Test(arguments: [4095, 4096, 4097, 10_000, 1 << 20]) func longCmdlineIsCut(count: Int) throws {
    let tree = try ScratchTree(["proc/7/cmdline": [UInt8](repeating: UInt8(ascii: "x"), count: count)])
    #expect(tree.root.command(of: process).bytes.count == min(count, 4096))
}

private let cgroups: [(String, String)] = [
    ("0::/system.slice/db.service\n", "/system.slice/db.service"),  // unified
    ("0::/\n", "/"),
    ("0::/a:b/c\n", "/a:b/c"),  // a colon in the name
    ("9:hugetlb:/pool\n4:memory:/mem\n0::/unified\n", "/pool"),  // the controller that charges
    ("4:memory:/mem\n0::/unified\n9:cpu,hugetlb,cpuacct:/pool\n", "/pool"),
    ("4:memory:/mem\n1:name=systemd:/user\n0::/unified\n", "/unified"),  // hybrid
    ("9:name=systemd:/\n4:memory:/job\n3:cpuset:/\n0::/\n", "/job"),  // all but one in the root
    ("9:nothugetlb:/wrong\n0::/unified\n", "/unified"),
    ("4:memory:/first\n3:cpuset:/second\n", "/first"),
    ("", "/"),
    ("garbage\n", "/"),
    ("0::\n", ""),
]

@Test(arguments: cgroups) func cgroup(content: String, path: String) throws {
    let tree = try ScratchTree(["proc/7/cgroup": bytes(content)])
    #expect(tree.root.cgroup(of: process) == ForeignText(path))
}

private let users: [(String, [UInt32: String])] = [
    ("root:x:0:0:root:/root:/bin/bash\ndb:x:999:999::/:/bin/false\n", [0: "root", 999: "db"]),
    ("root:x:0:0\ntoor:x:0:0\n", [0: "root"]),  // the first name counts
    ("a:x:-1:0\nb:x:4294967296:0\nc:x::0\nd:x\ne\n\nf:x:4294967295", [.max: "f"]),
    (":x:5:5::/:/\n", [5: ""]),
    ("+::::::\n", [:]),  // from the years of NIS
    ("", [:]),
]

@Test(arguments: users) func passwd(content: String, names: [UInt32: String]) throws {
    let tree = try ScratchTree(["etc/passwd": bytes(content)])
    #expect(tree.root.userNames() == names.mapValues { ForeignText($0) })
}

@Test func nothingToReadIsEmpty() throws {
    let tree = try ScratchTree()
    let root = tree.root
    #expect(root.name(of: process).bytes == [])
    #expect(root.command(of: process).bytes == [])
    #expect(root.cgroup(of: process) == ForeignText("/"))
    #expect(root.userNames() == [:])
}

@Test func identityOfFixture() throws {
    let tree = try FixtureTree("four-nodes-6.1")
    #expect(tree.root.name(of: PID(132)) == ForeignText("dbserver"))
    #expect(tree.root.command(of: PID(132)) == ForeignText("holder dbserver node:2 priv:2M:4:4"))
    #expect(tree.root.cgroup(of: PID(132)) == ForeignText("/"))
    #expect(tree.root.name(of: PID(2)) == ForeignText("kthreadd"))
    #expect(tree.root.command(of: PID(2)) == ForeignText(""))
    #expect(tree.root.userNames()[0] == ForeignText("root"))
}
