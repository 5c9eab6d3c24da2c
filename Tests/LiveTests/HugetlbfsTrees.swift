import Foundation
import KernelFiles
import Observations
import PageModel
import SystemPackage
import TestSupport
import Testing

@testable import KernelFiles

extension Live {
    /// Walks of a hugetlbfs that somebody else has prepared.
    @Suite struct HugetlbfsTrees {
        private static let strange: [[UInt8]] = [
            bytes("two\nlines"), bytes("\u{1b}[2J\u{1b}]0;x\u{7}"), [0xff, 0xfe, 0x80], bytes(#"\012\134"#),
            bytes("x (deleted)"), bytes(" "), bytes("-rf"), bytes("..."), bytes("\u{202e}txt"), [1],
            [UInt8](repeating: UInt8(ascii: "n"), count: 255),
        ]

        /// Everything that could lead a walk astray, and what such a walk must find all the same.
        @Test(arguments: OpenBeneath.allCases) func nothingIsOpenedButFolders(way: OpenBeneath) throws {
            let mount = try HostileMount()
            let (huge, outside) = (mount.huge, mount.folder.appending("outside"))
            try mount.make(outside)
            try mount.file(outside.appending("secret"))
            var traps = [outside, outside.appending("secret")]

            let targets = [
                "/etc/shadow", "/", "/proc/self/root", "/dev/zero", ".", "..", "../outside", "../outside/secret",
                "../../../../../../etc/shadow", "link9", "nowhere", outside.string, outside.appending("secret").string,
                "real",
            ]
            // No kernel so far makes a link on a hugetlbfs: EINVAL. One that does must not make a difference.
            for (index, target) in targets.enumerated() {
                do {
                    try mount.link(huge.appending("link\(index)"), to: FilePath(target))
                } catch Errno.invalidArgument {}
            }

            let nodes: [(String, mode_t, UInt, UInt)] = [
                ("fifo", S_IFIFO, 0, 0), ("socket", S_IFSOCK, 0, 0), ("null", S_IFCHR, 1, 3),
                ("watchdog", S_IFCHR, 10, 130),
                ("tape", S_IFCHR, 9, 0), ("disk", S_IFBLK, 8, 0), ("loop0", S_IFBLK, 7, 0),
            ]
            for (name, kind, major, minor) in nodes {
                try mount.node(huge.appending(name), kind, major: major, minor: minor)
                traps.append(huge.appending(name))
            }

            try mount.make(huge.appending("real"))
            try mount.file(huge.appending("real/file"), length: 4 << 20)
            try mount.file(huge.appending("empty"), length: 0)
            traps += [huge.appending("real/file"), huge.appending("empty")]
            let hard = huge.appending("real/again").string
            try #require(link(huge.appending("real/file").string, hard) == 0)
            var expected: Set<[UInt8]> = [bytes("real/file"), bytes("real/again")]
            for name in Self.strange {
                let name = FilePath.Component(platformString: name.map { CChar(bitPattern: $0) } + [0])
                let path = huge.appending([try #require(name)])
                try mount.make(path)
                try mount.file(path.appending("f"))
                traps.append(path.appending("f"))
                expected.insert(ForeignText(path).bytes.dropFirst(ForeignText(huge).bytes.count + 1) + bytes("/f"))
            }

            // Other filesystems and the mount itself, on folders and files of it.
            for name in ["tmpfs", "self", "other", "sibling"] { try mount.make(huge.appending(name)) }
            try mount.mount("tmpfs", huge.appending("tmpfs"))
            try mount.file(huge.appending("tmpfs/secret"))
            traps += [huge.appending("tmpfs"), huge.appending("tmpfs/secret")]
            try mount.mount("hugetlbfs", huge.appending("other"), options: "pagesize=2M")
            try mount.file(huge.appending("other/secret"))
            traps += [huge.appending("other"), huge.appending("other/secret")]
            try mount.file(huge.appending("covered"))
            try mount.bind(outside.appending("secret"), on: huge.appending("covered"))
            try mount.bind(huge, on: huge.appending("self"))
            try mount.bind(huge.appending("real"), on: huge.appending("sibling"))

            let watch = try OpenWatch(traps)
            var found: [[UInt8]] = []
            var inodes: [[UInt8]: UInt64] = [:]
            do {
                let tree = try HugetlbfsTree(try mount.place(), in: .live, way: way)
                let walk = try tree.walk { path, status in
                    found.append(path)
                    inodes[path] = status.inode
                    #expect(status.length == (path.starts(with: bytes("real/")) ? 4 << 20 : 2 << 20))
                    #expect(status.isRegular && status.device == tree.place.mount.device)
                }
                #expect(walk.isComplete && walk.refusal == nil)

                for path in found {
                    let file = try tree.open(path)
                    #expect(try FileStatus(in: file).inode == inodes[path])
                    try file.close()
                }
                let refused = [
                    "", "/", ".", "..", "../outside/secret", "real", "real/", "real//file", "real/../real/file",
                    "/real/file",
                    "fifo", "socket", "null", "disk", "link0", "link13/file", "tmpfs/secret", "other/secret",
                    "covered",
                    "self/empty", "missing",
                ]
                for path in refused {
                    #expect(throws: KernelFileError.self, "\(path)") { _ = try tree.open(bytes(path)) }
                }
            }
            #expect(found.count == expected.count && Set(found) == expected)
            #expect(inodes[bytes("real/file")] == inodes[bytes("real/again")])
            #expect(try descriptors(below: mount.folder) == [])
            #expect(try watch.opened() == [])
            // The watch does see what is opened.
            try FileDescriptor.open(traps[1], .readOnly).close()
            try FileDescriptor.open(huge.appending("null"), .readOnly).close()
            #expect(try watch.opened() == [traps[0].string, traps[1].string, huge.appending("null").string])
        }

        /// What this process has open there; other tests have descriptors of their own meanwhile.
        private func descriptors(below folder: FilePath) throws -> [String] {
            try KernelRoot.live.names(in: "proc/self/fd").compactMap { name in
                let link = Int32(name).flatMap { try? KernelRoot.live.link(ofDescriptor: $0, of: "self") }
                return link.map(\.repaired).flatMap { $0.hasPrefix(folder.string) ? $0 : nil }
            }
        }

        @Test func aHundredThousandEmptyFiles() throws {
            let mount = try HostileMount()
            let folder = mount.huge.string
            for index in 0..<100_000 {
                let file = open("\(folder)/empty\(index)", O_CREAT | O_WRONLY | O_CLOEXEC, 0o600)
                try #require(file >= 0 && close(file) == 0)
            }
            for index in 0..<3 { try mount.file(mount.huge.appending("file\(index)")) }
            let tree = try HugetlbfsTree(try mount.place(), in: .live)
            var found: [[UInt8]] = []
            let walk = try tree.walk { path, _ in found.append(path) }
            #expect(found.count == 3 && Set(found) == [bytes("file0"), bytes("file1"), bytes("file2")])
            #expect(walk.isComplete)
        }

        /// A chain of folders with the longest names, whose path is longer than any that the kernel takes.
        @Test(arguments: OpenBeneath.allCases) func folderBelowTheDeepest(way: OpenBeneath) throws {
            let mount = try HostileMount()
            let name = String(repeating: "d", count: 255)
            var at = try FileDescriptor.open(mount.huge, .readOnly)
            for _ in 0..<70 {
                let file = openat(at.rawValue, "f", O_CREAT | O_WRONLY, 0o600)
                try #require(file >= 0 && ftruncate(file, 2 << 20) == 0 && close(file) == 0)
                try #require(mkdirat(at.rawValue, name, 0o755) == 0)
                let next = openat(at.rawValue, name, O_RDONLY)
                try at.close()
                at = FileDescriptor(rawValue: next)
            }
            try at.close()
            let tree = try HugetlbfsTree(try mount.place(), in: .live, way: way)
            for (limit, count) in [(0, 1), (1, 2), (64, 65), (69, 70)] {
                var longest: [UInt8] = []
                var files = 0
                let walk = try tree.walk(.init(depth: limit)) { path, _ in
                    files += 1
                    if path.count > longest.count { longest = path }
                }
                #expect((files, walk.tooDeep) == (count, 1))
                #expect(!walk.isComplete && !walk.isCutOff)
                #expect(longest.count == limit * 256 + 1)
                try tree.open(longest).close()
            }
            var files = 0
            let walk = try tree.walk(.init(depth: 70)) { _, _ in files += 1 }
            #expect((files, walk.tooDeep, walk.isComplete) == (70, 0, true))
        }

        private static let limits: [(UInt64, Int, Bool)] = [
            (0, 0, true), (1, 1, true), (9, 9, true), (10, 10, false), (11, 10, false),
        ]

        @Test(arguments: limits) func entriesAreLimited(limit: UInt64, files: Int, isCutOff: Bool) throws {
            let mount = try HostileMount()
            for index in 0..<10 { try mount.file(mount.huge.appending("file\(index)")) }
            let tree = try HugetlbfsTree(try mount.place(), in: .live)
            var found = 0
            let walk = try tree.walk(.init(entries: limit)) { _, _ in found += 1 }
            #expect((found, walk.isCutOff, walk.isComplete) == (files, isCutOff, !isCutOff))
        }

        @Test(arguments: OpenBeneath.allCases) func whatVanishesIsPassedBy(way: OpenBeneath) throws {
            let mount = try HostileMount()
            for index in 0..<20 {
                try mount.make(mount.huge.appending("folder\(index)"))
                try mount.file(mount.huge.appending("folder\(index)/file"))
            }
            let tree = try HugetlbfsTree(try mount.place(), in: .live, way: way)
            var files = 0
            let walk = try tree.walk { _, _ in
                files += 1
                _ = try? shell("rm -rf \(mount.huge)/*")
            }
            #expect(files == 1 && walk.isComplete && walk.refusal == nil)
        }

        /// A folder on which something is mounted between its listing and its opening.
        @Test(arguments: OpenBeneath.allCases) func folderThatIsCoveredMeanwhileIsNotEntered(way: OpenBeneath) throws {
            let mount = try HostileMount()
            let outside = mount.folder.appending("outside")
            let folders = (0..<4).map { mount.huge.appending("folder\($0)") }
            try mount.make(outside)
            for folder in folders {
                try mount.make(folder)
                try mount.file(folder.appending("file"))
            }
            let watch = try OpenWatch([outside])
            let tree = try HugetlbfsTree(try mount.place(), in: .live, way: way)
            var files = 0
            let walk = try tree.walk { path, _ in
                files += 1
                let entered = mount.huge.appending(String(decoding: path.dropLast(5), as: UTF8.self))
                for folder in folders where folder != entered { try? mount.bind(outside, on: folder) }
            }
            #expect((files, walk.refused) == (1, 0))
            #expect(try watch.opened() == [])
        }

        /// Something else where the hugetlbfs was: another filesystem, another hugetlbfs, a folder of the same one.
        @Test(arguments: OpenBeneath.allCases) func mountThatIsCoveredIsToldSo(way: OpenBeneath) throws {
            let mount = try HostileMount()
            try mount.make(mount.huge.appending("sub"))
            let part = mount.folder.appending("part")
            try mount.make(part)
            try mount.bind(mount.huge.appending("sub"), on: part)
            let place = try mount.place()
            func failure() -> KernelFileError? {
                do {
                    _ = try HugetlbfsTree(place, in: .live, way: way)
                    return nil
                } catch { return error }
            }
            let covered = KernelFileError(
                mount.huge, replaced: "something else is mounted there instead of the hugetlbfs")
            #expect(failure() == nil)
            try mount.mount("tmpfs", mount.huge)
            #expect(failure() == covered)
            try mount.unmount()
            #expect(failure() == nil)
            try mount.mount("hugetlbfs", mount.huge, options: "pagesize=2M")
            #expect(failure() == covered)
            try mount.unmount()
            try mount.bind(part, on: mount.huge)
            #expect(failure() == covered)
            try mount.unmount()
            try mount.file(part.appending("file"))
            #expect(failure() == nil)
            // The kernel gives the numbers of a mount that is gone to the next: then the size of its pages tells it.
            guard try KernelRoot.live.hugepageSizes().contains(oneGiB) else { return }
            mount.unmountAll()
            try mount.mount("hugetlbfs", mount.huge, options: "pagesize=1G")
            #expect(failure() == covered)
        }

        @Test(arguments: OpenBeneath.allCases) func folderAboveThatBecomesALinkIsNotFollowed(way: OpenBeneath) throws {
            let mount = try HostileMount()
            let place = try mount.place()
            let moved = FilePath(mount.folder.string + "-moved")
            try #require(rename(mount.folder.string, moved.string) == 0)
            defer {
                unlink(mount.folder.string)
                rename(moved.string, mount.folder.string)
            }
            try mount.link(mount.folder, to: moved)
            do {
                _ = try HugetlbfsTree(place, in: .live, way: way)
                Issue.record("a link was followed")
            } catch { #expect(error == KernelFileError("open", mount.huge, Errno.tooManySymbolicLinkLevels)) }
        }

        /// Bind mounts of a folder and of a file of the hugetlbfs.
        @Test(arguments: OpenBeneath.allCases) func partOfAHugetlbfs(way: OpenBeneath) throws {
            let mount = try HostileMount()
            let (part, single) = (mount.folder.appending("part"), mount.folder.appending("single"))
            try mount.make(mount.huge.appending("sub"))
            try mount.file(mount.huge.appending("sub/file"))
            try mount.file(mount.huge.appending("elsewhere"))
            try mount.make(part)
            try mount.file(single, length: 0)
            try mount.bind(mount.huge.appending("sub"), on: part)
            try mount.bind(mount.huge.appending("elsewhere"), on: single)
            let place = try mount.place(part)
            #expect(place.mount.root == ForeignText("/sub"))
            #expect(place.mount.device == (try mount.place().mount.device))
            var found: [[UInt8]] = []
            _ = try HugetlbfsTree(place, in: .live, way: way).walk { path, _ in found.append(path) }
            #expect(found == [bytes("file")])
            let file = try mount.place(single)
            do {
                _ = try HugetlbfsTree(file, in: .live, way: way)
                Issue.record("a file was taken for a folder")
            } catch { #expect(error.reason == "a single file is mounted there instead of the hugetlbfs") }
        }

        @Test(arguments: OpenBeneath.allCases) func mountPointOfAnyName(way: OpenBeneath) throws {
            let mount = try HostileMount(" #a\\040b\n\t\u{1b}[2J - hugetlbfs none rw")
            try mount.file(mount.huge.appending("file"))
            let tree = try HugetlbfsTree(try mount.place(), in: .live, way: way)
            var found: [[UInt8]] = []
            _ = try tree.walk { path, _ in found.append(path) }
            #expect(found == [bytes("file")])
        }

        /// A hugetlbfs that only another mount namespace has is found with its options, and walked through a process there.
        @Test(arguments: OpenBeneath.allCases) func hugetlbfsOfAnotherNamespace(way: OpenBeneath) throws {
            let mount = try HostileMount()
            let inner = mount.folder.appending("inner")
            try mount.make(inner)
            let other = try Namespaced(
                "mount -t hugetlbfs -o pagesize=2M,size=4M none \(inner) && truncate -s 2M \(inner)/there")
            let root = KernelRoot.live
            let found = HugetlbfsMounts(of: try root.processes().map { "\($0)" }, in: root)
            let wanted = ForeignText(inner)
            let place = try #require(found.all.flatMap(\.places).first { $0.mount.mountPoint == wanted })
            #expect(found.namespaces >= 2)
            #expect(
                place.through?.rawValue == other.pid
                    && place.mount.superOptions[ForeignText("size")] == ForeignText("4194304"))
            #expect(place.path == ForeignText("/proc/\(other.pid)/root\(inner)"))
            #expect(
                found.all.flatMap(\.places).contains {
                    $0.mount.mountPoint == ForeignText(mount.huge) && $0.through == nil
                }
            )
            var paths: [[UInt8]] = []
            _ = try HugetlbfsTree(place, in: root, way: way).walk { path, _ in paths.append(path) }
            #expect(paths == [bytes("there")])
            other.end()
            do {
                _ = try HugetlbfsTree(place, in: root, way: way)
                Issue.record("the process has ended")
            } catch { #expect(error.advice == "The process has ended; audit again") }
        }
    }
}

private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

extension HugetlbfsWalk {
    /// Whether every folder was seen to its end.
    fileprivate var isComplete: Bool { tooDeep == 0 && refused == 0 && !isCutOff }
}
