import Glibc
import Observations
import SystemPackage

/// Files by which somebody configures the machine, in folders of which an earlier one goes before a later one.
/// Source: sysctl.d(5), tmpfiles.d(5), systemd.unit(5).
extension KernelRoot {
    /// The folders of that name, those that go before first. `lib` is one by itself on Debian 11 that was never merged.
    static func configurationFolders(_ name: String) -> [String] {
        ["etc", "run", "usr/local/lib", "usr/lib", "lib"].map { "\($0)/\(name)" }
    }

    /// The files of that ending, ascending by name, whatever folder they are in. A file in an earlier folder masks those of
    /// its name in later ones.
    func configurationFiles(_ ending: String, in folders: [String], unread: inout [Unread]) -> [String] {
        var places: [String: String] = [:]
        for folder in folders {
            for name in configurationNames(in: folder, unread: &unread)
            where name.hasSuffix(ending) && places[name] == nil {
                places[name] = "\(folder)/\(name)"
            }
        }
        return places.sorted { $0.key < $1.key }.map(\.value)
    }

    /// The names in a folder; none where there is no such folder.
    func configurationNames(in folder: String, unread: inout [Unread]) -> [String] {
        var found: [String] = []
        unread.collectConfiguration { () throws(KernelFileError) in
            found = try located(folder, "list") { place, _ in try KernelRoot.names(at: place) } ?? []
        }
        return found
    }

    /// Hands over the content of a file that is there. What cannot be read is noted.
    /// - Parameters:
    ///   - most: a longer file is none that is meant. Unit: bytes.
    ///   - mentions: only where it mentions huge pages.
    func configuration(
        _ relative: String, most: UInt64 = 1 << 24, mentions: Bool = true, unread: inout [Unread],
        _ body: ([UInt8]) throws(FormatError) -> Void
    ) {
        unread.collectConfiguration { () throws(KernelFileError) in
            guard let content = try content(of: relative, most: most), !mentions || content.mentionsHugepages else {
                return
            }
            do throws(FormatError) { try body(content) } catch { throw KernelFileError(path(relative), error) }
        }
    }

    /// The content of a file. Nil where there is none: no file, a link to `/dev/null`, by which one is masked, or something
    /// that is no plain file, and where it has more than `most` bytes.
    private func content(of relative: String, most: UInt64) throws(KernelFileError) -> [UInt8]? {
        try located(relative, "read") { place, status in
            guard status.isRegular, status.length <= most else { return nil }
            let file = try FileDescriptor.open(place, .readOnly, options: [.closeOnExec, .nonBlocking])
            defer { try? file.close() }
            return try file.content(length: Int(status.length))
        }
    }

    /// What `body` makes of a file or folder, to which links lead as they are meant below this root, never out of it. It gets
    /// a path that leads to nothing else. Nil where nothing is there.
    private func located<Value>(
        _ relative: String, _ action: String, _ body: (FilePath, FileStatus) throws -> Value?
    ) throws(KernelFileError) -> Value? {
        do {
            let found = try FileDescriptor.open(relative, inRoot: directory)
            defer { try? found.close() }
            return try body(FilePath("/proc/self/fd/\(found.rawValue)"), try FileStatus(in: found))
        } catch {
            switch error as? Errno {
            case .noSuchFileOrDirectory, .notDirectory, .tooManySymbolicLinkLevels: return nil
            default: throw KernelFileError(action, path(relative), error)
            }
        }
    }
}

extension [Unread] {
    mutating func collectConfiguration(_ read: () throws(KernelFileError) -> Void) {
        collect(.configuration, "how many huge pages the machine was asked for", read)
    }
}

extension FileDescriptor {
    /// The first bytes of a plain file, as many as there are up to `length`.
    fileprivate func content(length: Int) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: length)
        var filled = 0
        while filled < length {
            let count = try bytes.withUnsafeMutableBytes { try read(into: .init(rebasing: $0[filled...])) }
            if count == 0 { break }
            filled += count
        }
        bytes.removeLast(length - filled)
        return bytes
    }
}
