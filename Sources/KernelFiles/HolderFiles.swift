import Observations
import PageModel
import SystemPackage

/// Where hugetlb files are met: on mounts, behind descriptors and mappings.
extension HolderSearcher {
    // MARK: - Mounts

    /// Walks every hugetlbfs that is mounted somewhere, once.
    mutating func searchMounts() {
        let root = machine.root
        let mounts = HugetlbfsMounts(of: owners.map(\.folder), in: root)
        (found.mountNamespaces, others) = (mounts.namespaces, mounts.others)
        found.refused += mounts.refused
        if mounts.leftOut > 0 {
            leaveOut(
                "\(mounts.leftOut) parts of hugetlbfs mounts", path: ForeignText("/proc/self/mountinfo"),
                "they are too many")
        }
        for place in mounts.all.compactMap(\.places.first) { sizes[place.mount.device] = place.mount.pageSize }
        found.mounts = mounts.all.map(\.observation)
        for mount in mounts.all { walk(mount) }
    }

    /// Walks by the first place that can be opened and shows all; else by one for each part.
    private mutating func walk(_ mount: MountedHugetlbfs) {
        var walked: Set<ForeignText> = []
        var failures: [ForeignText: KernelFileError] = [:]
        for place in mount.places where !walked.contains(place.mount.root) && !walked.contains(ForeignText("/")) {
            do {
                try walk(place, mount.size)
                walked.insert(place.mount.root)
            } catch { failures[place.mount.root] = failures[place.mount.root] ?? error }
        }
        if walked.contains(ForeignText("/")) { return }
        for (root, failure) in failures.sorted(by: { $0.key < $1.key }) where !walked.contains(root) {
            note("the files of a hugetlbfs mount", failure)
        }
    }

    private mutating func walk(_ place: HugetlbfsPlace, _ size: PageSize) throws(KernelFileError) {
        let tree = try HugetlbfsTree(place, in: machine.root)
        let top = place.path
        let walk = try tree.walk { name, status in
            let slash = [UInt8(ascii: "/")]
            let path = ForeignText(top.bytes + (top.bytes.last == slash[0] ? [] : slash) + name)
            let identity = HugetlbFile.Identity(device: status.device, inode: status.inode)
            meet(status, size, identity, by: .name(name, place), path: path) { path }
        }
        let below = "below \(top.escaped(limit: 80))"
        if walk.isCutOff { leaveOut("files \(below)", path: top, "there are more names than are looked at") }
        if walk.tooDeep > 0 { leaveOut("files \(below)", path: top, "folders that lie too deep: \(walk.tooDeep)") }
        if let refusal = walk.refusal { leaveOut("\(walk.refused) of the folders \(below)", path: top, "\(refusal)") }
    }

    mutating func leaveOut(_ what: String, path: ForeignText, _ reason: String) {
        let entry = Unread(
            .holders, what: what, path: path, reason: reason, remedy: "Look there with find, if pages stay unexplained")
        if !unread.contains(entry) { unread.append(entry) }
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
    mutating func take(_ choice: DescriptorScan.Choice, of owner: MemoryOwner, in folder: String) {
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
            // A descriptor that leads to a segment was opened through a mapping of it.
            let link = { (try? root.link(ofDescriptor: number, of: folder)) ?? ForeignText("") }
            let identity = HugetlbFile.Identity(
                status.device, status.inode, name: link, internalDevices: machine.internalDevices
            ) { root.namespace(.ipc, of: owner.folder) }
            guard let identity else { continue }
            meet(
                status, size, identity, by: .descriptor(number, of: folder),
                use: HugetlbFile.Use(owner.pid, .descriptor(number)), link: link)
        }
        for number in choice.suspects { suspect(number, of: owner, in: folder) }
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

    private mutating func meet(_ mappings: [Mapping], of owner: MemoryOwner) throws(KernelFileError) {
        let noReserve = isAboutReservations ? noReserveMappings(among: mappings, of: owner) : []
        for mapping in mappings {
            let start = mapping.addresses.lowerBound
            let found = HugetlbFile.Identity(mapping, internalDevices: machine.internalDevices) {
                machine.root.namespace(.ipc, of: owner.folder)
            }
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
            let way = Way.mapping(mapping.addresses, of: "\(owner.task)")
            if sightings[identity] == nil {
                guard let status = status(of: identity, mapping, owner) else { continue }
                meet(status, size, identity, by: way, use: HugetlbFile.Use(owner.pid, .mapping(start))) {
                    ForeignText(unescaping: mapping.name.bytes, only: .newline)
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

    /// Nil where another file is mapped there by now.
    private mutating func status(
        of identity: HugetlbFile.Identity, _ mapping: Mapping, _ owner: MemoryOwner
    ) -> FileStatus? {
        do {
            // Of a thread it lies below the thread's own number alone.
            let file = try machine.root.openPath(toMapping: mapping.addresses, of: "\(owner.task)")
            defer { try? file.close() }
            guard let status = try? FileStatus(in: file), status.isRegular,
                (status.device, status.inode) == (identity.device, identity.inode)
            else { return nil }
            return status
        } catch {
            if !error.isEnd { found.refused += 1 }
            return nil
        }
    }

    /// Above this much in RAM, the kernel's walk for smaps would hold the process up.
    private static let largest: Int64 = 2 << 30

    /// Nil where it is not known.
    private func noReserveMappings(among mappings: [Mapping], of owner: MemoryOwner) -> Set<UInt64>? {
        guard owner.status.residentBytes ?? .max <= Self.largest else { return nil }
        return try? machine.root.noReserveMappings(
            of: owner.folder, among: Set(mappings.map(\.addresses.lowerBound)))
    }
}
