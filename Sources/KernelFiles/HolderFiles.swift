import Observations
import PageModel
import SystemPackage

/// Where hugetlb files are met: on mounts, behind descriptors and mappings, in the tables of segments.
extension HolderSearcher {
    // MARK: - Mounts

    /// Walks every hugetlbfs that is mounted somewhere, once.
    mutating func searchMounts() {
        let root = machine.root
        let mounts = HugetlbfsMounts(of: owners.map(\.folder), in: root)
        (mounted, found.mountNamespaces) = (mounts.all, mounts.namespaces)
        found.refused += mounts.refused
        if mounts.leftOut > 0 {
            leaveOut("\(mounts.leftOut) parts of hugetlbfs mounts", path: "/proc/self/mountinfo", "they are too many")
        }
        for place in mounts.all.compactMap(\.places.first) { sizes[place.mount.device] = place.mount.pageSize }
        found.mounts = mounts.all.map(\.observation)
        for mount in mounts.all { walk(mount) }
    }

    /// Walks by the first place that can be opened and shows all; else by one for each part.
    private mutating func walk(_ mount: MountedHugetlbfs) {
        var walked: Set<ForeignText> = []
        var failures: [KernelFileError] = []
        for place in mount.places where !walked.contains(place.mount.root) && !walked.contains(ForeignText("/")) {
            do {
                try walk(place, mount.size)
                walked.insert(place.mount.root)
            } catch { failures.append(error) }
        }
        if walked.isEmpty, let failure = failures.first { note("the files of a hugetlbfs mount", failure) }
    }

    private mutating func walk(_ place: HugetlbfsPlace, _ size: PageSize) throws(KernelFileError) {
        let tree = try HugetlbfsTree(place, in: machine.root)
        var met: [(path: [UInt8], status: FileStatus)] = []
        let isAboutReservations = isAboutReservations
        let walk = try tree.walk { path, status in
            if status.allocated > 0 || isAboutReservations { met.append((path, status)) }
        }
        for (name, status) in met {
            let slash = [UInt8(ascii: "/")]
            let path = ForeignText(place.path.bytes + (place.path.bytes.last == slash[0] ? [] : slash) + name)
            let identity = HugetlbFile.Identity(device: status.device, inode: status.inode)
            meet(status, size, identity, by: .name(name, place), path: path) { path }
        }
        let shown = place.path.escaped(limit: 80)
        if walk.isCutOff { leaveOut("files below \(shown)", path: shown, "there are more names than are looked at") }
        if walk.tooDeep > 0 { leaveOut("files below \(shown)", path: shown, "\(walk.tooDeep) folders lie too deep") }
        if let refusal = walk.refusal { leaveOut("\(walk.refused) folders below \(shown)", path: shown, "\(refusal)") }
    }

    mutating func leaveOut(_ what: String, path: String, _ reason: String) {
        unread.append(
            Unread(
                .holders, what: what, path: ForeignText(path), reason: reason,
                remedy: "Look there with find, if pages stay unexplained"))
    }

    // MARK: - Descriptors

    mutating func searchDescriptors() {
        let atOnce = 256
        for start in stride(from: 0, to: owners.count, by: atOnce) {
            let owners = owners[start..<min(start + atOnce, owners.count)]
            for (owner, choice) in zip(owners, scan.choices(in: owners.map(\.folder))) {
                take(choice, of: owner, in: owner.folder)
            }
        }
    }

    var scan: DescriptorScan {
        DescriptorScan(
            root: machine.root, sizes: sizes, others: others, blockSizes: Set(machine.sizes.map(\.bytes)),
            wantsSuspects: found.depth == .suspects)
    }

    /// - Parameter folder: of the process or of a thread with a table of its own, below `proc`.
    mutating func take(_ choice: DescriptorScan.Choice, of owner: HugetlbWalker.Owner, in folder: String) {
        let root = machine.root
        found.descriptors += choice.looked
        if choice.isRefused { found.refused += 1 }
        for (number, status) in choice.files {
            guard
                let size = hugetlbSize(
                    of: status,
                    open: { () throws(KernelFileError) in
                        try root.openPath(toDescriptor: number, of: folder)
                    })
            else { continue }
            let link = { (try? root.link(ofDescriptor: number, of: folder)) ?? ForeignText("") }
            meet(
                status, size, identity(of: status, link, owner), by: .descriptor(number, of: folder),
                use: HugetlbFile.Use(owner.pid, .descriptor(number)), link: link)
        }
        for number in choice.suspects { suspect(number, of: owner, in: folder) }
    }

    /// A descriptor that leads to a segment was opened through a mapping of it.
    private func identity(
        of status: FileStatus, _ link: () -> ForeignText, _ owner: HugetlbWalker.Owner
    ) -> HugetlbFile.Identity {
        let identity = HugetlbFile.Identity(device: status.device, inode: status.inode)
        guard internalDevices.contains(status.device), link().bytes.starts(with: "/SYSV".utf8) else { return identity }
        return HugetlbFile.Identity(
            device: status.device, inode: status.inode, ipcNamespace: machine.root.namespace(.ipc, of: owner.folder))
    }

    // MARK: - Mappings

    mutating func searchMappings() {
        let devices = MappedDevices(sizes.keys)
        for owner in owners {
            var mappings: [Mapping] = []
            do {
                try machine.root.mappings(of: owner.folder, on: devices) { mappings.append($0) }
                if !mappings.isEmpty { try meet(mappings, of: owner) }
            } catch { if !error.isEnd { found.refused += 1 } }
        }
    }

    private mutating func meet(_ mappings: [Mapping], of owner: HugetlbWalker.Owner) throws(KernelFileError) {
        let noReserve = isAboutReservations ? noReserveMappings(among: mappings, of: owner) : []
        for mapping in mappings {
            let start = mapping.addresses.lowerBound
            let found = HugetlbFile.Identity(mapping) { machine.root.namespace(.ipc, of: owner.folder) }
            guard let identity = found, let size = sizes[identity.device] else { continue }
            if !mapping.isShared, isAboutReservations {
                let touched = try machine.root.pagemap(of: owner.folder).ownPages(
                    in: mapping.addresses, of: size, base: machine.base)
                self.found.privateMappings.append(
                    PrivateMapping(
                        process: owner.pid, start: start, file: identity, size: size,
                        pages: UInt64(mapping.addresses.count) / size.bytes, touched: touched,
                        isNoReserve: noReserve.map { $0.contains(start) }))
            }
            // Private anonymous memory has a file of its own that never holds a page.
            if !mapping.isShared, mapping.name.bytes.starts(with: "/anon_hugepage".utf8) { continue }
            let way = Way.mapping(mapping.addresses, of: owner.folder)
            if sightings[identity] == nil {
                guard let status = status(of: mapping, owner) else { continue }
                meet(status, size, identity, by: way, use: HugetlbFile.Use(owner.pid, .mapping(start))) {
                    ForeignText(unescaping: mapping.name.bytes)
                }
            } else {
                sightings[identity]?.add(way, HugetlbFile.Use(owner.pid, .mapping(start)))
            }
            if mapping.isShared, noReserve?.contains(start) != true {
                let end = mapping.offset &+ UInt64(mapping.addresses.count)
                if end > mapping.offset { sightings[identity]?.covered.insert(mapping.offset..<end) }
            }
        }
    }

    private mutating func status(of mapping: Mapping, _ owner: HugetlbWalker.Owner) -> FileStatus? {
        do {
            let file = try machine.root.openPath(toMapping: mapping.addresses, of: "\(owner.pid)")
            defer { try? file.close() }
            return try? FileStatus(in: file)
        } catch {
            if !error.isEnd { found.refused += 1 }
            return nil
        }
    }

    /// Above this much in RAM, the kernel's walk for smaps would hold the process up.
    private static let largest: Int64 = 2 << 30

    /// Nil where it is not known.
    private func noReserveMappings(among mappings: [Mapping], of owner: HugetlbWalker.Owner) -> Set<UInt64>? {
        guard owner.status.residentBytes ?? .max <= Self.largest else { return nil }
        return try? machine.root.noReserveMappings(
            of: owner.folder, among: Set(mappings.map(\.addresses.lowerBound)))
    }

    // MARK: - System V segments

    mutating func searchSegments() {
        let root = machine.root
        let namespaces = root.namespaces(.ipc, of: owners.map(\.folder)).all
        found.ipcNamespaces = UInt64(namespaces.count)
        for namespace in namespaces {
            let through = namespace.inode == ownIPC ? nil : namespace.processes.first
            do {
                for segment in try segments(through: through) { meet(segment, in: namespace.inode, through: through) }
            } catch {
                if !error.isEnd { note("the System V segments of an IPC namespace", error) }
            }
        }
    }

    /// - Parameter process: one in the namespace that is meant; nil for the audit's own.
    private func segments(through process: String?) throws(KernelFileError) -> [SharedMemorySegment] {
        var segments: [SharedMemorySegment] = []
        guard let process else {
            try machine.root.sharedMemorySegments { segments.append($0) }
            return segments
        }
        let namespace = try machine.root.openNamespace(.ipc, of: process)
        defer { try? namespace.close() }
        let table = try FramePlacer.sharedMemoryTable(in: namespace)
        do throws(FormatError) {
            try table.eachLine { line throws(FormatError) in
                try SharedMemorySegment.parse(line) { segments.append($0) }
            }
        } catch { throw KernelFileError(machine.root.path("proc/sysvipc/shm"), error) }
        return segments
    }

    private mutating func meet(_ segment: SharedMemorySegment, in namespace: UInt64, through: String?) {
        let pid = through.flatMap { Int32(digits: $0.utf8.prefix { $0 != UInt8(ascii: "/") }) }.map { PID($0) }
        let kind = HugetlbFile.Kind.systemV(
            HugetlbFile.Segment(
                key: segment.key, id: segment.id, creator: segment.creator, lastUser: segment.lastUser,
                attached: segment.attached, namespace: through == nil ? nil : namespace, through: pid))
        let name = ForeignText("SYSV key 0x\(String(UInt32(bitPattern: segment.key), radix: 16)) id \(segment.id)")
        let way = Way.segment(segment.id, through: through)
        let known = internalDevices.lazy.map { device in
            HugetlbFile.Identity(device: device, inode: UInt64(segment.id), ipcNamespace: namespace)
        }.first { self.sightings[$0] != nil }
        if let known {
            sightings[known]?.file.kind = kind
            sightings[known]?.file.name = name
            sightings[known]?.file.modifiedAt = segment.changedAt
            return
        }
        // Nobody that was seen maps it: whether it is of huge pages, only a look at it proves. One that nobody has touched is
        // not looked at, as that could reserve pages, and may have reserved some.
        let release = KernelRelease(parsing: machine.host.release)
        for device in internalDevices {
            guard let size = sizes[device] else { continue }
            let pages = segment.hugePages(of: size, base: machine.base, release: release) ?? 0
            guard segment.rss == 0 ? isAboutReservations : pages > 0 else { continue }
            let identity = HugetlbFile.Identity(device: device, inode: UInt64(segment.id), ipcNamespace: namespace)
            var file = HugetlbFile(
                identity: identity, kind: kind, name: name, size: size, length: segment.length,
                pages: pages, owner: machine.users[segment.owner] ?? ForeignText("\(segment.owner)"),
                modifiedAt: segment.changedAt)
            file.isProven = false
            sightings[identity] = Sighting(file: file, ways: [way])
        }
    }
}
