import Foundation
import Glibc
public import SystemPackage

/// A folder with a hugetlbfs on its subfolder `huge`, and everything that is mounted in it; all gone with this object.
/// Files on it need no page of the pool until they are written.
public final class HostileMount {
    public let folder: FilePath
    public var huge: FilePath { folder.appending("huge") }

    /// - Parameter options: as for mount(8).
    public init(_ name: String = "", options: String = "pagesize=2M") throws {
        folder = FilePath(temporaryPath("hostile") + name)
        try make(folder)
        try make(huge)
        try mount("hugetlbfs", huge, options: options)
    }

    deinit {
        unmountAll()
        _ = try? run("/bin/rm", ["-rf", "--one-file-system", folder.string])
    }

    private var mounted: [FilePath] = []

    public func make(_ path: FilePath) throws { try check(path.withPlatformString { mkdir($0, 0o755) }) }

    public func link(_ path: FilePath, to target: FilePath) throws {
        try check(target.withPlatformString { target in path.withPlatformString { symlink(target, $0) } })
    }

    /// A FIFO, a socket or a device.
    public func node(_ path: FilePath, _ kind: UInt32, major: UInt = 0, minor: UInt = 0) throws {
        try check(path.withPlatformString { mknod($0, kind | 0o666, major << 8 | minor) })
    }

    public func file(_ path: FilePath, length: Int64 = 2 << 20) throws {
        let options: FileDescriptor.OpenOptions = [.create, .exclusiveCreate]
        let file = try FileDescriptor.open(path, .writeOnly, options: options, permissions: .ownerReadWrite)
        defer { try? file.close() }
        if length > 0 { try file.resize(to: length) }
    }

    public func mount(_ type: String, _ path: FilePath, options: String = "") throws {
        try check(path.withPlatformString { Glibc.mount("none", $0, type, 0, options) })
        mounted.append(path)
    }

    public func bind(_ source: FilePath, on path: FilePath) throws {
        let flags = UInt(MS_BIND)
        try check(
            source.withPlatformString { source in path.withPlatformString { Glibc.mount(source, $0, nil, flags, nil) } }
        )
        mounted.append(path)
    }

    /// Takes away what was mounted last.
    public func unmount() throws {
        let path = mounted.removeLast()
        try check(path.withPlatformString { umount2($0, 0) })
    }

    /// Takes away everything, though others may have it still.
    public func unmountAll() {
        // The last first, as one may lie in another.
        for path in mounted.reversed() { _ = path.withPlatformString { umount2($0, Int32(MNT_DETACH)) } }
        mounted = []
    }

    private func check(_ result: Int32) throws { if result != 0 { throw Errno(rawValue: errno) } }
}

/// A process in a mount namespace of its own, which has all mounts that there are now, until `end` or the end of this object.
public final class Namespaced {
    private let process = Process()
    public var pid: Int32 { process.processIdentifier }

    /// - Parameter commands: of a shell, run there first.
    public init(_ commands: String = "true") throws {
        process.executableURL = URL(fileURLWithPath: "/usr/bin/unshare")
        process.arguments = ["-m", "/bin/sh", "-c", "mount --make-rprivate / && \(commands) && exec sleep 600"]
        try process.run()
        // It is ready when it has become `sleep`.
        while try content("/proc/\(pid)/comm") != "sleep" { usleep(1000) }
    }

    public func end() {
        kill(pid, SIGKILL)
        process.waitUntilExit()
    }

    deinit { if process.isRunning { end() } }
}
