import Observations
import SystemPackage

/// One hugetlbfs, from the root of one of its mounts down. Whoever may write there can arrange anything, and the audit is
/// root: so no link is followed, no mount point is crossed, and nothing is opened but what an O_PATH descriptor has shown
/// to be a folder, or for `open` a regular file, of this hugetlbfs.
struct HugetlbfsTree: ~Copyable {
    let place: HugetlbfsPlace
    /// Where it is for the audit; errors name it.
    let path: FilePath
    let way: OpenBeneath
    /// An O_PATH descriptor.
    let top: FileDescriptor

    /// - Throws: also where something else is mounted over it or in its place, and says so.
    init(_ place: HugetlbfsPlace, in root: KernelRoot, way: OpenBeneath = .openat2) throws(KernelFileError) {
        (self.place, self.way) = (place, way)
        path = root.path(of: place)
        top = try Self.open(place, in: root, way)
    }

    deinit { try? top.close() }

    /// Opens what is at the place now, and shows that it is what was meant. The device comes first: to ask a filesystem for
    /// its kind can mean to wait for a server. The kernel gives the numbers of a mount that is gone to the next one, so
    /// that a hugetlbfs of other pages can have them.
    private static func open(
        _ place: HugetlbfsPlace, in root: KernelRoot, _ way: OpenBeneath
    ) throws(KernelFileError) -> FileDescriptor {
        let (top, path) = (try root.open(place, way), root.path(of: place))
        let (isMeant, other): (Bool, String)
        do {
            let status = try FileStatus(in: top)
            let isSame = status.device == place.mount.device && status.mount ?? place.mount.id == place.mount.id
            let size = try isSame && status.isFolder ? top.hugetlbfsPageSize() : nil
            isMeant = size != nil && size == place.mount.pageSize
            other = isSame && !status.isFolder ? "a single file" : "something else"
        } catch {
            try? top.close()
            throw KernelFileError("open", path, error)
        }
        if isMeant { return top }
        try? top.close()
        throw KernelFileError(path, replaced: "\(other) is mounted there instead of the hugetlbfs")
    }

    /// An O_PATH descriptor of a regular file, which the caller closes.
    /// - Parameter name: from the root of the mount, as `walk` gives it.
    func open(_ name: some Collection<UInt8>) throws(KernelFileError) -> FileDescriptor {
        func failure(_ error: any Error) -> KernelFileError {
            KernelFileError("open", path.appending(ForeignText(name)), error)
        }
        var at = top
        for part in name.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false) {
            let next = Result { () throws(Errno) in try way.open(part.map { CChar(bitPattern: $0) } + [0], in: at) }
            if at != top { try? at.close() }
            do { at = try next.get() } catch { throw failure(error) }
        }
        let isFile: Bool
        do {
            let status = try FileStatus(in: at)
            isFile = try status.device == place.mount.device && status.isRegular && at.hugetlbfsPageSize() != nil
        } catch {
            try? at.close()
            throw failure(error)
        }
        if isFile { return at }
        try? at.close()
        throw KernelFileError(path.appending(ForeignText(name)), replaced: "it is no regular file of the hugetlbfs")
    }
}

extension KernelRoot {
    fileprivate func path(of place: HugetlbfsPlace) -> FilePath {
        (place.through == nil ? directory : path("proc/\(place.process)/root")).appending(place.mount.mountPoint)
    }

    /// An O_PATH descriptor of what is at the place now. No server is asked on the way: it might never answer.
    fileprivate func open(_ place: HugetlbfsPlace, _ way: OpenBeneath) throws(KernelFileError) -> FileDescriptor {
        let (path, rootPath) = (path(of: place), self.path("proc/\(place.process)/root"))
        let root: FileDescriptor
        do { root = try .openRoot(rootPath) } catch { throw KernelFileError("open", rootPath, error) }
        defer { try? root.close() }
        let mountPoint = place.mount.mountPoint.bytes.map { CChar(bitPattern: $0) } + [0]
        do { return try way.open(mountPoint, in: root, .cachedPath) } catch {
            guard error == .resourceTemporarilyUnavailable else { throw KernelFileError("open", path, error) }
        }
        if let type = try typeOfServer(above: place) {
            throw KernelFileError(
                path, replaced: "the way to it leads through a filesystem of type \(type), which might not answer")
        }
        do { return try way.open(mountPoint, in: root, .path) } catch {
            throw KernelFileError("open", path, error)
        }
    }

    /// The type of a filesystem above the place that asks a server. The audit itself lives by its own root.
    private func typeOfServer(above place: HugetlbfsPlace) throws(KernelFileError) -> String? {
        var type: String?
        try mounts(of: place.process, ofTypes: MountInfo.servers) { mount in
            if place.through == nil, mount.mountPoint == ForeignText("/") { return }
            if mount.isOnTheWay(to: place.mount.mountPoint) { type = mount.type.escaped(limit: 40) }
        }
        return type
    }
}

extension MountInfo {
    /// Whether the mount point is a folder above `path`.
    func isOnTheWay(to path: ForeignText) -> Bool {
        let slash = UInt8(ascii: "/")
        let above = mountPoint.bytes.last == slash ? mountPoint.bytes : mountPoint.bytes + [slash]
        return path.bytes.starts(with: above) && path.bytes.count > above.count
    }
}

extension FilePath {
    fileprivate func appending(_ text: ForeignText) -> FilePath {
        let bytes = text.bytes.drop { $0 == UInt8(ascii: "/") }.map { CChar(bitPattern: $0) } + [0]
        return bytes.withUnsafeBufferPointer { $0.baseAddress.map { pushing(FilePath(platformString: $0)) } ?? self }
    }
}
