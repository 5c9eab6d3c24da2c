import Glibc
import Observations
import PageModel
import SystemPackage

/// Looks for what keeps hugetlb pages that nobody maps, and for who has reserved some: one search over the machine.
///
/// A file is met on a mount, behind descriptors, behind mappings or in the table of segments, and known again by its
/// identity. When all have been met, those of which some pages may be in no page table are looked into.
struct HolderSearcher: ~Copyable {
    let machine: HugetlbMachine
    /// Whether it matters who has reserved pages.
    let isAboutReservations: Bool
    let owners: [MemoryOwner]
    var found: HolderSearch
    var unread: [Unread] = []
    var sightings: [HugetlbFile.Identity: Sighting] = [:]
    /// Devices that are hugetlbfs, and some that are not.
    var sizes: [DeviceNumber: PageSize]
    var others: Set<DeviceNumber> = []
    /// The audit's IPC namespace, as its inode number.
    let ownIPC: UInt64?
    var suspects = SuspectList()
    /// Those of the process that is looked at.
    var rings: ProcessRings?
    var ringsLeftOut: UInt64 = 0
    /// Those that never listed their buffers.
    var busyRings: UInt64 = 0
    /// Files without a page that were met, and those that there was no room for.
    private var (empty, emptyLeftOut): (UInt64, UInt64) = (0, 0)
    /// Filesystems that did not say in time what they are.
    private var silent = 0
    private let mapped: [HugetlbFile.Identity: UInt64]

    /// A file that was met, and the ways by which it can be reached again.
    struct Sighting {
        var file: HugetlbFile
        var ways: [Way] = []
        /// What live MAP_SHARED mappings cover. Unit: bytes of the file.
        var covered = RangeUnion()

        static let mostWays = 4
    }

    enum Way {
        case descriptor(Int32, of: String)
        case mapping(Range<UInt64>, of: String)
        case name([UInt8], HugetlbfsPlace)
        /// Of the audit's own namespace where there is none.
        case segment(Int32, Namespace?)
    }

    /// - Parameter walker: what it saw of processes and files in this pass.
    init(
        _ machine: HugetlbMachine, after walker: borrowing HugetlbWalker, depth: HolderSearch.Depth, isPassive: Bool,
        isAboutReservations: Bool
    ) {
        (self.machine, found) = (machine, HolderSearch(depth: depth))
        found.isPassive = isPassive
        self.isAboutReservations = isAboutReservations
        let this = PID(getpid())
        owners = walker.owners.filter { $0.pid != this }
        sizes = machine.internalDevices
        ownIPC = machine.root.namespace(.ipc, of: "self")
        mapped = walker.files.mapValues(\.pages)
    }

    mutating func search() {
        searchMounts()
        searchDescriptors()
        searchMappings()
        searchSegments()
        if found.depth == .suspects { searchSuspects() }
        if emptyLeftOut > 0 {
            leaveOut("\(emptyLeftOut) files without a page", path: ForeignText("/proc"), "they are too many")
        }
        for (identity, pages) in mapped { sightings[identity]?.file.seenMapped = pages }
        for (identity, sighting) in sightings where !sighting.covered.isEmpty {
            sightings[identity]?.file.covered = sighting.covered.count / sighting.file.size.bytes
        }
        place()
        found.files = sightings.values.map(\.file)
            .filter { $0.pages > 0 || isAboutReservations && $0.length > 0 }.sorted { $0.identity < $1.identity }
        found.longTermPins = (try? machine.root.vmstat()).flatMap(longTermPins)
        identify()
    }

    /// The page size of a file on hugetlbfs; nil for any other.
    /// - Parameter open: an O_PATH descriptor of it, asked for only where its device is met first.
    mutating func hugetlbSize(
        of status: FileStatus, open: () throws(KernelFileError) -> FileDescriptor
    ) -> PageSize? {
        if let size = sizes[status.device] { return size }
        // Anonymous devices only; most have another block size.
        guard status.isRegular, status.device.major == 0, !others.contains(status.device),
            machine.sizes.contains(where: { $0.bytes == status.blockSize })
        else { return nil }
        guard let descriptor = try? open() else { return nil }
        defer { try? descriptor.close() }
        // By now the number can lead to another file.
        guard let opened = try? FileStatus(in: descriptor), opened.isRegular,
            (opened.device, opened.inode) == (status.device, status.inode)
        else { return nil }
        if let size = askForSize(of: descriptor, on: status.device) {
            sizes[status.device] = size
            return size
        }
        others.insert(status.device)
        return nil
    }

    private static let mostSilent = 4

    /// A filesystem that is mounted nowhere any more may be one whose server never answers: a child asks, for a while.
    private mutating func askForSize(of descriptor: FileDescriptor, on device: DeviceNumber) -> PageSize? {
        let what = "files of a filesystem that is mounted nowhere"
        let path = ForeignText("device \(device.major):\(device.minor)")
        guard silent < Self.mostSilent else {
            leaveOut(what, path: ForeignText("/proc"), "others like it did not answer")
            return nil
        }
        let placer = FramePlacer(child: PlacingChild(limit: .seconds(2)))
        let outcome = placer.place([.filesystem(descriptor)]) { _, _ in }[0]
        if let refusal = outcome.refusal, refusal.errno == nil {
            silent += 1
            leaveOut(what, path: path, refusal.description)
        }
        return outcome.file.flatMap { PageSize(bytes: $0.pageSize) }
    }

    /// Notes a file that was met.
    /// - Parameters:
    ///   - link: what leads to it says; asked for only at the first meeting.
    ///   - path: by which it can be removed.
    mutating func meet(
        _ status: FileStatus, _ size: PageSize, _ identity: HugetlbFile.Identity, by way: Way,
        use: HugetlbFile.Use? = nil, path: ForeignText? = nil, link: () -> ForeignText
    ) {
        if sightings[identity] == nil {
            let pages = status.allocated / size.bytes
            guard pages > 0 || isAboutReservations, hasRoom(forPages: pages) else { return }
            let (kind, name) = named(link(), status)
            let owner = machine.users[status.owner] ?? ForeignText("\(status.owner)")
            var file = HugetlbFile(
                identity: identity, kind: kind, name: name, path: path, size: size, length: status.length,
                pages: pages, owner: owner, modifiedAt: status.modifiedAt)
            file.links = UInt64(status.links)
            sightings[identity] = Sighting(file: file)
        } else if let path, sightings[identity]?.file.otherPaths.count ?? .max < HugetlbFile.mostPaths {
            sightings[identity]?.file.otherPaths.append(path)
        }
        sightings[identity]?.add(way, use)
    }

    private static let mostEmpty: UInt64 = 4096

    /// Whether another file with so many pages can be kept in mind: of those without any, anybody can make millions.
    mutating func hasRoom(forPages pages: UInt64) -> Bool {
        if pages > 0 { return true }
        empty += 1
        if empty > Self.mostEmpty { emptyLeftOut += 1 }
        return empty <= Self.mostEmpty
    }

    /// What a file is and is called. Only the device tells names of the kernel from those that somebody gave a file.
    private func named(_ link: ForeignText, _ status: FileStatus) -> (HugetlbFile.Kind, ForeignText) {
        let deleted = Array(" (deleted)".utf8)
        let isMarked = link.bytes.suffix(deleted.count).elementsEqual(deleted)
        let name = ForeignText(isMarked && status.links == 0 ? link.bytes.dropLast(deleted.count) : link.bytes[...])
        guard machine.internalDevices[status.device] != nil else {
            return (status.links > 0 ? .linked : .deleted, name)
        }
        return (name.bytes.starts(with: "/memfd:".utf8) ? .memfd : .anonymous, name)
    }

    /// Reads who the processes are that were named.
    private mutating func identify() {
        var named = Set(found.suspects.map(\.process)).union(found.privateMappings.map(\.process))
        for file in found.files { named.formUnion(file.uses.map(\.process)) }
        let users = Dictionary(owners.map { ($0.pid, $0.status.user) }) { first, _ in first }
        for pid in named {
            let user = users[pid].map { machine.users[$0] ?? ForeignText("\($0)") }
            found.identities[pid] = machine.root.identity(of: pid, user: user ?? ForeignText(""))
        }
    }

    mutating func note(_ what: String, _ error: KernelFileError) { unread.note(.holders, what, error) }
}

extension HolderSearcher.Sighting {
    mutating func add(_ way: HolderSearcher.Way, _ use: HugetlbFile.Use?) {
        if ways.count < Self.mostWays { ways.append(way) }
        guard let use else { return }
        switch use.way {
        case .descriptor: file.descriptors += 1
        case .mapping: file.mappings += 1
        }
        let isNew = !file.uses.contains { $0.process == use.process }
        if file.uses.count < HugetlbFile.mostUses, isNew || file.uses.count < 4 { file.uses.append(use) }
    }
}
