import Observations
import PageModel
import SystemPackage

/// Where the pages of files are that page tables do not show: a child process looks into the files.
extension HolderSearcher {
    /// Each file takes a descriptor meanwhile.
    private static let mostAtOnce = 128
    /// For all files together.
    private static let placingLimit: Duration = .seconds(10)

    /// Looks into every file of which some page may be in no page table; the longest, which may be sparse, come last.
    mutating func place() {
        let open = sightings.filter { $0.value.file.pages > 0 && $0.value.file.seenMapped < $0.value.file.pages }
        let wanted = open.sorted { ($0.value.file.mostProbes, $0.key) < ($1.value.file.mostProbes, $1.key) }.map(\.key)
        if found.isPassive { return leave(wanted, because: "--passive leaves files alone") }
        guard let flags = try? machine.root.kpageflags() else { return leave(wanted, because: Self.hidesFlags) }
        let end = ContinuousClock.now + Self.placingLimit
        for start in stride(from: 0, to: wanted.count, by: Self.mostAtOnce) {
            place(Array(wanted[start..<min(start + Self.mostAtOnce, wanted.count)]), flags, until: end)
        }
    }

    fileprivate static let hidesFlags = "/proc/kpageflags cannot be read"

    private mutating func leave(_ files: [HugetlbFile.Identity], because reason: String) {
        for identity in files { sightings[identity]?.file.unplaced = reason }
    }

    private mutating func place(
        _ files: [HugetlbFile.Identity], _ flags: borrowing WordFile, until end: ContinuousClock.Instant
    ) {
        let placer = FramePlacer(child: PlacingChild(limit: end - .now))
        guard placer.child.limit > .zero else {
            return leave(files, because: "all files together took longer than \(Self.placingLimit)")
        }
        var (sources, meant): ([FramePlacer.Source], [HugetlbFile.Identity]) = ([], [])
        var opened: [FileDescriptor] = []
        defer { for descriptor in opened { try? descriptor.close() } }
        var trees = HugetlbfsTrees()
        for identity in files {
            guard let (source, descriptor) = source(of: identity, &trees) else { continue }
            sources.append(source)
            meant.append(identity)
            if let descriptor { opened.append(descriptor) }
        }
        var placings = [Placing](repeating: Placing(), count: sources.count)
        let outcomes = placer.place(sources) { source, page in placings[source].met.append(page) }
        for (index, identity) in meant.enumerated() {
            let size = outcomes[index].file.flatMap { PageSize(bytes: $0.pageSize) } ?? machine.sizes[0]
            placings[index].count(flags, machine.map, size)
            settle(identity, outcomes[index], placings[index])
        }
    }

    /// What was found of one file.
    private struct Placing {
        var met: [FramePlacer.Page] = []
        private(set) var frames = HugetlbFile.Frames()
        /// Why they are not all.
        private(set) var failure: String?

        mutating func count(_ flags: borrowing WordFile, _ map: NodeMap, _ size: PageSize) {
            for page in met {
                guard case .frame(let frame) = page else {
                    frames.poisoned += 1
                    continue
                }
                guard let word = (try? flags.word(at: frame.rawValue)) ?? nil else {
                    failure = HolderSearcher.hidesFlags
                    continue
                }
                let head = PageFlags(rawValue: word)
                if head.isSuperset(of: [.huge, .compoundHead]) {
                    frames.add(head, on: map[frame], size)
                } else {
                    failure = "it changed during the look at it"
                }
            }
        }
    }

    private mutating func settle(
        _ identity: HugetlbFile.Identity, _ outcome: FramePlacer.Outcome, _ placing: Placing
    ) {
        guard var file = sightings[identity]?.file else { return }
        let isSame = outcome.file.map { seen in
            (seen.device, seen.inode, seen.pageSize) == (identity.device, identity.inode, file.size.bytes)
        }
        if !file.isProven {
            // No more than a guess: a segment of ordinary pages is none of these, of another size another guess.
            if isSame == false {
                sightings[identity] = nil
                return
            }
            if let seen = outcome.file {
                (file.length, file.pages, file.isProven) = (seen.length, seen.allocated / seen.pageSize, true)
            }
        }
        file.unplaced = isSame == false ? "something else is there" : outcome.refusal?.description ?? placing.failure
        if file.unplaced == nil { file.frames = placing.frames }
        sightings[identity]?.file = file
    }

    /// What the child is given, and the descriptor that must stay open meanwhile. Nil where no way leads there any more; the
    /// file then has no place, and says why.
    private mutating func source(
        of identity: HugetlbFile.Identity, _ trees: inout HugetlbfsTrees
    ) -> (source: FramePlacer.Source, descriptor: FileDescriptor?)? {
        guard let sighting = sightings[identity] else { return nil }
        var failure: KernelFileError?
        for way in sighting.ways {
            do {
                if case .segment(let id, let namespace) = way {
                    let entered = try namespace.map { namespace throws(KernelFileError) in
                        try machine.root.openNamespace(.ipc, namespace).descriptor
                    }
                    return (.segment(id: id, namespace: entered), entered)
                }
                let descriptor = try open(way, &trees)
                if isSame(descriptor, sighting.file) { return (.file(descriptor), descriptor) }
                try? descriptor.close()
            } catch { failure = error }
        }
        sightings[identity]?.file.unplaced = failure.map(\.description) ?? "it is gone"
        return nil
    }

    /// An O_PATH descriptor.
    private func open(_ way: Way, _ trees: inout HugetlbfsTrees) throws(KernelFileError) -> FileDescriptor {
        switch way {
        case .descriptor(let number, let process):
            return try machine.root.openPath(toDescriptor: number, of: process)
        case .mapping(let addresses, let process):
            return try machine.root.openPath(toMapping: addresses, of: process)
        case .name(let name, let place):
            return try trees.open(name, at: place, in: machine.root)
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

/// Those that were opened: the mounts on the way to one are read once for all its files.
private struct HugetlbfsTrees {
    private final class Opened {
        let tree: HugetlbfsTree
        init(_ tree: consuming HugetlbfsTree) { self.tree = tree }
    }
    private var opened: [HugetlbfsPlace: Result<Opened, KernelFileError>] = [:]

    /// Opens what is below one.
    mutating func open(
        _ name: [UInt8], at place: HugetlbfsPlace, in root: KernelRoot
    ) throws(KernelFileError) -> FileDescriptor {
        let known = opened[place] ?? Result { () throws(KernelFileError) in Opened(try HugetlbfsTree(place, in: root)) }
        opened[place] = known
        return try known.get().tree.open(name)
    }
}

extension HugetlbFile {
    /// About how many pages have to be tried to find all of it.
    fileprivate var mostProbes: UInt64 { length / size.bytes &+ pages }
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
