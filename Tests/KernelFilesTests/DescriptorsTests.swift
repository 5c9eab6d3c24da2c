import CStates
import Glibc
import KernelFiles
import Observations
import PageModel
import SystemPackage
import Testing

@testable import KernelFiles

private let own = "\(getpid())"

/// Descriptors of this process, as one pass over them shows them.
private func descriptors() throws -> [Int32: FileStatus] {
    var found: [Int32: FileStatus] = [:]
    try KernelRoot.live.forEachDescriptor(of: own) { found[$0] = $1 }
    return found
}

/// A hugetlb memfd that holds nothing; a page size that the kernel has.
private func hugetlbMemfd(_ name: String, pages: Int64 = 1) throws -> (FileDescriptor, PageSize) {
    let size = try #require(try KernelRoot.live.hugepageSizes().first)
    let number = states_hugetlb_memfd(
        name, UInt32(size.bytes.trailingZeroBitCount), off_t(pages * Int64(size.bytes)))
    return (FileDescriptor(rawValue: try #require(number >= 0 ? number : nil)), size)
}

@Test func hugetlbMemfdIsFoundAmongDescriptors() throws {
    let (memfd, size) = try hugetlbMemfd("found", pages: 3)
    defer { try? memfd.close() }
    let status = try #require(try descriptors()[memfd.rawValue])
    #expect(internalHugetlbDevices(sizes: [size]) == [status.device: size])
    #expect((status.blockSize, status.length, status.allocated) == (size.bytes, 3 * size.bytes, 0))
    #expect(status.isRegular && status.links == 0)
    let link = try KernelRoot.live.link(ofDescriptor: memfd.rawValue, of: own)
    #expect(link == ForeignText("/memfd:found (deleted)"))
    let path = try KernelRoot.live.openPath(toDescriptor: memfd.rawValue, of: own)
    defer { try? path.close() }
    #expect(try path.hugetlbfsPageSize() == size)
    #expect(try FileStatus(in: path) == status)
}

/// Of many tables, looked at by several threads, each answer stands where its question stood.
@Test(arguments: [false, true]) func tablesAreToldInTheirOrder(wantsSuspects: Bool) throws {
    let (memfd, size) = try hugetlbMemfd("chosen")
    defer { try? memfd.close() }
    let ends = try FileDescriptor.pipe()
    defer { for end in [ends.readEnd, ends.writeEnd] { try? end.close() } }
    let scan = DescriptorScan(
        root: .live, sizes: internalHugetlbDevices(sizes: [size]), others: [], blockSizes: [size.bytes],
        wantsSuspects: wantsSuspects)
    let nobody = "2147483647"
    let choices = scan.choices(in: (0..<100).map { $0 < 30 ? nobody : own })
    #expect(choices.count == 100)
    for (index, choice) in choices.enumerated() {
        let isOwn = index >= 30
        #expect(choice.files.contains { $0.number == memfd.rawValue } == isOwn)
        #expect(choice.suspects.contains(ends.readEnd.rawValue) == (isOwn && wantsSuspects))
        #expect((choice.looked > 0) == isOwn)
        #expect(!choice.isRefused)
    }
}

@Test func everyInternalDeviceHasOneSize() throws {
    let sizes = try KernelRoot.live.hugepageSizes()
    let devices = internalHugetlbDevices(sizes: sizes)
    #expect(Set(devices.values) == Set(sizes))
    #expect(devices.count == sizes.count)
    let none = PageSize(bytes: 1 << 40)!  // no kernel has it
    #expect(internalHugetlbDevices(sizes: [none]).isEmpty)
}

@Test func mappingLeadsToItsFileWithoutDescriptor() throws {
    let (memfd, size) = try hugetlbMemfd("mapped")
    let noReserve: Int32 = 0x4000  // MAP_NORESERVE: nothing is taken from the pool
    let address = mmap(nil, Int(size.bytes), PROT_READ, MAP_SHARED | noReserve, memfd.rawValue, 0)
    try memfd.close()
    try #require(address != MAP_FAILED)
    defer { munmap(address, Int(size.bytes)) }
    let start = UInt64(UInt(bitPattern: address))
    let path: FileDescriptor
    do { path = try KernelRoot.live.openPath(toMapping: start..<start + size.bytes, of: own) } catch {
        try #require(geteuid() != 0, "\(error)")  // only root may look there
        return
    }
    defer { try? path.close() }
    #expect(try path.hugetlbfsPageSize() == size)
    var found: [Mapping] = []
    let devices = MappedDevices(internalHugetlbDevices(sizes: [size]).keys)
    try KernelRoot.live.mappings(of: own, on: devices) { found.append($0) }
    let mapping = try #require(found.first { $0.addresses.lowerBound == start })
    #expect(mapping.name == ForeignText("/memfd:mapped (deleted)"))
    #expect(mapping.isShared)
    #expect(try mapping.inode == FileStatus(in: path).inode)
    #expect(try mapping.deviceNumber == FileStatus(in: path).device)
}

@Test func kindsOfDescriptors() throws {
    var ends: [Int32] = [0, 0]
    try #require(pipe(&ends) == 0 && ends[0] != ends[1])
    defer { for end in ends { close(end) } }
    var sockets: [Int32] = [0, 0]
    try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &sockets) == 0)
    defer { for socket in sockets { close(socket) } }
    let folder = try FileDescriptor.open("/proc", .readOnly)
    defer { try? folder.close() }
    let found = try descriptors()
    #expect((ends + sockets).allSatisfy { found[$0]?.isRegular == false && found[$0]?.isFolder == false })
    #expect(found[folder.rawValue]?.isFolder == true)
    let pipeLink = try KernelRoot.live.link(ofDescriptor: ends[0], of: own)
    let socketLink = try KernelRoot.live.link(ofDescriptor: sockets[0], of: own)
    #expect(SuspectKind(link: pipeLink) == .pipe && SuspectKind(link: socketLink) == .socket)
    #expect(try KernelRoot.live.link(ofDescriptor: folder.rawValue, of: own) == ForeignText("/proc"))
}

/// Whoever opened a FIFO for reading would wait for a writer.
@Test func nothingIsOpened() throws {
    let tree = try ScratchTree(folders: ["f"])
    let fifo = tree.root.path("f/fifo")
    try #require(fifo.withPlatformString { mkfifo($0, 0o600) } == 0)
    let reader = try FileDescriptor.open(fifo, .readOnly, options: .nonBlocking)
    defer { try? reader.close() }
    let path = try KernelRoot.live.openPath(toDescriptor: reader.rawValue, of: own)
    defer { try? path.close() }
    #expect(try FileStatus(in: path).inode == FileStatus(in: reader).inode)
    #expect(throws: Errno.badFileDescriptor) { _ = try path.writeAll([0]) }
}

@Test func namesThatAreNoNumbersAreLeftOut() throws {
    let names = ["0", "12", "2147483647", "2147483648", "-1", "x", "7x", "٣"]
    let tree = try ScratchTree(Dictionary(uniqueKeysWithValues: names.map { ("proc/7/fd/\($0)", [UInt8(0)]) }))
    var found: Set<Int32> = []
    try tree.root.forEachDescriptor(of: "7") { number, _ in found.insert(number) }
    #expect(found == [0, 12, .max])
}

@Test func descriptorThatLeadsNowhereIsLeftOut() throws {
    let tree = try ScratchTree(["proc/7/fd/1": []])
    try #require(symlink("/nowhere/at/all", tree.root.path("proc/7/fd/2").string) == 0)
    var found: [Int32] = []
    try tree.root.forEachDescriptor(of: "7") { number, _ in found.append(number) }
    #expect(found == [1])
}

@Test func processThatIsNotThere() {
    let missing = "4194305"  // above PID_MAX_LIMIT
    let root = KernelRoot.live
    let errors = [
        fileError { () throws(KernelFileError) in try root.forEachDescriptor(of: missing) { _, _ in } },
        fileError { () throws(KernelFileError) in try root.link(ofDescriptor: 1, of: missing) },
        fileError { () throws(KernelFileError) in try root.openPath(toDescriptor: 1, of: missing) },
        fileError { () throws(KernelFileError) in try root.openPath(toMapping: 4096..<8192, of: missing) },
        fileError { () throws(KernelFileError) in try root.threadsWithOwnDescriptors(of: PID(4_194_305)) },
        fileError { () throws(KernelFileError) in try root.descriptorInfo(of: 1, of: missing) },
    ]
    for error in errors { #expect(error?.advice == "The process has ended; audit again") }
}

@Test func errorOfTheBodyEndsIt() throws {
    var calls = 0
    let thrown = KernelFileError("try", "/x", Errno.ioError)
    let error = fileError { () throws(KernelFileError) in
        try KernelRoot.live.forEachDescriptor(of: own) { _, _ throws(KernelFileError) in
            calls += 1
            throw thrown
        }
    }
    #expect(error == thrown && calls == 1)
}

/// A thread that shares the table of descriptors, and two that have their own: in one test, as they are seen by each
/// other.
@Test func threadsWithOwnDescriptors() throws {
    let (memfd, _) = try hugetlbMemfd("hidden")
    let ids = try (0..<3).map { number in
        let id = states_begin_thread(UInt32(number), number == 0 ? -1 : memfd.rawValue)
        return PID(try #require(id > 0 ? id : nil))
    }
    try memfd.close()
    defer { for number in UInt32(0)..<3 { states_end_thread(number) } }
    let root = KernelRoot.live
    let leader = PID(getpid())
    let (threads, isComplete) = try root.threadsWithOwnDescriptors(of: leader)
    // A thread of another test that is about to end may be among them.
    #expect(Set(threads).isSuperset(of: ids.dropFirst()) && !threads.contains(ids[0]))
    #expect(isComplete)
    let (first, isAll) = try root.threadsWithOwnDescriptors(of: leader, most: 1)
    #expect(first.count == 1 && !isAll)
    for thread in ids.dropFirst() {
        var links: [ForeignText] = []
        let folder = "\(leader)/task/\(thread)"
        try root.forEachDescriptor(of: folder) { number, _ throws(KernelFileError) in
            links.append(try root.link(ofDescriptor: number, of: folder))
        }
        #expect(links == [ForeignText("/memfd:hidden (deleted)")])
    }
}
