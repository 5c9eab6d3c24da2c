import Glibc
import KernelFiles
import SystemPackage
import TestSupport
import Testing

@testable import KernelFiles

/// What is opened, of a folder with `file`, `folder/inner`, `to-file`, `to-folder`, `up`, `self`, and `dangling`; nil
/// where it is.
private let names: [(String, Errno?)] = [
    ("file", nil), ("folder", nil), ("a\nb\u{1b}[2J", nil), ("...", nil), (".hidden", nil),
    ("to-file", .tooManySymbolicLinkLevels), ("to-folder", .tooManySymbolicLinkLevels),
    ("up", .tooManySymbolicLinkLevels),
    ("self", .tooManySymbolicLinkLevels), ("dangling", .tooManySymbolicLinkLevels),
    ("missing", .noSuchFileOrDirectory),
    ("", .invalidArgument), (".", .invalidArgument), ("..", .invalidArgument), ("folder/inner", .invalidArgument),
    ("folder/", .invalidArgument), ("folder/..", .invalidArgument), ("../folder", .invalidArgument),
    (String(repeating: "x", count: 255), .noSuchFileOrDirectory),
    (String(repeating: "x", count: 256), .fileNameTooLong),
]

private let paths: [(String, Errno?)] = [
    ("file", nil), ("/file", nil), ("///folder/inner", nil), ("folder/inner", nil), ("", nil), ("/", nil), ("//", nil),
    ("to-file", .tooManySymbolicLinkLevels), ("to-folder/inner", .tooManySymbolicLinkLevels),
    ("up/file", .tooManySymbolicLinkLevels), ("folder/missing", .noSuchFileOrDirectory), ("file/x", .notDirectory),
    (".", .invalidArgument), ("..", .invalidArgument), ("/..", .invalidArgument), ("folder/../file", .invalidArgument),
    ("folder/./inner", .invalidArgument), ("folder//inner", .invalidArgument), ("folder/", .invalidArgument),
    ("folder/" + String(repeating: "x", count: 256), .fileNameTooLong),
    // Longer than the kernel takes in one path.
    (String(repeating: "folder/", count: 1000), .invalidArgument),
    (String(repeating: "missing/", count: 1000) + "x", .noSuchFileOrDirectory),
]

private func tree() throws -> ScratchTree {
    let tree = try ScratchTree(["file": [], "folder/inner": [], "a\nb\u{1b}[2J": [], "...": [], ".hidden": []])
    let directory = tree.root.directory.string
    let links = [
        ("to-file", "file"), ("to-folder", "\(directory)/folder"), ("up", "../"), ("self", "self"),
        ("dangling", "nothing"),
    ]
    for (name, target) in links { try tree.link(name, to: target) }
    return tree
}

/// The error of opening `name` in `folder`; nil where it opens.
private func failure(
    _ way: OpenBeneath, _ name: String, in folder: FilePath, _ reach: OpenBeneath.Reach
) throws -> Errno? {
    let root = try FileDescriptor.openRoot(folder)
    defer { try? root.close() }
    do {
        try way.open(Array(name.utf8CString), in: root, reach).close()
        return nil
    } catch let error as Errno { return error }
}

@Test(arguments: OpenBeneath.allCases, names) func nameBeneath(way: OpenBeneath, row: (String, Errno?)) throws {
    let tree = try tree()
    #expect(try failure(way, row.0, in: tree.root.directory, .name) == row.1)
}

@Test(arguments: OpenBeneath.allCases, paths) func pathBeneath(way: OpenBeneath, row: (String, Errno?)) throws {
    let tree = try tree()
    #expect(try failure(way, row.0, in: tree.root.directory, .path) == row.1)
}

/// Links that lead anywhere without being followed by name.
@Test(
    arguments: OpenBeneath.allCases, ["root", "cwd", "exe", "fd/1", "ns/mnt", "root/etc", "task/\(getpid())/root/etc"])
func magicLinksAreRefused(way: OpenBeneath, path: String) throws {
    #expect(try failure(way, path, in: FilePath("/proc/\(getpid())"), .path) == .tooManySymbolicLinkLevels)
}

/// `/proc` is another mount than the root: a path may lead there, a name may not.
@Test(arguments: OpenBeneath.allCases) func mountsAreCrossedByPathsOnly(way: OpenBeneath) throws {
    #expect(try failure(way, "proc/version", in: "/", .path) == nil)
    #expect(try failure(way, "proc", in: "/", .name) == .improperLink)
}

/// What was just looked up needs no filesystem to be asked; without openat2 there is no telling.
@Test func cachedPath() throws {
    let tree = try tree()
    #expect(try failure(.openat2, "folder/inner", in: tree.root.directory, .path) == nil)
    let cached = try failure(.openat2, "folder/inner", in: tree.root.directory, .cachedPath)
    #expect(cached == nil || cached == .resourceTemporarilyUnavailable)
    let stepwise = try failure(.stepwise, "folder/inner", in: tree.root.directory, .cachedPath)
    #expect(stepwise == .resourceTemporarilyUnavailable)
}
