internal import CKernel
import Observations
import PageModel
import SystemPackage

/// The device on which memfds, System V segments and anonymous shared memory of each page size lie, mounted nowhere:
/// learned from an empty memfd, which takes no page and reserves none. Of the live machine, whatever root is read. A
/// size that the kernel refuses is missing. Source: memfd_create(2), kernel `fs/hugetlbfs/inode.c`.
func internalHugetlbDevices(sizes: [PageSize]) -> [DeviceNumber: PageSize] {
    var devices: [DeviceNumber: PageSize] = [:]
    for size in sizes {
        let number = cdescriptors_hugetlb_memfd(UInt32(size.bytes.trailingZeroBitCount))
        guard number >= 0 else { continue }
        let memfd = FileDescriptor(rawValue: number)
        defer { try? memfd.close() }
        if let status = try? FileStatus(in: memfd) { devices[status.device] = size }
    }
    return devices
}
