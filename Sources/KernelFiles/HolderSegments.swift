import Observations
import PageModel
import SystemPackage

/// System V segments, from the tables of all IPC namespaces: also those that nobody maps.
extension HolderSearcher {
    mutating func searchSegments() {
        let namespaces = machine.root.namespaces(.ipc, of: owners.map(\.folder)).all
        found.ipcNamespaces = UInt64(namespaces.count)
        for namespace in namespaces {
            do {
                try namespace.inode == ownIPC ? searchOwnSegments(namespace.inode) : searchSegments(of: namespace)
            } catch {
                if !error.isEnd { note("the System V segments of an IPC namespace", error) }
            }
        }
    }

    private mutating func searchOwnSegments(_ inode: UInt64) throws(KernelFileError) {
        try machine.root.sharedMemorySegments { meet($0, in: inode, by: .segment($0.id, nil), through: nil) }
    }

    private mutating func searchSegments(of namespace: Namespace) throws(KernelFileError) {
        let (descriptor, process) = try machine.root.openNamespace(.ipc, namespace)
        defer { try? descriptor.close() }
        let table = try FramePlacer.sharedMemoryTable(in: descriptor)
        do throws(FormatError) {
            try table.eachLine { line throws(FormatError) in
                try SharedMemorySegment.parse(line) { segment in
                    let way = Way.segment(segment.id, namespace)
                    meet(segment, in: namespace.inode, by: way, through: PID(folder: process))
                }
            }
        } catch { throw KernelFileError(machine.root.path("proc/sysvipc/shm"), error) }
    }

    /// - Parameter through: a process in the namespace; nil for the audit's own.
    private mutating func meet(_ segment: SharedMemorySegment, in namespace: UInt64, by way: Way, through: PID?) {
        let kind = HugetlbFile.Kind.systemV(
            HugetlbFile.Segment(
                key: segment.key, id: segment.id, creator: segment.creator, lastUser: segment.lastUser,
                attached: segment.attached, namespace: through == nil ? nil : namespace, through: through))
        let name = ForeignText("SYSV key \(hexadecimal(UInt64(UInt32(bitPattern: segment.key)))) id \(segment.id)")
        let identities = machine.internalDevices.map { device, size in
            let inode = UInt64(segment.id)
            return (HugetlbFile.Identity(device: device, inode: inode, ipcNamespace: namespace), size)
        }
        if let (known, _) = identities.first(where: { sightings[$0.0] != nil }) {
            sightings[known]?.file.kind = kind
            sightings[known]?.file.name = name
            sightings[known]?.file.modifiedAt = segment.changedAt
            return
        }
        // Nobody that was seen maps it: whether it is of huge pages, only a look at it proves. One that nobody has touched is
        // not looked at, as that could reserve pages, and may have reserved some.
        let release = KernelRelease(parsing: machine.host.release)
        for (identity, size) in identities {
            let pages = segment.hugePages(of: size, base: machine.base, release: release) ?? 0
            guard segment.rss == 0 ? isAboutReservations : pages > 0, hasRoom(forPages: pages) else { continue }
            var file = HugetlbFile(
                identity: identity, kind: kind, name: name, size: size, length: segment.length,
                pages: pages, owner: machine.users[segment.owner] ?? ForeignText("\(segment.owner)"),
                modifiedAt: segment.changedAt)
            file.isProven = false
            sightings[identity] = Sighting(file: file, ways: [way])
        }
    }
}
