import Observations
import PageModel
import SystemPackage

/// Where the pages of files are that page tables do not show: a child process looks into the files.
extension HolderSearcher {
    /// Each file takes a descriptor meanwhile.
    private static let mostAtOnce = 128

    /// Looks into every file of which some page may be in no page table.
    mutating func place() {
        let open = sightings.filter { $0.value.file.pages > 0 && $0.value.file.seenMapped < $0.value.file.pages }
        let wanted = open.map(\.key).sorted()
        guard !isPassive else {
            for identity in wanted { sightings[identity]?.file.unplaced = "--passive leaves files alone" }
            return
        }
        guard let flags = try? machine.root.kpageflags() else {
            for identity in wanted { sightings[identity]?.file.unplaced = "/proc/kpageflags cannot be read" }
            return
        }
        var start = 0
        while start < wanted.count {
            let end = min(start + Self.mostAtOnce, wanted.count)
            place(Array(wanted[start..<end]), flags)
            start = end
        }
    }

    private mutating func place(_ files: [HugetlbFile.Identity], _ flags: borrowing WordFile) {
        var (sources, meant): ([FramePlacer.Source], [HugetlbFile.Identity]) = ([], [])
        var opened: [FileDescriptor] = []
        defer { for descriptor in opened { try? descriptor.close() } }
        for identity in files {
            guard let (source, descriptor) = source(of: identity) else { continue }
            sources.append(source)
            meant.append(identity)
            if let descriptor { opened.append(descriptor) }
        }
        var frames = [HugetlbFile.Frames](repeating: .init(), count: sources.count)
        let placer = FramePlacer()
        var met: [(source: Int, frame: PFN)] = []
        let outcomes = placer.place(sources) { source, page in
            switch page {
            case .poisoned: frames[source].poisoned += 1
            case .frame(let frame): met.append((source, frame))
            }
        }
        var failed: Set<Int> = []
        for (source, frame) in met {
            guard let word = (try? flags.word(at: frame.rawValue)) ?? nil else {
                failed.insert(source)
                continue
            }
            let head = PageFlags(rawValue: word)
            let size = outcomes[source].file.flatMap { PageSize(bytes: $0.pageSize) }
            frames[source].add(head, on: machine.map[frame], size ?? machine.sizes[0])
        }
        for (index, identity) in meant.enumerated() {
            settle(identity, outcomes[index], failed.contains(index) ? nil : frames[index])
        }
    }

    private mutating func settle(
        _ identity: HugetlbFile.Identity, _ outcome: FramePlacer.Outcome, _ frames: HugetlbFile.Frames?
    ) {
        guard var file = sightings[identity]?.file else { return }
        if !file.isProven {
            // It was no more than a guess; a segment of ordinary pages is refused, of another size another guess.
            guard let seen = outcome.file, seen.device == identity.device, seen.pageSize == file.size.bytes else {
                sightings[identity] = nil
                return
            }
            (file.length, file.pages, file.isProven) = (seen.length, seen.allocated / seen.pageSize, true)
        }
        if let refusal = outcome.refusal {
            file.unplaced = refusal.description
        } else if let frames {
            file.frames = frames
        } else {
            file.unplaced = "/proc/kpageflags cannot be read"
        }
        sightings[identity]?.file = file
    }

    /// What the child is given, and the descriptor that must stay open meanwhile. Nil where no way leads there any more; the
    /// file then has no place, and says why.
    private mutating func source(
        of identity: HugetlbFile.Identity
    ) -> (source: FramePlacer.Source, descriptor: FileDescriptor?)? {
        guard let sighting = sightings[identity] else { return nil }
        var failure: KernelFileError?
        for way in sighting.ways {
            do {
                if case .segment(let id, let through) = way {
                    let namespace: FileDescriptor? =
                        switch through {
                        case .some(let process): try machine.root.openNamespace(.ipc, of: process)
                        case .none: nil
                        }
                    return (.segment(id: id, namespace: namespace), namespace)
                }
                let descriptor = try open(way)
                if isSame(descriptor, sighting.file) { return (.file(descriptor), descriptor) }
                try? descriptor.close()
            } catch { failure = error }
        }
        sightings[identity]?.file.unplaced = failure.map(\.description) ?? "it is gone"
        return nil
    }

    /// An O_PATH descriptor.
    private func open(_ way: Way) throws(KernelFileError) -> FileDescriptor {
        switch way {
        case .descriptor(let number, let process):
            return try machine.root.openPath(toDescriptor: number, of: process)
        case .mapping(let addresses, let process):
            return try machine.root.openPath(toMapping: addresses, of: process)
        case .name(let name, let place):
            let tree = try HugetlbfsTree(place, in: machine.root)
            return try tree.open(name)
        case .segment(let id, _):
            throw KernelFileError(machine.root.path("proc/sysvipc/shm"), replaced: "segment \(id) has no path")
        }
    }

    /// Whether it is still the file that was met: a regular one on hugetlbfs.
    private func isSame(_ descriptor: FileDescriptor, _ file: HugetlbFile) -> Bool {
        guard let status = try? FileStatus(in: descriptor), status.isRegular,
            status.device == file.identity.device, status.inode == file.identity.inode,
            (try? descriptor.hugetlbfsPageSize()) == file.size
        else { return false }
        return true
    }
}

extension HugetlbFile.Frames {
    /// Counts the page whose head has these flags.
    fileprivate mutating func add(_ head: PageFlags, on node: NodeID?, _ size: PageSize) {
        if head.contains(.hwpoison) {
            poisoned += 1
        } else if head.contains(.mmap) {
            mapped += 1
        } else if let index = unmapped.firstIndex(where: { $0.node == node }) {
            unmapped[index].pages += 1
        } else {
            unmapped.append(Placement(node: node, size: size, pages: 1))
        }
    }
}
