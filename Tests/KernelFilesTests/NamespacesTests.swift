import Glibc
import KernelFiles
import Observations
import PageModel
import SystemPackage
import TestSupport
import Testing

@testable import KernelFiles

private let links: [(NamespaceKind, String, UInt64?)] = [
    (.mount, "mnt:[4026531832]", 4_026_531_832),
    (.ipc, "ipc:[4026531839]", 4_026_531_839),
    (.mount, "ipc:[4026531839]", nil),
    (.mount, "mnt:[]", nil), (.mount, "mnt:[-1]", nil), (.mount, "mnt:[1", nil), (.mount, "", nil),
    (.mount, "mnt:[18446744073709551616]", nil), (.mount, "mnt:[", nil), (.mount, "mnt:[1]x", nil),
]

@Test(arguments: links) func namespaceLink(kind: NamespaceKind, text: String, inode: UInt64?) throws {
    #expect(kind.inode(in: bytes(text)) == inode)
    guard !text.isEmpty else { return }
    let tree = try ScratchTree()
    try tree.link("proc/7/task/8/ns/\(kind.rawValue)", to: text)
    #expect(tree.root.namespace(kind, of: "7/task/8") == inode)
    #expect(tree.root.namespace(kind, of: "7") == nil)
}

/// A process in a mount namespace, by the number of that and its root.
private func tree(_ processes: [(String, namespace: Int, root: String?)]) throws -> ScratchTree {
    let tree = try ScratchTree()
    for (process, namespace, root) in processes {
        try tree.link("proc/\(process)/ns/mnt", to: "mnt:[\(namespace)]")
        try tree.link("proc/\(process)/ns/ipc", to: "ipc:[\(namespace)]")
        if let root { try tree.link("proc/\(process)/root", to: root) }
    }
    return tree
}

@Test func eachNamespaceHasProcessesThatSeeAllOfIt() throws {
    let tree = try tree([
        ("self", 1, "/"), ("2", 2, "/chroot"), ("3", 1, "/"), ("4", 2, "/"), ("5", 2, "/other"), ("6", 2, "/"),
        ("7", 3, "/a"), ("8", 3, "/b"), ("9", 3, "/a"), ("10", 3, nil),
    ])
    try tree.make("proc/12/ns")  // its links are gone: a zombie
    try tree.make("proc/13/ns/mnt")  // what is no link cannot be read as one
    let found = tree.root.namespaces(.mount, of: (2...13).map { "\($0)" })
    #expect(found.all.map(\.inode) == [1, 2, 3])
    #expect(found.all.map(\.processes) == [["self", "3"], ["4", "6"], ["7", "8", "10"]])
    #expect(found.all.map(\.isWhole) == [true, true, false])
    #expect(found.untold == ["13"])
}

@Test func rootsMatterToMountsOnly() throws {
    let tree = try tree([("self", 1, "/"), ("2", 2, "/chroot"), ("3", 2, "/")])
    let found = tree.root.namespaces(.ipc, of: ["2", "3"])
    #expect(found.all.map(\.processes) == [["self"], ["2", "3"]])
    #expect(found.all.map(\.isWhole) == [true, true])
}

@Test func fewProcessesAreKept() throws {
    let processes = (2...200).map { "\($0)" }
    let whole = try tree([("self", 1, "/")] + processes.map { ($0, 2, "/") })
    #expect(whole.root.namespaces(.mount, of: processes).all[1].processes == ["2", "3", "4", "5"])
    let parts = try tree([("self", 1, "/")] + processes.map { ($0, 2, "/\($0)") })
    #expect(parts.root.namespaces(.mount, of: processes).all[1].processes == processes.prefix(16) + [])
}

@Test func liveNamespaces() throws {
    let root = KernelRoot.live
    let own = try #require(root.namespace(.mount, of: "self"))
    var status = stat()
    #expect(stat("/proc/self/ns/mnt", &status) == 0 && UInt64(status.st_ino) == own)
    let processes = try root.processes().map { "\($0)" }
    let found = root.namespaces(.mount, of: processes + ["999999999"])
    #expect(found.all.first?.inode == own && found.all.first?.processes.first == "self")
    #expect(!found.untold.contains("999999999"))
}

/// A namespace that a process is no longer in, as its number was given to another, is not entered.
@Test func namespaceIsOpenedByItsNumber() throws {
    let own = try #require(KernelRoot.live.namespaces(.ipc, of: []).all.first)
    let (descriptor, process) = try KernelRoot.live.openNamespace(.ipc, own)
    defer { try? descriptor.close() }
    #expect(try (FileStatus(in: descriptor).inode, process) == (own.inode, "self"))
    let tree = try ScratchTree(folders: ["proc/self/ns"])
    try #require(symlink("ipc:[1]", tree.root.path("proc/self/ns/ipc").string) == 0)
    let gone = try #require(tree.root.namespaces(.ipc, of: []).all.first)
    #expect(gone.inode == 1)
    #expect(throws: KernelFileError.self) { _ = try KernelRoot.live.openNamespace(.ipc, gone) }
}
