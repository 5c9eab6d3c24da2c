import Glibc
import Observations
import PageModel
import SystemPackage

/// Looks at cgroups from the top of each hierarchy on. They are other people's: one that is gone meanwhile is none.
struct HugetlbCgroupWalk {
    private let sizes: [PageSize]
    /// The root's folder, without a last slash.
    private let top: [UInt8]
    /// Cgroups that are looked at in one hierarchy. The uppermost come first: who may make cgroups hides none above his own.
    private let most: Int
    private(set) var found: [HugetlbCgroup] = []
    /// What could not be read: the first of it, and how much it is.
    private var refused: (error: KernelFileError, count: Int)?
    /// The folder of a hierarchy with more than `most` cgroups.
    private var cut: ForeignText?

    init(root: KernelRoot, sizes: [PageSize], most: Int = 1 << 14) {
        (self.sizes, self.most) = (sizes, most)
        top = root.isLive ? [] : ForeignText(root.directory).bytes
    }

    var unread: [Unread] {
        var unread: [Unread] = []
        if let refused {
            unread.note(.cgroups, "limits of huge pages: \(refused.count) files or folders of cgroups", refused.error)
        }
        if let cut {
            unread.append(
                Unread(
                    .cgroups, what: "limits of huge pages in all but the first \(most) cgroups", path: cut,
                    reason: "there are more", remedy: "Remove cgroups that nobody uses"))
        }
        return unread
    }

    mutating func walk(_ hierarchy: CgroupHierarchy) {
        /// Paths below the hierarchy's folder.
        var cgroups: [[UInt8]] = [[]]
        var next = 0
        while next < cgroups.count {
            let cgroup = cgroups[next]
            next += 1
            // What is reserved or refused below counts in all version 2 cgroups above: those without it need no look below.
            var isQuiet = hierarchy.version == .v2
            for size in sizes {
                do {
                    guard let limits = try limits(hierarchy, cgroup, size) else { continue }
                    isQuiet = false
                    if limits.limit != nil || limits.isRefused { found.append(limits) }
                } catch {
                    isQuiet = false
                    note(error)
                }
            }
            if isQuiet { continue }
            do {
                let names = try children(hierarchy, cgroup)
                if cgroups.count + names.count > most { cut = hierarchy.folder }
                cgroups += names.prefix(most - cgroups.count).map { cgroup + [UInt8(ascii: "/")] + $0 }
            } catch { note(error) }
        }
    }

    /// What is not there, or no more, is nothing that could not be read.
    private mutating func note(_ error: KernelFileError) {
        if case .system(_, let errno) = error.problem, [ENOENT, ENODEV, ENOTDIR, ELOOP].contains(errno.rawValue) {
            return
        }
        refused = (refused?.error ?? error, (refused?.count ?? 0) + 1)
    }

    /// Nil where nothing is reserved and nothing was refused: whatever the limit, there is nothing to say of it.
    private func limits(
        _ hierarchy: CgroupHierarchy, _ cgroup: [UInt8], _ size: PageSize
    ) throws(KernelFileError) -> HugetlbCgroup? {
        let top = hierarchy.top == ForeignText("/") ? [] : hierarchy.top.bytes
        let path = top + cgroup
        var limits = HugetlbCgroup(
            hierarchy.version, path: path.isEmpty ? ForeignText("/") : ForeignText(path),
            folder: ForeignText(hierarchy.folder.bytes + cgroup), size: size)
        func parsed<Value>(
            _ file: HugetlbCgroup.File, _ parse: ([UInt8]) throws(FormatError) -> Value
        ) throws(KernelFileError) -> Value {
            let path = limits.path(of: file).bytes
            let bytes = try content(path)
            do { return try parse(bytes) } catch { throw KernelFileError(place(path), error) }
        }
        let limit = { (content: [UInt8]) throws(FormatError) in try hugetlbLimit(parsing: content, of: size) }
        let number = { (content: [UInt8]) throws(FormatError) in try content.number("a number") }
        switch hierarchy.version {
        case .v1:
            limits.refusals = try parsed(.refusals, number)
            limits.refusedReservations = try parsed(.refusedReservations, number)
        case .v2: limits.refusals = try parsed(.refusals, hugetlbEvents)
        }
        limits.reserved = try parsed(.reserved, number)
        if limits.reserved == 0, !limits.isRefused { return nil }
        limits.limit = try parsed(.limit, limit)
        limits.usage = try parsed(.usage, number)
        limits.reservedLimit = try parsed(.reservedLimit, limit)
        return limits
    }

    /// The names of the cgroups in `cgroup`. In version 2 only of those that the controller was handed down to.
    private func children(_ hierarchy: CgroupHierarchy, _ cgroup: [UInt8]) throws(KernelFileError) -> [[UInt8]] {
        let folder = hierarchy.folder.bytes + cgroup
        if hierarchy.version == .v2 {
            let controllers = try content(folder + "/cgroup.subtree_control".utf8)
            let words = TextLine(controllers[...].trimmed, number: 1).words
            if !words.contains(where: { $0.elementsEqual("hugetlb".utf8) }) { return [] }
        }
        return try folders(in: folder)
    }

    /// Where what the machine knows by this path is below the root.
    private func place(_ path: [UInt8]) -> FilePath { FilePath(platformString: cString(path)) }

    private func cString(_ path: [UInt8]) -> [CChar] { (top + path).map { CChar(bitPattern: $0) } + [0] }

    private func opened(_ path: [UInt8], _ options: Int32 = 0) throws(KernelFileError) -> FileDescriptor {
        let number = open(cString(path), options | O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        guard number >= 0 else { throw KernelFileError("open", place(path), Errno.last) }
        return FileDescriptor(rawValue: number)
    }

    /// All of a file that the kernel gives at once.
    private func content(_ path: [UInt8]) throws(KernelFileError) -> [UInt8] {
        let file = try opened(path)
        defer { try? file.close() }
        var bytes = [UInt8](repeating: 0, count: 4096)
        do { bytes.removeLast(bytes.count - (try bytes.withUnsafeMutableBytes { try file.read(into: $0) })) } catch {
            throw KernelFileError("read", place(path), error)
        }
        return bytes
    }

    /// The names of the folders in a folder, without links to such.
    private func folders(in path: [UInt8]) throws(KernelFileError) -> [[UInt8]] {
        let folder = try opened(path, O_DIRECTORY)
        guard let stream = fdopendir(folder.rawValue) else {
            try? folder.close()
            throw KernelFileError("list", place(path), Errno.last)
        }
        defer { closedir(stream) }
        var names: [[UInt8]] = []
        while let entry = readdir(stream) {
            guard [DT_DIR, DT_UNKNOWN].contains(Int(entry.pointee.d_type)) else { continue }
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
            if name != [UInt8(ascii: ".")], name != Array("..".utf8) { names.append(name) }
        }
        return names
    }
}

extension HugetlbCgroup {
    fileprivate var isRefused: Bool { refusals > 0 || refusedReservations ?? 0 > 0 }
}
