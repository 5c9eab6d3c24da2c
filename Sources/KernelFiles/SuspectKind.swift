import Observations

/// By what a descriptor that leads to no file may keep pages that no page table leads to, as far as its link tells.
/// What is kept is not told by it, nor whether anything is.
enum SuspectKind: Hashable {
    /// Registered buffers: `fdinfo` lists them.
    case ioUring
    /// Memory pinned for direct access by a device, or lent to one: vfio, RDMA, iommufd, a dma-buf…
    case device
    /// Of any family: `fdinfo` tells of a UNIX socket whether descriptors are under way to it. One of AF_XDP, which
    /// pins memory, too, looks like the others.
    case socket
    /// Pages given by vmsplice(2).
    case pipe

    /// Nil where the link is of nothing that is known to keep pages.
    init?(link: ForeignText) {
        func begins(with prefix: String) -> Bool { link.bytes.starts(with: prefix.utf8) }
        switch true {
        case begins(with: "socket:["): self = .socket
        case begins(with: "pipe:["): self = .pipe
        case begins(with: "anon_inode:[io_uring]"): self = .ioUring
        case Self.devices.contains(where: begins): self = .device
        default: return nil
        }
    }

    /// Those that call pin_user_pages(9) with FOLL_LONGTERM, or memfd_pin_folios(9). Source: kernel `drivers/vfio`,
    /// `drivers/infiniband`, `drivers/iommu/iommufd`, `drivers/vhost/vdpa.c`, `drivers/vdpa/vdpa_user`,
    /// `drivers/accel`, `drivers/dma-buf/udmabuf.c`; the driver of NVIDIA.
    private static let devices = [
        "/dev/vfio/", "anon_inode:[vfio", "/dev/infiniband/", "/dev/hfi1", "/dev/iommu", "anon_inode:[iommufd",
        "/dev/vhost-vdpa-", "/dev/vduse/", "/dev/accel/", "/dmabuf:", "/dev/nvidia",
    ]
}
