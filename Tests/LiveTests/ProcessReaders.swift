import CStates
import Glibc
import Observations
import PageModel
import SystemPackage
import TestSupport
import Testing

@testable import KernelFiles

/// The readers that look into processes, where they need pages to look at.
extension Live {
    private static let root = KernelRoot.live

    /// The one mapping of a holder on any of `devices`, with its pages of its own and whether it reserves none.
    private static func mapping(
        of holder: Holder, on devices: [DeviceNumber]
    ) throws -> (mapping: Mapping, own: UInt64, isNoReserve: Bool) {
        let pid = "\(try #require(holder.pids.first))"
        var mappings: [Mapping] = []
        try root.mappings(of: pid, on: MappedDevices(devices)) { mappings.append($0) }
        try #require(mappings.count == 1)
        let start = mappings[0].addresses.lowerBound
        #expect(holder.ready["address"] == "0x\(String(start, radix: 16))")
        let pagemap = try root.pagemap(of: pid)
        return (
            mappings[0], try pagemap.ownPages(in: mappings[0].addresses, of: twoMiB, base: .fourKiB),
            try root.noReserveMappings(of: pid, among: [start]) == [start]
        )
    }

    @Test(arguments: [(5, 0), (5, 3), (5, 5)]) static func ownPagesOfPrivateMapping(pages: UInt64, touched: UInt64)
        throws
    {
        try skippingWhatCannotBeHad {
            let pool = try HugePool(twoMiB, pages: 8)
            let holder = try Holder(["private", "--pages", "\(pages)", "--touch", "\(touched)"])
            let devices = internalHugetlbDevices(sizes: [twoMiB])
            let (mapping, own, isNoReserve) = try mapping(of: holder, on: Array(devices.keys))
            #expect(mapping.addresses.count == Int(pages * twoMiB.bytes) && !mapping.isShared)
            #expect(own == touched && !isNoReserve)
            #expect(pool.count("resv_hugepages") == pages - touched)
        }
    }

    /// Four pages of a file are read through a private mapping, and two of these then written.
    @Test static func ownPagesBesideThoseOfFile() throws {
        try skippingWhatCannotBeHad {
            let pool = try HugePool(twoMiB, pages: 16)
            let mount = try HugetlbMount(twoMiB)
            let holder = try Holder(["cow", "--pages", "6", "--touch", "4", "--path", mount.folder + "/data"])
            defer { holder.stop() }  // before its mount goes
            let folder = try FileDescriptor.open(FilePath(mount.folder), .readOnly)
            defer { try? folder.close() }
            let file = try FileStatus(of: "data", in: folder)
            let (mapping, own, isNoReserve) = try mapping(of: holder, on: [file.device])
            #expect(mapping.inode == file.inode && mapping.deviceNumber == file.device && !mapping.isShared)
            #expect(own == 2 && !isNoReserve)
            #expect(file.allocated == (16 - pool.count("free_hugepages") - own) * twoMiB.bytes)
        }
    }

    /// Attached or not, its `rss` is told aright whatever this kernel prints.
    @Test static func pagesOfSegmentByRss() throws {
        try skippingWhatCannotBeHad {
            let pool = try HugePool(twoMiB, pages: 8)
            let holder = try Holder(["sysv", "--pages", "5", "--touch", "3"])
            let release = KernelRelease(parsing: root.host(zones: nil).release)
            for isAttached in [true, false] {
                var segments: [SharedMemorySegment] = []
                try root.sharedMemorySegments { segments.append($0) }
                let segment = try #require(segments.first { "\($0.id)" == holder.ready["shmid"] })
                #expect(segment.hugePages(of: twoMiB, base: .fourKiB, release: release) == 3)
                #expect(segment.length == 5 * twoMiB.bytes && segment.attached == (isAttached ? 1 : 0))
                #expect([segment.creator] == holder.pids)
                if isAttached { try holder.step() }
            }
            #expect(pool.count("free_hugepages") == 5)
        }
    }

    /// What a ring keeps after munmap: the list of buffers stays, and so do the pages.
    @Test static func ringKeepsUnmappedPages() throws {
        try skippingWhatCannotBeHad {
            let pool = try HugePool(twoMiB, pages: 4)
            let before = try longTermPins(in: root.vmstat())
            let hugetlb: Int32 = 0x40000 | 21 << 26  // MAP_HUGETLB of 2 MiB
            let length = Int(2 * twoMiB.bytes)
            let flags = MAP_PRIVATE | MAP_ANONYMOUS | hugetlb
            let address = try #require(mmap(nil, length, PROT_READ | PROT_WRITE, flags, -1, 0))
            try #require(address != MAP_FAILED)
            memset(address, 1, length)
            let start = UInt64(UInt(bitPattern: address))
            let ring = states_io_uring(address, length / 2, 2)
            munmap(address, length)
            guard ring >= 0 else { throw Holder.Unavailable(description: "io_uring: \(Errno(rawValue: errno))") }
            #expect(pool.count("free_hugepages") == 2)
            let info = try root.descriptorInfo(of: ring, of: "self")
            #expect(info.buffers == [start..<start + twoMiB.bytes, start + twoMiB.bytes..<start + 2 * twoMiB.bytes])
            #expect(info.areBuffersComplete)
            if let before { #expect(try longTermPins(in: root.vmstat()) ?? 0 > before) }
            close(ring)
            // The pages come back a moment after the ring has gone.
            for _ in 0..<200 where pool.count("free_hugepages") < 4 { usleep(10_000) }
            #expect(pool.count("free_hugepages") == 4)
        }
    }
}
