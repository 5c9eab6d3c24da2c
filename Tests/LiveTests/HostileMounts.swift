import Glibc
import KernelFiles
import Observations
import SystemPackage
import TestSupport

@testable import KernelFiles

extension HostileMount {
    /// The hugetlbfs at `path` as mountinfo has it, seen by `process`.
    func place(_ path: FilePath? = nil, process: String = "self") throws -> HugetlbfsPlace {
        let wanted = ForeignText(path ?? huge)
        var found: MountInfo?
        try KernelRoot.live.mounts(of: process, ofTypes: ["hugetlbfs"]) { mount in
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
