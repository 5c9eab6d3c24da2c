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
    /// What has it, by which it is known again: names are not.
    public enum Owner: Hashable, Sendable {
        case process(PID)
        /// Live mappings of the file.
        case file(HugetlbFile.Identity)
        /// Mappings that are gone: it stays with the inode. Of several, it is with one of them, or with some.
        case inodes([HugetlbFile.Identity])
        case mount(DeviceNumber)
    }
    public let kind: Kind
    public let owner: Owner
    public let name: ForeignText
    /// Nil where no single process has it.
    public let process: PID?
    public let size: PageSize
    /// Unit: huge pages of `size`.
    public let pages: UInt64

    init(
        _ kind: Kind, of owner: Owner, _ name: ForeignText, _ process: PID? = nil, _ size: PageSize, _ pages: UInt64
    ) {
        (self.kind, self.owner, self.name, self.process) = (kind, owner, name, process)
        (self.size, self.pages) = (size, pages)
    }

    /// The same with so many pages.
    func of(_ pages: UInt64) -> Self { Self(kind, of: owner, name, process, size, pages) }

    /// What one or some of these have; they are at least one.
    init(ofOneOf files: [(identity: HugetlbFile.Identity, name: ForeignText)], _ size: PageSize, _ pages: UInt64) {
        let others = files.count - 1
        let rest = others == 0 ? "" : " or \(others) other \(others == 1 ? "file" : "files") with holes"
        self.init(
            .file, of: .inodes(files.map(\.identity)), ForeignText(files[0].name.bytes + rest.utf8), nil, size, pages)
    }

    /// As much of it as there is room for; nil for nothing. What the kernel does not count is not reserved any more: the
    /// promise of a mapping that fork copied ends with who made it, some kernels take it back with the page.
    fileprivate func clipped(to room: inout UInt64) -> Self? {
        let pages = min(pages, room)
        room -= pages
        return pages > 0 ? of(pages) : nil
    }
}

/// Who has reserved what, held against the kernel's count. Source: kernel `Documentation/mm/hugetlbfs_reserv.rst`.
struct ReservationAccount {
    /// The largest first.
    let reservations: [Reservation]
    /// What the kernel counts beyond `reservations`, by size; sizes without such are missing.
    let unexplained: [PageSize: UInt64]
    private let accounted: [PageSize: UInt64]

    /// - Parameter pinned: private pages that only a pin keeps: the kernel's count lacks one for each of them.
    init(_ search: HolderSearch, global: [PageSize: GlobalHugepages], pinned: [PageSize: UInt64]) {
        let privates = Self.distinctPrivates(search)
        let likely = Self.files(search) + Self.mounts(search, privates) + Self.privates(search, privates)
        var known: [Reservation] = []
        var unexplained: [PageSize: UInt64] = [:]
        for (size, counters) in global {
            let counted = UInt64(clamping: counters.reservedHugepages)
            var room = counted &+ (pinned[size] ?? 0)
            let sure = likely.filter { $0.size == size }.compactMap { $0.clipped(to: &room) }
            known += sure
            var left = counted - min(sure.reduce(0) { $0 &+ $1.pages }, counted)
            let files = search.files.filter { $0.size == size && $0.gap > 0 }
            known += Self.segments(files.filter(\.isProven), left: &left)
            known += Self.inodes(files.filter { !$0.isSegment }, size, left: &left)
            known += Self.segments(files.filter { !$0.isProven }, left: &left)
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

    /// A mapping that fork copied is one: only who made it has the promise. The kernel makes a file for each anonymous
    /// mapping, by which copies are known; private mappings of a file that others can open are copies where they are equal.
    private static func distinctPrivates(_ search: HolderSearch) -> [PrivateMapping] {
        struct Copy: Hashable {
            let file: HugetlbFile.Identity
            let start: UInt64
            let pages: UInt64
        }
        let named = Set(search.files.map(\.identity))
        var seen: Set<Copy> = []
        var makers: [HugetlbFile.Identity: PID] = [:]
        return search.privateMappings.sorted { ($0.process, $0.start) < ($1.process, $1.start) }.filter { mapping in
            if named.contains(mapping.file) {
                return seen.insert(Copy(file: mapping.file, start: mapping.start, pages: mapping.pages)).inserted
            }
            makers[mapping.file] = makers[mapping.file] ?? mapping.process
            return makers[mapping.file] == mapping.process
        }
    }

    private static func privates(_ search: HolderSearch, _ mappings: [PrivateMapping]) -> [Reservation] {
        mappings.compactMap { mapping in
            guard mapping.isNoReserve != true, mapping.pages > mapping.touched else { return nil }
            let name = search.identities[mapping.process]?.name ?? ForeignText("")
            return Reservation(
                .private, of: .process(mapping.process), name, mapping.process, mapping.size,
                mapping.pages - mapping.touched)
        }
    }

    private static func files(_ search: HolderSearch) -> [Reservation] {
        search.files.compactMap { file in
            let pages = file.promised
            return pages > 0 ? file.reservation(of: pages, .file(file.identity)) : nil
        }
    }

    /// `min_size` is promised as a whole; what the mount's files have is part of it, and their private mappings.
    private static func mounts(_ search: HolderSearch, _ mappings: [PrivateMapping]) -> [Reservation] {
        search.mounts.compactMap { mount in
            let used =
                search.files.filter { $0.identity.device == mount.device }
                .reduce(0) { $0 &+ $1.pages &+ $1.promised }
                &+ mappings.filter { $0.file.device == mount.device }
                .reduce(0) { $0 &+ ($1.isNoReserve == true ? $1.touched : $1.pages) }
            guard mount.minimum > used else { return nil }
            return Reservation(.mount, of: .mount(mount.device), mount.folder, nil, mount.size, mount.minimum - used)
        }
    }

    /// A System V segment is reserved as a whole when it is made, or with SHM_NORESERVE not at all.
    private static func segments(_ files: [HugetlbFile], left: inout UInt64) -> [Reservation] {
        files.filter(\.isSegment).compactMap { segment in
            guard segment.gap <= left else { return nil }
            left -= segment.gap
            return segment.reservation(of: segment.gap, .inodes([segment.identity]))
        }
    }

    /// What shared mappings reserved that are gone stays with the inode, as far as the file has holes. Which of several files
    /// it is cannot be told: then they are named together.
    private static func inodes(_ files: [HugetlbFile], _ size: PageSize, left: inout UInt64) -> [Reservation] {
        guard left > 0 else { return [] }
        let pages = left
        let room = files.reduce(UInt64(0)) { $0 &+ $1.gap }
        left -= min(room, left)
        if files.count == 1 || room <= pages {
            return files.map { $0.reservation(of: min($0.gap, pages), .inodes([$0.identity])) }
        }
        return [Reservation(ofOneOf: files.map { (identity: $0.identity, name: $0.name) }, size, pages)]
    }
}

extension HugetlbFile {
    /// Pages that it is long enough for and does not have. Unit: huge pages.
    fileprivate var holes: UInt64 {
        let whole = length / size.bytes + (length % size.bytes == 0 ? 0 : 1)
        return whole - min(pages, whole)
    }

    /// Pages that are surely reserved: of what its mappings cover, those that it does not have.
    fileprivate var promised: UInt64 { min(covered - min(pages, covered), holes) }

    /// Pages that can be reserved beside those.
    fileprivate var gap: UInt64 { holes - promised }

    fileprivate var isSegment: Bool {
        if case .systemV = kind { return true }
        return false
    }

    fileprivate func reservation(of pages: UInt64, _ owner: Reservation.Owner) -> Reservation {
        let kind: Reservation.Kind =
            switch kind {
            case .linked, .deleted, .memfd: .file
            case .anonymous, .systemV: .sharedMemory
            }
        return Reservation(kind, of: owner, name, onlyProcess, size, pages)
    }

    fileprivate var onlyProcess: PID? {
        let processes = Set(uses.map(\.process))
        return processes.count == 1 ? processes.first : nil
    }
}
