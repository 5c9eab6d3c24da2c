import Observations
import PageModel

/// Sets what a search found against what is in use and not mapped: who keeps how many pages, and on which node.
///
/// Files are counted by their inodes and are certain. Then come pages that only the kernel can keep: anonymous ones without
/// a mapping go to buffers of io_uring that have no mapping any more either, the others to the kernel without a name. What
/// is left are pages of files that nobody has: they can be under way over a socket, where there is one with descriptors.
struct HeldAccount {
    /// The largest first.
    let holders: [Holder]
    /// What is held in each pool; nil for a pool where it cannot be told how much of it lies there.
    let held: [Pool: UInt64?]
    /// Of `held`, what is kept by suspects.
    let suspected: [Pool: UInt64]
    /// Pages that have no name, of sizes where it cannot be told on which node they are.
    let unlocated: [PageSize: UInt64]

    /// - Parameter rows: the equation before anything is held.
    init(_ search: HolderSearch, rows: [HugetlbBalance]) {
        var holders: [Holder] = []
        var held: [Pool: UInt64?] = [:]
        var suspected: [Pool: UInt64] = [:]
        var unlocated: [PageSize: UInt64] = [:]
        for size in Set(rows.map(\.pool.size)) {
            var share = Share(rows.filter { $0.pool.size == size && $0.unexplained != nil }, size: size)
            share.add(search.files.filter { $0.size == size })
            if search.depth == .suspects { share.add(search.suspects) }
            holders += share.holders
            suspected.merge(share.suspected) { $1 }
            held.merge(share.held) { $1 }
            if share.unlocated > 0 { unlocated[size] = share.unlocated }
        }
        self.holders = holders.sorted { ($1.bytes, $0.kind, $0.name) < ($0.bytes, $1.kind, $1.name) }
        (self.held, self.suspected, self.unlocated) = (held, suspected, unlocated)
    }
}

/// The account of one page size. Unit: huge pages of it.
private struct Share {
    let size: PageSize
    let rows: [HugetlbBalance]
    private(set) var holders: [Holder] = []
    private(set) var held: [Pool: UInt64?] = [:]
    private(set) var suspected: [Pool: UInt64] = [:]
    private(set) var unlocated: UInt64 = 0
    /// What has no name yet.
    private var rest: [Pool: UInt64]

    init(_ rows: [HugetlbBalance], size: PageSize) {
        (self.rows, self.size) = (rows, size)
        rest = Dictionary(uniqueKeysWithValues: rows.map { ($0.pool, UInt64(clamping: $0.unexplained ?? 0)) })
    }

    /// What of `rest` can be pages of files: anonymous ones that nobody maps are of none.
    private var room: [Pool: UInt64] {
        Dictionary(
            uniqueKeysWithValues: rows.map { row in
                let left = rest[row.pool] ?? 0
                return (row.pool, left - min(row.keptByKernel, left))
            })
    }

    /// Files whose frames were looked at say where their pages are; of the others only their number is known, of which some
    /// may be mapped or poisoned.
    mutating func add(_ files: [HugetlbFile]) {
        for row in rows { held[row.pool] = 0 }
        var others: [(file: HugetlbFile, pages: UInt64)] = []
        for file in files {
            let (pages, nodes) = file.held
            guard pages > 0 else { continue }
            guard let nodes else {
                others.append((file, pages))
                continue
            }
            holders.append(Holder(file, pages: pages, nodes: nodes))
            for place in nodes {
                if let node = place.node { take(place.pages, from: Pool(node: node, size: size)) }
            }
        }
        let poisoned = rows.reduce(0) { $0 &+ ($1.poisoned ?? 0) }
        let all = room.values.reduce(0, &+)
        var left = all
        // What may be no huge pages at all comes last, and only where it is what is left.
        for (file, pages) in others.filter(\.file.isProven) + others.filter({ !$0.file.isProven }) {
            guard left > 0, file.isProven || pages <= left &+ poisoned else { continue }
            holders.append(Holder(file, pages: min(pages, left), nodes: nil))
            left -= min(pages, left)
        }
        if left < all { spread(all - left) }
    }

    /// Pages without a node: they are all that is left, or lie on the one node where something is left; else it cannot be
    /// told how much of which node they are.
    private mutating func spread(_ pages: UInt64) {
        let open = room.filter { $0.value > 0 }
        let all = open.values.reduce(0, &+)
        guard pages < all, open.count > 1 else {
            for (pool, left) in open { take(min(left, pages), from: pool) }
            return
        }
        unlocated = all - pages
        for (pool, left) in open {
            held[pool] = .some(nil)
            rest[pool] = (rest[pool] ?? 0) - left
        }
    }

    private mutating func take(_ pages: UInt64, from pool: Pool) {
        held[pool] = (held[pool] ?? 0).map { $0 &+ pages }
        rest[pool] = (rest[pool] ?? 0) - min(pages, rest[pool] ?? 0)
    }

    mutating func add(_ suspects: [PinSuspect]) {
        let anonymous = rows.filter { $0.keptByKernel > 0 }.map { row in
            Placement(node: row.pool.node, size: size, pages: min(row.keptByKernel, rest[row.pool] ?? 0))
        }.filter { $0.pages > 0 }
        var buffers = Self.buffers(suspects, size)
        let pinned = attribute(anonymous, to: &buffers)
        if !pinned.isEmpty {
            let pins = suspects.filter(\.canPin)
            append(
                Holder(.kernel, name: Self.kernelName, size: size, pages: pinned.total, nodes: pinned, suspects: pins))
        }
        // Pages of files that are gone: pinned by buffers, or of a file that a ring has, or one under way that nobody has yet.
        let open = rest.filter { $0.value > 0 }.sorted { $0.key < $1.key }
        let left = attribute(
            open.map { Placement(node: $0.key.node, size: size, pages: $0.value) }, to: &buffers)
        let keepers = suspects.filter(\.keepsFiles)
        guard !left.isEmpty, !keepers.isEmpty else { return }
        let (kind, name): (Holder.Kind, ForeignText) =
            switch keepers.count(where: \.isSocket) {
            case 0: (.ioUring, Self.ringFilesName)
            case keepers.count: (.socket, Self.socketName)
            default: (.socket, Self.eitherName)
            }
        append(Holder(kind, name: name, size: size, pages: left.total, nodes: left, suspects: keepers))
    }

    private static let kernelName = ForeignText("a reference of the kernel")
    private static let socketName = ForeignText("descriptors under way over a socket")
    private static let ringFilesName = ForeignText("files registered with io_uring")
    private static let eitherName = ForeignText("files under way over a socket or registered with io_uring")
    private static let ringName = ForeignText("buffers registered with io_uring")

    /// Buffers of `size` and more whose memory is mapped no more, by process.
    private static func buffers(
        _ suspects: [PinSuspect], _ size: PageSize
    ) -> [(pages: UInt64, suspects: [PinSuspect])] {
        let lost = suspects.filter {
            guard case .ioUring(let buffer, isMapped: false) = $0.kind else { return false }
            return !buffer.isEmpty
        }
        return Dictionary(grouping: lost, by: \.process).sorted { $0.key < $1.key }.map { _, suspects in
            (suspects.reduce(0) { $0 &+ $1.pages(of: size) }, suspects)
        }
    }

    /// Gives pages to buffers, to none more than it is long; returns what is left.
    private mutating func attribute(
        _ places: [Placement], to buffers: inout [(pages: UInt64, suspects: [PinSuspect])]
    ) -> [Placement] {
        var places = places
        // Which of several processes keeps what cannot be told, unless all of their buffers are full.
        let all = buffers.reduce(0) { $0 &+ $1.pages }
        if buffers.count > 1, all != places.total { buffers = [(all, buffers.flatMap(\.suspects))] }
        for index in buffers.indices where !places.isEmpty && buffers[index].pages > 0 {
            let total = places.total
            let pages = min(buffers[index].pages, total)
            buffers[index].pages -= pages
            // Of some of the pages of several nodes it cannot be told which these are.
            var nodes: [Placement]? = places
            if places.count == 1 { nodes?[0].pages = pages } else if pages < total { nodes = nil }
            let taken = Self.split(&places, pages)
            append(
                Holder(
                    .ioUring, name: Self.ringName, size: size, pages: pages, nodes: nodes,
                    suspects: buffers[index].suspects),
                taken: taken)
        }
        return places
    }

    /// Takes `pages` off the front of `places`.
    private static func split(_ places: inout [Placement], _ pages: UInt64) -> [Placement] {
        var (taken, left, wanted): ([Placement], [Placement], UInt64) = ([], [], pages)
        for place in places {
            let part = min(place.pages, wanted)
            wanted -= part
            if part > 0 { taken.append(Placement(node: place.node, size: place.size, pages: part)) }
            if part < place.pages {
                left.append(Placement(node: place.node, size: place.size, pages: place.pages - part))
            }
        }
        places = left
        return taken
    }

    private mutating func append(_ holder: Holder, taken: [Placement]? = nil) {
        holders.append(holder)
        for place in taken ?? holder.nodes ?? [] {
            guard let node = place.node else { continue }
            let pool = Pool(node: node, size: size)
            take(place.pages, from: pool)
            suspected[pool, default: 0] &+= place.pages
        }
    }
}

extension [Placement] {
    /// Unit: pages, whatever their size.
    var total: UInt64 { reduce(0) { $0 &+ $1.pages } }
}

extension PinSuspect {
    fileprivate var isSocket: Bool {
        if case .socket = kind { return true }
        return false
    }

    /// It may keep a file to which no descriptor leads.
    fileprivate var keepsFiles: Bool {
        switch kind {
        case .socket, .ringFiles: true
        case .device, .pinned, .locked, .pipe, .ioUring: false
        }
    }

    /// It may keep anonymous pages.
    fileprivate var canPin: Bool {
        switch kind {
        case .device, .pinned, .locked, .pipe, .ioUring: true
        case .socket, .ringFiles: false
        }
    }

    /// How many pages of `size` a buffer can keep: those that it touches.
    fileprivate func pages(of size: PageSize) -> UInt64 {
        guard case .ioUring(let buffer, _) = kind, !buffer.isEmpty else { return 0 }
        return (buffer.upperBound - 1) / size.bytes - buffer.lowerBound / size.bytes + 1
    }
}
