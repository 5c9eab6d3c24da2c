import Glibc
import KernelFiles
import Observations
import PageModel
import SystemPackage
import TestSupport

@testable import KernelFiles

/// A folder with a hugetlbfs on its subfolder `huge`, and everything that is mounted in it; all gone with this object.
/// Files on it need no page of the pool until they are written.
final class HostileMount {
    let folder: FilePath
    var huge: FilePath { folder.appending("huge") }

    /// - Parameter options: as for mount(8).
    init(_ name: String = "", options: String = "pagesize=2M") throws {
        folder = FilePath(temporaryPath("hostile") + name)
        try make(folder)
        try make(huge)
        try mount("hugetlbfs", huge, options: options)
    }

    deinit {
        // The last first, as one may lie in another.
        for mounted in mounted.reversed() { _ = mounted.withPlatformString { umount2($0, Int32(MNT_DETACH)) } }
        _ = try? run("/bin/rm", ["-rf", "--one-file-system", folder.string])
    }

    private var mounted: [FilePath] = []

    func make(_ path: FilePath) throws { try check(path.withPlatformString { mkdir($0, 0o755) }) }

    func link(_ path: FilePath, to target: FilePath) throws {
        try check(target.withPlatformString { target in path.withPlatformString { symlink(target, $0) } })
    }

    /// A FIFO, a socket or a device.
    func node(_ path: FilePath, _ kind: mode_t, major: UInt = 0, minor: UInt = 0) throws {
        try check(path.withPlatformString { mknod($0, kind | 0o666, major << 8 | minor) })
    }

    func file(_ path: FilePath, length: Int64 = 2 << 20) throws {
        let options: FileDescriptor.OpenOptions = [.create, .exclusiveCreate]
        let file = try FileDescriptor.open(path, .writeOnly, options: options, permissions: .ownerReadWrite)
        defer { try? file.close() }
        if length > 0 { try file.resize(to: length) }
    }

    func mount(_ type: String, _ path: FilePath, options: String = "") throws {
        try check(path.withPlatformString { Glibc.mount("none", $0, type, 0, options) })
        mounted.append(path)
    }

    func bind(_ source: FilePath, on path: FilePath) throws {
        let flags = UInt(MS_BIND)
        try check(
            source.withPlatformString { source in path.withPlatformString { Glibc.mount(source, $0, nil, flags, nil) } }
        )
        mounted.append(path)
    }

    /// Takes away what was mounted last.
    func unmount() throws {
        let path = mounted.removeLast()
        try check(path.withPlatformString { umount2($0, 0) })
    }

    private func check(_ result: Int32) throws { if result != 0 { throw Errno(rawValue: errno) } }

    /// The hugetlbfs at `path` as mountinfo has it, seen by `process`.
    func place(_ path: FilePath? = nil, process: String = "self") throws -> HugetlbfsPlace {
        let wanted = ForeignText(path ?? huge)
        var found: MountInfo?
        try KernelRoot.live.mounts(of: process, ofType: "hugetlbfs") { mount in
            if mount.mountPoint == wanted { found = mount }
        }
        guard let found else { throw Errno.noSuchFileOrDirectory }
        return HugetlbfsPlace(process: process, mount: found)
    }
}

/// Who opens or reads files in between, whoever it is: inotify(7). A descriptor of O_PATH opens nothing.
final class OpenWatch {
    private let descriptor: FileDescriptor
    private var names: [Int32: String] = [:]

    init(_ paths: [FilePath]) throws {
        let file = inotify_init1(Int32(O_NONBLOCK | O_CLOEXEC))
        guard file >= 0 else { throw Errno(rawValue: errno) }
        descriptor = FileDescriptor(rawValue: file)
        for path in paths {
            let watch = path.withPlatformString { inotify_add_watch(file, $0, UInt32(IN_OPEN | IN_ACCESS)) }
            guard watch >= 0 else { throw Errno(rawValue: errno) }
            names[watch] = path.string
        }
    }

    deinit { try? descriptor.close() }

    /// The paths that were opened or read since this was last asked.
    func opened() throws -> Set<String> {
        var found: Set<String> = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count: Int
            do { count = try buffer.withUnsafeMutableBytes { try descriptor.read(into: $0) } } catch {
                if error as? Errno == .resourceTemporarilyUnavailable { return found }
                throw error
            }
            var index = 0
            while index < count {
                let (watch, length) = buffer.withUnsafeBytes { bytes in
                    (
                        bytes.loadUnaligned(fromByteOffset: index, as: Int32.self),
                        bytes.loadUnaligned(fromByteOffset: index + 12, as: UInt32.self)
                    )
                }
                found.insert(names[watch] ?? "?")
                index += 16 + Int(length)
            }
        }
    }
}
