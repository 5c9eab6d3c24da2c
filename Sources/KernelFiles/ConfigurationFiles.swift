import Glibc
import Observations
import SystemPackage

/// Files by which somebody configures the machine, in folders of which an earlier one goes before a later one.
/// Source: sysctl.d(5), tmpfiles.d(5), systemd.unit(5).
extension KernelRoot {
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
            do throws(KernelFileError) { found = try names(in: folder) } catch {
                if !error.isMissing { throw error }
            }
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

    /// The content of a file, through links as they are meant below this root. Nil where there is none: no file, a link to
    /// `/dev/null`, by which one is masked, or something that is no plain file, and where it has more than `most` bytes.
    private func content(of relative: String, most: UInt64) throws(KernelFileError) -> [UInt8]? {
        var place = relative
        for _ in 0..<Self.mostLinks {
            let path = path(place)
            do {
                let file = try FileDescriptor.open(
                    path, .readOnly, options: [.closeOnExec, .noFollow, .nonBlocking])
                defer { try? file.close() }
                let status = try FileStatus(in: file)
                guard status.isRegular, status.length <= most else { return nil }
                return try file.content(length: Int(status.length))
            } catch {
                let error = KernelFileError("read", path, error)
                if error.isMissing { return nil }
                guard case .system(_, .tooManySymbolicLinkLevels) = error.problem else { throw error }
            }
            let target = try link(place).repaired
            let folder = target.hasPrefix("/") ? [] : place.split(separator: "/").dropLast()
            place = (folder + target.split(separator: "/")).joined(separator: "/")
        }
        return nil
    }

    /// As many as the kernel follows in one path. Source: path_resolution(7).
    private static let mostLinks = 40
}

extension [Unread] {
    mutating func collectConfiguration(_ read: () throws(KernelFileError) -> Void) {
        collect(.configuration, "how many huge pages the machine was asked for", read)
    }
}

extension KernelFileError {
    /// It says that there is no such file.
    fileprivate var isMissing: Bool {
        switch problem {
        case .system(_, .noSuchFileOrDirectory), .system(_, .notDirectory): true
        default: false
        }
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
