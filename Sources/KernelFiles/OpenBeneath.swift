internal import CKernel
import Glibc
import SystemPackage

/// Opens what lies in folders that somebody else arranges, without being led out of them: always with O_PATH, never
/// through a link. Two ways that behave alike.
enum OpenBeneath: CaseIterable {
    /// openat2(2), where the system has it; else `stepwise`.
    case openat2
    /// One name after the other, as on kernels before 5.6 and where seccomp forbids openat2.
    case stepwise

    enum Reach {
        /// One name in the folder, not on another mount.
        case name
        /// A path below the folder, over mount points, too. Slashes at its start are left out.
        case path
        /// The same, where no filesystem has to be asked for it: EAGAIN otherwise.
        case cachedPath

        fileprivate var flags: Int32 {
            switch self {
            case .name: 0
            case .path: CBENEATH_CROSS_MOUNTS
            case .cachedPath: CBENEATH_CROSS_MOUNTS | CBENEATH_CACHED
            }
        }
    }

    /// An O_PATH descriptor, which the caller closes, of whatever has this name. A link is refused with ELOOP, another mount
    /// with EXDEV, and `.`, `..` and empty names with EINVAL.
    /// - Parameter name: any bytes, ended by 0.
    func open(_ name: [CChar], in folder: FileDescriptor, _ reach: Reach = .name) throws(Errno) -> FileDescriptor {
        let file = cbeneath_open(folder.rawValue, name, reach.flags | (self == .stepwise ? CBENEATH_STEPWISE : 0))
        if file < 0 { throw .last }
        return FileDescriptor(rawValue: file)
    }
}

extension FileDescriptor {
    /// An O_PATH descriptor of what `path` leads to where `root` is `/`: through links, never out of it.
    static func open(_ path: String, inRoot root: FilePath) throws(Errno) -> FileDescriptor {
        let file = root.withPlatformString { cbeneath_open_in_root($0, path) }
        if file < 0 { throw .last }
        return FileDescriptor(rawValue: file)
    }

    /// An O_PATH descriptor of a folder, through links: for `/proc/PID/root`, which is one.
    static func openRoot(_ path: FilePath) throws(Errno) -> FileDescriptor {
        let file = path.withPlatformString { cbeneath_open_root($0) }
        if file < 0 { throw .last }
        return FileDescriptor(rawValue: file)
    }
}
