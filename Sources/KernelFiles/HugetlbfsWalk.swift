internal import CKernel
import Glibc
import Observations
import PageModel
import SystemPackage

/// What a walk of a hugetlbfs left out.
struct HugetlbfsWalk: Hashable {
    /// How far it goes: whoever may write there can make any number of files and folders.
    struct Limits: Hashable {
        /// Folders below the root of the mount on the way to a file. Each takes a descriptor.
        var depth = 64
        /// Names of any kind.
        var entries: UInt64 = 2_000_000
    }

    /// Folders below the deepest that are listed.
    var tooDeep: UInt64 = 0
    /// Folders that could not be listed to their end, files that could not be looked at.
    var refused: UInt64 = 0
    /// The first reason for `refused`.
    var refusal: Errno?
    /// There are more names than the limit.
    var isCutOff = false

    fileprivate var entries: UInt64 = 0
}

extension HugetlbfsTree {
    /// Every regular file that has pages or a length, in no order. What vanishes in between is passed by. Memory and
    /// descriptors do not grow with the number of files.
    /// - Parameter body: gets the path from the root of the mount, any bytes, without a slash at its start.
    /// - Throws: where the root itself cannot be listed.
    func walk(
        _ limits: HugetlbfsWalk.Limits = .init(), each body: (_ path: [UInt8], FileStatus) -> Void
    ) throws(KernelFileError) -> HugetlbfsWalk {
        var walk = HugetlbfsWalk()
        var folders: [OpenFolder] = []
        defer { for folder in folders { folder.close() } }
        do { folders.append(try OpenFolder(listing: top, prefix: [])) } catch {
            throw KernelFileError("list", path, error)
        }
        while let folder = folders.last, !walk.isCutOff {
            let next = Result { () throws(Errno) in try folder.next() }
            guard case .success(let entry?) = next else {
                // An error would come again and again.
                folders.removeLast().close()
                if case .failure(let error) = next { walk.note(error) }
                continue
            }
            do {
                walk.entries += 1
                walk.isCutOff = walk.entries > limits.entries
                if walk.isCutOff { break }
                if try isFolder(entry, in: folder, body) {
                    if folders.count > limits.depth {
                        walk.tooDeep += 1
                    } else {
                        folders.append(try subfolder(entry, of: folder))
                    }
                }
            } catch { walk.note(error) }
        }
        return walk
    }

    /// Hands on what is a file.
    private func isFolder(
        _ entry: OpenFolder.Entry, in folder: OpenFolder, _ body: ([UInt8], FileStatus) -> Void
    ) throws(Errno) -> Bool {
        switch Int(entry.type) {
        case Int(DT_DIR): return true
        case Int(DT_REG):
            let status = try FileStatus(of: entry.name, in: folder.descriptor)
            // On some names something else is mounted; what is empty cannot have reserved anything.
            if status.device == place.mount.device, status.allocated > 0 || status.length > 0 {
                body(folder.prefix + entry.bytes, status)
            }
        // FIFOs, sockets, devices.
        default: break
        }
        return false
    }

    private func subfolder(_ entry: OpenFolder.Entry, of folder: OpenFolder) throws(Errno) -> OpenFolder {
        let found = try way.open(entry.name, in: folder.descriptor)
        defer { try? found.close() }
        let status = try FileStatus(in: found)
        // The device comes first: to ask another filesystem for its kind can mean to wait for a server.
        guard status.device == place.mount.device, try found.hugetlbfsPageSize() != nil else { throw .improperLink }
        guard status.isFolder else { throw .notDirectory }
        return try OpenFolder(listing: found, prefix: folder.prefix + entry.bytes + [UInt8(ascii: "/")])
    }
}

extension HugetlbfsWalk {
    /// - Parameter error: of what was found under a name.
    fileprivate mutating func note(_ error: Errno) {
        switch error {
        // Gone, or something else took its place or is mounted there.
        case .noSuchFileOrDirectory, .notDirectory, .tooManySymbolicLinkLevels, .improperLink: break
        default:
            refused += 1
            refusal = refusal ?? error
        }
    }
}

/// A folder whose names are being read.
private struct OpenFolder {
    /// One name, as the folder itself has it.
    struct Entry {
        /// `DT_REG`, `DT_DIR`, …
        let type: UInt8
        /// Ended by 0.
        let name: [CChar]
        var bytes: [UInt8] { name.dropLast().map { UInt8(bitPattern: $0) } }
    }

    private let stream: OpaquePointer
    /// The path of what is in it without its name: empty, or with a slash at the end.
    let prefix: [UInt8]

    /// - Parameter folder: an O_PATH descriptor of a folder, which stays the caller's.
    init(listing folder: FileDescriptor, prefix: [UInt8]) throws(Errno) {
        let file = cbeneath_open_for_listing(folder.rawValue)
        if file < 0 { throw .last }
        guard let stream = fdopendir(file) else {
            let error = Errno.last
            Glibc.close(file)
            throw error
        }
        (self.stream, self.prefix) = (stream, prefix)
    }

    func close() { closedir(stream) }

    var descriptor: FileDescriptor { FileDescriptor(rawValue: dirfd(stream)) }

    /// The next name but `.` and `..`; nil at the end.
    func next() throws(Errno) -> Entry? {
        while true {
            errno = 0
            guard let entry = readdir(stream) else {
                if errno == 0 { return nil }
                throw .last
            }
            let name = withUnsafePointer(to: &entry.pointee.d_name) { name in
                name.withMemoryRebound(to: CChar.self, capacity: MemoryLayout.size(ofValue: name.pointee)) {
                    Array(UnsafeBufferPointer(start: $0, count: strlen($0) + 1))
                }
            }
            if name != [46, 0], name != [46, 46, 0] { return Entry(type: entry.pointee.d_type, name: name) }
        }
    }
}
