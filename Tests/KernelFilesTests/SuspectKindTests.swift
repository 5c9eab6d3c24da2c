import Observations
import Testing

@testable import KernelFiles

private let links: [(String, SuspectKind?)] = [
    ("anon_inode:[io_uring]", .ioUring),
    ("socket:[151634]", .socket),
    ("pipe:[151638]", .pipe),
    ("/dev/vfio/vfio", .device),
    ("/dev/vfio/12", .device),
    ("/dev/vfio/devices/vfio0", .device),
    ("anon_inode:[vfio-device]", .device),
    ("/dev/infiniband/uverbs0", .device),
    ("/dev/iommu", .device),
    ("anon_inode:[iommufd-pgfault]", .device),
    ("/dev/vhost-vdpa-0", .device),
    ("/dmabuf:", .device),
    ("/dmabuf:guest 1", .device),
    ("/dev/vfio/12 (deleted)", .device),
    ("/dev/null", nil),
    ("/dev/kvm", nil),
    ("anon_inode:[eventfd]", nil),
    ("anon_inode:[eventpoll]", nil),
    ("anon_inode:kvm-vm", nil),
    ("/memfd:pipe:[1] (deleted)", nil),
    ("/tmp/dev/vfio/1", nil),
    ("/dev/vfio", nil),
    ("pipe:", nil),
    ("", nil),
]

@Test(arguments: links) func kindOfSuspect(link: String, kind: SuspectKind?) {
    #expect(SuspectKind(link: ForeignText(link)) == kind)
}

@Test func linkNeedNotBeUTF8() {
    #expect(SuspectKind(link: ForeignText([0xff, 0xfe])) == nil)
    #expect(SuspectKind(link: ForeignText(Array("/dmabuf:".utf8) + [0xff])) == .device)
}
