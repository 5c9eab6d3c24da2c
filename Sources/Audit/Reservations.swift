public import Observations
public import PageModel

/// Huge pages that are promised to something and not yet touched. They count as free, and nobody else can have them.
public struct Reservation: Hashable, Sendable {
    /// Stable names: scripts rely on them.
    public enum Kind: String, Sendable {
        /// A private mapping of one process.
        case `private`
        /// A file: one that is mapped MAP_SHARED, or was: then the promise stays with its inode.
        case file
        /// A System V segment, or anonymous shared memory.
        case sharedMemory
        /// A hugetlbfs mounted with `min_size`.
        case mount
    }
    public let kind: Kind
    public let name: ForeignText
    /// Nil where no single process has it.
    public let process: PID?
    public let size: PageSize
    /// Unit: huge pages of `size`.
    public let pages: UInt64

    init(_ kind: Kind, _ name: ForeignText, _ process: PID? = nil, _ size: PageSize, _ pages: UInt64) {
        (self.kind, self.name, self.process, self.size, self.pages) = (kind, name, process, size, pages)
    }
}

/// Who has reserved what, held against the kernel's count. Source: kernel `Documentation/mm/hugetlbfs_reserv.rst`.
struct ReservationAccount {
    /// The largest first.
    let reservations: [Reservation]
    /// What the kernel counts beyond `reservations`, by size; sizes without such are missing.
    let unexplained: [PageSize: UInt64]
    private let accounted: [PageSize: UInt64]

    init(_ search: HolderSearch, global: [PageSize: GlobalHugepages]) {
        var known = Self.privates(search) + Self.files(search) + Self.mounts(search)
        var unexplained: [PageSize: UInt64] = [:]
        for (size, counters) in global {
            let counted = UInt64(clamping: counters.reservedHugepages)
            let sum = known.filter { $0.size == size }.reduce(0) { $0 &+ $1.pages }
            guard counted > sum else { continue }
            let inodes = Self.inodes(search, size, beyond: known, upTo: counted - sum)
            known += inodes
            let left = counted - sum - inodes.reduce(0) { $0 &+ $1.pages }
            if left > 0 { unexplained[size] = left }
        }
        reservations = known.sorted { ($1.pages, $0.name) < ($0.pages, $1.name) }
        self.unexplained = unexplained
        accounted = known.reduce(into: [:]) { $0[$1.size, default: 0] &+= $1.pages }
    }

    /// Pages that are promised. The kernel's count lacks one for each private page that only a pin keeps, of which there are
    /// `pinned`: what is accounted for then says how many. Nil where that still leaves less than nothing.
    func promised(_ size: PageSize, counted: Int64, pinned: UInt64) -> UInt64? {
        let most = counted &+ Int64(clamping: pinned)
        return UInt64(exactly: min(max(counted, Int64(clamping: accounted[size] ?? 0)), most))
    }

    /// A mapping that fork copied is one: only who made it has the promise.
    private static func privates(_ search: HolderSearch) -> [Reservation] {
        struct Copy: Hashable {
            let file: HugetlbFile.Identity
            let start: UInt64
            let pages: UInt64
        }
        var seen: Set<Copy> = []
        return search.privateMappings.sorted { ($0.process, $0.start) < ($1.process, $1.start) }.compactMap { mapping in
            guard mapping.isNoReserve != true, mapping.pages > mapping.touched,
                seen.insert(Copy(file: mapping.file, start: mapping.start, pages: mapping.pages)).inserted
            else { return nil }
            let name = search.identities[mapping.process]?.name ?? ForeignText("")
            return Reservation(.private, name, mapping.process, mapping.size, mapping.pages - mapping.touched)
        }
    }

    private static func files(_ search: HolderSearch) -> [Reservation] {
        search.files.compactMap { file in
            let pages = file.promised
            return pages > 0 ? Reservation(file.reservationKind, file.name, file.onlyProcess, file.size, pages) : nil
        }
    }

    /// `min_size` is promised as a whole; what the mount's files have is part of it.
    private static func mounts(_ search: HolderSearch) -> [Reservation] {
        search.mounts.compactMap { mount in
            let used = search.files.filter { $0.identity.device == mount.device }.reduce(UInt64(0)) {
                $0 &+ $1.pages &+ $1.promised
            }
            return mount.minimum > used ? Reservation(.mount, mount.folder, nil, mount.size, mount.minimum - used) : nil
        }
    }

    /// What shared mappings reserved that are gone stays with the inode, as far as the file has holes. Which of several files
    /// it is cannot be told: then they are named together.
    private static func inodes(
        _ search: HolderSearch, _ size: PageSize, beyond known: [Reservation], upTo pages: UInt64
    ) -> [Reservation] {
        let candidates = search.files.filter { $0.size == size && $0.holes > $0.promised }
        let room = candidates.reduce(UInt64(0)) { $0 &+ ($1.holes - $1.promised) }
        guard let first = candidates.first else { return [] }
        if candidates.count == 1 || room <= pages {
            return candidates.map {
                let most = min($0.holes - $0.promised, pages)
                return Reservation($0.reservationKind, $0.name, $0.onlyProcess, size, most)
            }
        }
        let others = candidates.count - 1
        let name = "\(first.name.repaired) or \(others) other \(others == 1 ? "file" : "files") with holes"
        return [Reservation(.file, ForeignText(name), nil, size, pages)]
    }
}

extension HugetlbFile {
    /// Pages that it is long enough for and does not have. Unit: huge pages.
    fileprivate var holes: UInt64 {
        let whole = length / size.bytes + (length % size.bytes == 0 ? 0 : 1)
        return whole - min(pages, whole)
    }

    /// Pages that are surely reserved: of what its mappings cover, those that it does not have. A System V segment is
    /// reserved as a whole when it is made.
    fileprivate var promised: UInt64 {
        if case .systemV = kind { return holes }
        return min(covered - min(pages, covered), holes)
    }

    fileprivate var reservationKind: Reservation.Kind {
        switch kind {
        case .linked, .deleted, .memfd: .file
        case .anonymous, .systemV: .sharedMemory
        }
    }

    fileprivate var onlyProcess: PID? {
        let processes = Set(uses.map(\.process))
        return processes.count == 1 ? processes.first : nil
    }
}
