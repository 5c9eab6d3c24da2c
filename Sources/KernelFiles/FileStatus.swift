internal import CKernel
import Glibc
import Observations
import PageModel
import SystemPackage

/// What statx(2) says of a file. No server and no FUSE daemon is asked: they might not answer.
struct FileStatus: Hashable, Sendable {
    let device: DeviceNumber
    let inode: UInt64
    /// `st_size`. Unit: bytes.
    let length: UInt64
    /// `st_blocks`: what it holds. Unit: bytes.
    let allocated: UInt64
    /// Unit: seconds since 1970.
    let modifiedAt: Double
    let links: UInt32
    let owner: UInt32
    /// `st_blksize`: of a hugetlb file its page size. Unit: bytes.
    let blockSize: UInt64
    /// The mount by which it was reached, as in mountinfo; nil where the kernel does not tell, before 5.8.
    let mount: UInt64?
    private let mode: UInt32
    private let special: DeviceNumber

    var isRegular: Bool { mode & UInt32(S_IFMT) == UInt32(S_IFREG) }
    var isFolder: Bool { mode & UInt32(S_IFMT) == UInt32(S_IFDIR) }
    var isSocket: Bool { mode & UInt32(S_IFMT) == UInt32(S_IFSOCK) }
    /// `st_rdev` of a character device; nil of anything else.
    var characterDevice: DeviceNumber? { mode & UInt32(S_IFMT) == UInt32(S_IFCHR) ? special : nil }
    /// `st_rdev` of a block device; nil of anything else.
    var blockDevice: DeviceNumber? { mode & UInt32(S_IFMT) == UInt32(S_IFBLK) ? special : nil }

    /// Of `name` in `folder`; of `folder` itself, which may be an O_PATH descriptor, where `name` is empty.
    /// - Parameter followsLinks: as for a magic link of `/proc/PID/fd`, which leads to the open file itself.
    init(of name: String = "", in folder: FileDescriptor, followsLinks: Bool = false) throws(Errno) {
        try self.init(of: Array(name.utf8CString), in: folder, followsLinks: followsLinks)
    }

    /// - Parameter name: any bytes, ended by 0.
    init(of name: UnsafePointer<CChar>, in folder: FileDescriptor, followsLinks: Bool = false) throws(Errno) {
        var status = cfiles_status()
        guard cfiles_status(folder.rawValue, name, followsLinks ? 1 : 0, &status) == 0 else { throw Errno.last }
        device = DeviceNumber(major: status.device_major, minor: status.device_minor)
        special = DeviceNumber(major: status.special_major, minor: status.special_minor)
        (inode, length, allocated) = (status.inode, status.length, status.blocks &* 512)
        (modifiedAt, links, owner) = (Double(status.modified), status.links, status.owner)
        (blockSize, mode) = (UInt64(status.block_size), status.mode)
        mount = status.mount == 0 ? nil : status.mount
    }
}

extension FileDescriptor {
    /// The page size where this file, which may be an O_PATH descriptor, lies on hugetlbfs; nil where it does not.
    func hugetlbfsPageSize() throws(Errno) -> PageSize? {
        var bytes: UInt64 = 0
        switch cfiles_is_hugetlbfs(rawValue, &bytes) {
        case 1: return PageSize(bytes: bytes)
        case 0: return nil
        default: throw Errno.last
        }
    }
}
