import CStates
import Foundation
import KernelFiles
import Observations
import PageModel
import SystemPackage
import TestSupport
import Testing

/// A hugetlbfs that somebody else has prepared, with one page in each of the files that must be found.
private final class HostileGround {
    let pool: HugePool
    let mount: HostileMount
    /// Names of the files with a page, below `mount.huge`.
    private(set) var held: [[UInt8]] = []
    /// Everything else on the mount that nobody may touch.
    private(set) var others: [FilePath] = []
    /// What paths begin with: nothing, or the root of the process that alone has the mounts.
    private(set) var prefix = ""
    private var elsewhere: Namespaced?

    init(poolPages: UInt64 = 48) throws {
        pool = try HugePool(twoMiB, pages: poolPages)
        mount = try HostileMount(options: "pagesize=2M,uid=65534,gid=65534")
    }

    static let strange: [[UInt8]] =
        [
            "two\nlines", "\u{1b}[2J\u{1b}]0;x\u{7}", #"\012\134"#, "x (deleted)", " ", "-rf", "--", "...",
            "\u{202e}txt",
            "\u{1}", "it's \"quoted\"", "$(touch PWNED)`touch PWNED`", "; rm -rf ~ #", "*", "~", "{1..3}", "!!", "\t\r",
        ].map { Array($0.utf8) } + [[0xff, 0xfe, 0x80], [UInt8](repeating: UInt8(ascii: "n"), count: 255)]

    func path(_ name: [UInt8]) -> FilePath {
        let bytes = Array((prefix + mount.huge.string).utf8) + [UInt8(ascii: "/")] + name + [0]
        return bytes.map { CChar(bitPattern: $0) }.withUnsafeBufferPointer { FilePath(platformString: $0.baseAddress!) }
    }

    /// A file with one page.
    func hold(_ name: [UInt8]) throws {
        let file = try FileDescriptor.open(
            path(name), .readWrite, options: [.create, .exclusiveCreate], permissions: .ownerReadWrite)
        defer { try? file.close() }
        try Linux.allocate(0..<twoMiB.bytes, of: file)
        held.append(name)
    }

    func hold(_ name: String) throws { try hold(Array(name.utf8)) }

    /// A file without a page.
    func spare(_ name: String, length: Int64 = 0) throws {
        let path = mount.huge.appending(name)
        try mount.file(path, length: length)
        others.append(path)
    }

    /// What could lead a walk astray, block it, or have an effect.
    func plant() throws {
        let (huge, outside) = (mount.huge, mount.folder.appending("outside"))
        try mount.make(outside)
        try mount.file(outside.appending("secret"))
        // No kernel so far makes a link on a hugetlbfs: EINVAL. One that does must not make a difference.
        for (index, target) in ["/etc/shadow", "/etc", "..", ".", "../outside/secret", "link0"].enumerated() {
            do { try mount.link(huge.appending("link\(index)"), to: FilePath(target)) } catch Errno.invalidArgument {}
        }
        let nodes: [(String, mode_t, UInt, UInt)] = [
            ("fifo", S_IFIFO, 0, 0), ("socket", S_IFSOCK, 0, 0), ("zero", S_IFCHR, 1, 5),
            ("watchdog", S_IFCHR, 10, 130),
            ("tape", S_IFCHR, 9, 0), ("loop0", S_IFBLK, 7, 0),
        ]
        for (name, kind, major, minor) in nodes {
            let path = huge.appending(name)
            try mount.node(path, kind, major: major, minor: minor)
            others.append(path)
        }
        for name in ["tmpfs", "self", "covered folder"] { try mount.make(huge.appending(name)) }
        try mount.mount("tmpfs", huge.appending("tmpfs"))
        try mount.node(huge.appending("tmpfs/fifo"), S_IFIFO)
        try mount.link(huge.appending("tmpfs/shadow"), to: "/etc/shadow")
        try spare("covered")
        try mount.bind(outside.appending("secret"), on: huge.appending("covered"))
        try mount.bind(outside, on: huge.appending("covered folder"))
        try mount.bind(huge, on: huge.appending("self"))
        others += [huge.appending("tmpfs/fifo"), huge.appending("tmpfs/shadow"), outside.appending("secret")]
    }

    /// Leaves the mounts to another mount namespace.
    func moveElsewhere() throws {
        let process = try Namespaced()
        mount.unmountAll()
        (elsewhere, prefix) = (process, "/proc/\(process.pid)/root")
    }

    func isThere(_ path: FilePath) -> Bool {
        var status = stat()
        return FilePath(prefix + path.string).withPlatformString { lstat($0, &status) } == 0
    }
}

/// What the program tells, in both formats.
private struct Told {
    let report: ReportDocument
    let status: Int32

    init(_ arguments: String...) throws {
        let json = try run(product("hugeaudit"), ["audit", "--format", "json"] + arguments)
        #expect(json.errors.isEmpty)
        #expect(try SchemaCheck.complaints(about: json.output).isEmpty)
        (report, status) = (try ReportDocument(json.output), json.status)
        for command in ["audit", "leaks"] {
            let text = try run(product("hugeaudit"), [command] + arguments)
            #expect(text.status == status)
            // What is no UTF-8 would come as U+FFFD.
            #expect(
                text.output.unicodeScalars.allSatisfy {
                    $0 == "\n"
                        || $0.value >= 0x20 && $0.value != 0x7f && !(0x80..<0xa0).contains($0.value)
                            && $0 != "\u{fffd}" && $0.properties.generalCategory != .format
                }, "\(text.output.debugDescription)")
        }
    }
}

/// The calls by which a file is opened, and those that change something.
private enum Calls {
    static let opening = ["open", "openat", "openat2", "creat", "open_by_handle_at"]
    static let changing = [
        "mkdir", "mkdirat", "rmdir", "unlink", "unlinkat", "rename", "renameat", "renameat2", "link", "linkat",
        "symlink",
        "symlinkat", "mknod", "mknodat", "truncate", "ftruncate", "fallocate", "chmod", "fchmod", "fchmodat",
        "fchmodat2",
        "chown", "fchown", "lchown", "fchownat", "utime", "utimes", "utimensat", "futimesat", "setxattr", "lsetxattr",
        "fsetxattr", "removexattr", "lremovexattr", "fremovexattr", "mount", "umount2", "move_mount", "open_tree",
        "fsopen", "pivot_root", "chroot", "ptrace", "process_vm_writev", "process_madvise", "migrate_pages", "swapon",
        "swapoff", "sysctl", "sethostname", "reboot", "bpf", "shmget", "msgget", "semget", "setpriority",
        "pidfd_send_signal", "tkill", "rt_sigqueueinfo", "pwrite64", "pwritev", "pwritev2", "sendfile", "splice", "tee",
        "vmsplice", "copy_file_range", "sendto", "sendmsg", "connect",
    ]
    static let writing = ["write", "writev"]
    static let signalling = ["kill", "tgkill"]
}

extension Live {
    /// Each file is counted and nothing else is opened: no link, FIFO, socket, device, and nothing that is mounted there; on
    /// a mount of another user's, in this mount namespace or in another only. Nothing blocks, or the test does.
    @Test(arguments: [false, true]) static func nothingButFilesOfHugePagesIsOpened(isElsewhere: Bool) throws {
        try skippingWhatCannotBeHad {
            let ground = try HostileGround()
            try ground.plant()
            for name in HostileGround.strange { try ground.hold(name) }
            let count = UInt64(ground.held.count)
            if isElsewhere { try ground.moveElsewhere() }

            let told = try Told()
            let row = try #require(told.report.pool(twoMiB.bytes))
            #expect((row.held, row.unexplained, row.mapped) == (count, 0, 0))
            #expect(told.report.holders.count == ground.held.count)
            let paths = ground.held.map {
                "\(ground.prefix)\(ground.mount.huge)/" + String(decoding: $0, as: UTF8.self)
            }
            #expect(Set(told.report.holders.compactMap(\.path)) == Set(paths))
            #expect(told.report.holders.allSatisfy { $0.pages == 1 && $0.nodes?.map(\.pages) == [1] })
            #expect(told.status == 1)
            #expect(told.report.findings.allSatisfy { ["orphan-file", "partial-view"].contains($0.id) })

            // `audit` reads the machine's configuration, too.
            let traced = try SystemCalls(Calls.opening, of: product("hugeaudit"), ["leaks", "--quiet"])
            #expect(traced.outcome.status == 1)
            let opened = traced.calls.filter { call in
                call.opened != nil && !["O_PATH", "O_DIRECTORY"].contains { call.text.contains($0) }
            }.compactMap(\.opened)
            #expect(!opened.isEmpty)
            #expect(opened.filter { $0.contains(ground.mount.folder.string) }.count == ground.held.count)
            let allowed = ["/proc/", "/sys/", "/etc/passwd", "/etc/ld.so.cache"]
            let strangers = opened.filter { path in
                !allowed.contains { path.hasPrefix($0) } && !path.contains("\(ground.mount.huge)/")
                    && !path.contains(/\.so(\.[0-9]+)*$/)
            }
            #expect(strangers.isEmpty, "\(strangers)")
            let traps = ["fifo", "socket", "zero", "watchdog", "tape", "loop0", "covered", "secret", "link0"]
            for trap in traps { #expect(!opened.contains { $0.hasSuffix("/\(trap)") }, "\(trap)") }
            #expect(!traced.calls.contains { $0.text.contains("shadow") })
        }
    }

    /// What is printed as the remedy is given to bash as it stands: the files go that it is meant for, and nothing else.
    @Test(arguments: [false, true]) static func remediesRemoveWhatTheySay(isElsewhere: Bool) throws {
        try skippingWhatCannotBeHad {
            let ground = try HostileGround()
            try ground.plant()
            for name in HostileGround.strange { try ground.hold(name) }
            for number in [0, 1, 2, 3, 5, 6, 8, 9, 10, 11, 1000] { try ground.hold("rtemap_\(number)") }
            // In use by this process, and so not lost.
            try ground.hold("rtemap_7")
            let inUse = try FileDescriptor.open(ground.mount.huge.appending("rtemap_7"), .readOnly)
            defer { try? inUse.close() }
            for name in ["rtemap_", "rtemap_4", "rtemap_07", "rtemap_1x", "rtemap_{1..3}", "rtemap_12"] {
                try ground.spare(name)
            }
            if isElsewhere { try ground.moveElsewhere() }

            let told = try Told()
            let orphans = told.report.findings.filter { $0.id == "orphan-file" }
            #expect(orphans.compactMap(\.pages).reduce(0, +) == UInt64(ground.held.count - 1))
            let text = try run(product("hugeaudit"), ["leaks"]).output
            let folder = temporaryPath("remedies")
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(atPath: folder) }
            for remedy in orphans.map(\.remedy) {
                #expect(text.contains("To mend: \(remedy)\n"))
                let outcome = try run("/bin/bash", ["-c", "cd '\(folder)' && \(remedy)"])
                #expect((outcome.status, outcome.errors) == (0, ""), "\(remedy)")
            }
            for name in ground.held where name != Array("rtemap_7".utf8) {
                #expect(ground.path(name).withPlatformString { access($0, F_OK) } != 0, "\(name)")
            }
            for path in ground.others + [ground.mount.huge.appending("rtemap_7")] {
                #expect(ground.isThere(path), "\(path)")
            }
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder).isEmpty)
            let row = try #require(try LiveAudit().report.pool(twoMiB.bytes))
            #expect((row.held, row.unexplained) == (1, 0))
        }
    }

    /// A file with several names keeps its pages until all are gone: all are in the remedy.
    @Test static func fileOfSeveralNamesIsCountedOnce() throws {
        try skippingWhatCannotBeHad {
            let ground = try HostileGround()
            try ground.hold("one")
            for name in ["two", "-rf"] {
                #expect(link(ground.mount.huge.appending("one").string, ground.mount.huge.appending(name).string) == 0)
            }
            try ground.spare("victim")
            let audit = try LiveAudit()
            #expect(audit.report.pool(twoMiB.bytes)?.held == 1)
            let finding = try #require(audit.findings.first)
            #expect(try shell(finding.remedy).status == 0)
            #expect(ground.pool.count("free_hugepages") == 48)
            #expect(try FileManager.default.contentsOfDirectory(atPath: ground.mount.huge.string) == ["victim"])
        }
    }

    /// A name that is a command in the name of the process that is to be ended.
    @Test static func remedyOfAProcessEndsItAlone() throws {
        try skippingWhatCannotBeHad {
            let pool = try HugePool(twoMiB, pages: 16)
            let victim = try Holder(["private", "--pages", "1"])
            let holder = try Holder(["memfd", "--pages", "3", "--name", "\\ntouch PWNED"])
            try holder.step()
            let finding = try #require(try LiveAudit().findings.first)
            #expect(finding.id == "memfd-unmapped")
            let folder = temporaryPath("remedies")
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(atPath: folder) }
            #expect(try shell("cd '\(folder)' && \(finding.remedy)").status == 0)
            holder.kill()
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder).isEmpty)
            #expect(kill(victim.pids[0].rawValue, 0) == 0)
            #expect(pool.count("free_hugepages") == 15)
        }
    }

    /// Memfds and deleted files of such names: told by their descriptors, shown escaped.
    @Test static func namesOfMemfdsAndDeletedFiles() throws {
        try skippingWhatCannotBeHad {
            let ground = try HostileGround()
            let names = HostileGround.strange.map { Array($0.prefix(249)) }
            var files: [FileDescriptor] = []
            defer { for file in files { try? file.close() } }
            for name in names {
                let memfd = (name.map { CChar(bitPattern: $0) } + [0]).withUnsafeBufferPointer {
                    states_hugetlb_memfd($0.baseAddress!, 21, off_t(twoMiB.bytes))
                }
                try #require(memfd >= 0)
                files.append(FileDescriptor(rawValue: memfd))
                try Linux.allocate(0..<twoMiB.bytes, of: files[files.count - 1])
            }
            for name in names {
                let file = try FileDescriptor.open(
                    ground.path(name), .readWrite, options: [.create, .exclusiveCreate], permissions: .ownerReadWrite)
                files.append(file)
                try Linux.allocate(0..<twoMiB.bytes, of: file)
                try #require(ground.path(name).withPlatformString { unlink($0) } == 0)
            }
            let told = try Told()
            let row = try #require(told.report.pool(twoMiB.bytes))
            #expect((row.held, row.unexplained) == (UInt64(files.count), 0))
            for (kind, prefix) in [("memfd", "/memfd:"), ("deletedFile", "\(ground.mount.huge)/")] {
                let rows = told.report.holders.filter { $0.kind == kind }
                #expect(
                    Set(rows.map(\.name)) == Set(names.map { prefix + String(decoding: $0, as: UTF8.self) }), "\(rows)")
                #expect(rows.count == names.count && rows.allSatisfy { $0.pages == 1 && $0.path == nil })
                #expect(rows.allSatisfy { $0.pids == [getpid()] })
            }
        }
    }

    /// Folders below the deepest that is looked into: what lies there has no name, and the report says where to look.
    @Test static func folderBelowTheDeepestIsSaid() throws {
        try skippingWhatCannotBeHad {
            let ground = try HostileGround()
            let deep = (0..<70).reduce(ground.mount.huge) { path, _ in path.appending("d") }
            try FileManager.default.createDirectory(atPath: deep.string, withIntermediateDirectories: true)
            try ground.hold("top")
            try ground.hold(Array(repeating: "d", count: 64).joined(separator: "/") + "/low")
            try ground.hold(Array(repeating: "d", count: 70).joined(separator: "/") + "/lowest")
            let told = try Told()
            let row = try #require(told.report.pool(twoMiB.bytes))
            #expect((row.held, row.unexplained) == (2, 1))
            #expect(
                told.report.unread.contains { $0.reason.contains("too deep") && $0.path == ground.mount.huge.string })
            #expect(told.report.findings.contains { $0.id == "unexplained-pages" && $0.pages == 1 })
            #expect(told.status == 1)
        }
    }

    /// Something that never answers, or something else, is mounted over the way to a hugetlbfs or on it. What lies there
    /// stays without a name, and the report says why.
    @Test(arguments: ["fuse", "tmpfs"], [false, true])
    static func coveredHugetlbfsIsSaid(by type: String, isAbove: Bool) throws {
        try skippingWhatCannotBeHad {
            let ground = try HostileGround()
            try ground.hold("hidden")
            let cover = isAbove ? ground.mount.folder : ground.mount.huge
            let server = type == "fuse" ? open("/dev/fuse", O_RDWR | O_CLOEXEC) : -1
            defer { if server >= 0 { close(server) } }
            if type == "fuse", server < 0 {
                throw Holder.Unavailable(description: "/dev/fuse: \(Errno(rawValue: errno))")
            }
            let options = type == "fuse" ? "fd=\(server),rootmode=40000,user_id=0,group_id=0" : ""
            try ground.mount.mount(type, cover, options: options)
            defer { ground.mount.unmountAll() }
            let told = try Told()
            let row = try #require(told.report.pool(twoMiB.bytes))
            #expect((row.held, row.unexplained) == (0, 1))
            let reasons = told.report.unread.filter { $0.path == ground.mount.huge.string }.map(\.reason)
            #expect(reasons.count == 1, "\(told.report.unread)")
            let reason =
                isAbove
                ? type == "fuse" ? "of type fuse" : "No such file"
                : "something else is mounted there"
            #expect(reasons.allSatisfy { $0.contains(reason) }, "\(reasons)")
            #expect(told.status == 1)
        }
    }

    /// 100,000 files with a length and no page, which could all have reserved some, and two that have one.
    @Test static func aHundredThousandFiles() throws {
        try skippingWhatCannotBeHad {
            let ground = try HostileGround()
            let folder = ground.mount.huge.string
            try ground.hold("first")
            let mapper = try Holder(["private", "--pages", "4", "--touch", "2"])
            let few = try peakMemory()
            for index in 0..<100_000 {
                let file = open("\(folder)/\u{1b}empty\(index)", O_CREAT | O_WRONLY | O_CLOEXEC, 0o600)
                try #require(file >= 0 && ftruncate(file, 2 << 20) == 0 && close(file) == 0)
            }
            try ground.hold("last")
            let told = try Told()
            let row = try #require(told.report.pool(twoMiB.bytes))
            #expect((row.held, row.unexplained, row.mapped) == (2, 0, 2))
            #expect(Set(told.report.holders.compactMap(\.path)) == ["\(folder)/first", "\(folder)/last"])
            #expect(mapper.pids.count == 1)
            let many = try peakMemory()
            #expect(many < few + (16 << 20), "\(few) bytes with few files, \(many) with many")
        }
    }

    /// The most that an audit had in memory. Unit: bytes.
    private static func peakMemory() throws -> Int {
        let program = """
            import resource, subprocess, sys
            subprocess.run([sys.argv[1], "audit", "--quiet"])
            print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)
            """
        let outcome = try run("/usr/bin/python3", ["-c", program, product("hugeaudit")])
        return try #require(Int(outcome.output.trimmingCharacters(in: .whitespacesAndNewlines)))
    }

    /// With holders of each kind: nothing is opened for writing, nothing is changed, and nobody is signalled. It writes to
    /// its output and to the pipe between its own processes.
    @Test static func anAuditChangesNothing() throws {
        try skippingWhatCannotBeHad {
            let stage = try Stage(["orphan", "--pages", "2"], poolPages: 48, steps: 2)
            let held = try [["memfd"], ["sealed"], ["sysv"], ["iouring"], ["inflight"], ["vmsplice"]].map { kind in
                let holder = try Holder(kind + ["--pages", "2"])
                try holder.step()
                return holder
            }
            let mapping = try [["private"], ["fork"], ["zombie"]].map { try Holder($0 + ["--pages", "2"]) }
            let other = try Holder(["ipcns", "--pages", "2"])
            let names = Calls.opening + Calls.changing + Calls.writing + Calls.signalling
            let traced = try SystemCalls(names, of: product("hugeaudit"), ["audit", "--format", "json"])
            #expect(traced.outcome.status == 1)
            let report = try ReportDocument(traced.outcome.output)
            #expect(Set(report.holders.map(\.kind)).isSuperset(of: ["file", "memfd", "sharedMemory", "ioUring"]))
            #expect(report.pool(twoMiB.bytes)?.unexplained == 0)
            let calls = Dictionary(grouping: traced.calls, by: \.name)
            for name in Calls.changing + Calls.signalling {
                #expect(calls[name] == nil, "\(calls[name]?.first?.text ?? "")")
            }
            let forWriting = traced.calls.filter { call in
                Calls.opening.contains(call.name)
                    && ["O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_APPEND"].contains { call.text.contains($0) }
            }
            #expect(forWriting.isEmpty, "\(forWriting.map(\.text))")
            let writes = Calls.writing.flatMap { calls[$0] ?? [] }.map(\.text)
            #expect(!writes.isEmpty)
            let strangers = writes.filter { !$0.contains(/^write\((1|[0-9]+<pipe:)/) }
            #expect(strangers.isEmpty, "\(strangers.map { $0.prefix(200) })")
            for holder in held + mapping + [other] { #expect(kill(holder.pids[0].rawValue, 0) == 0) }
            #expect(stage.pid.rawValue > 0)
        }
    }
}
