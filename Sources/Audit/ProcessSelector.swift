internal import Glibc
public import Observations
public import PageModel

/// Which processes one word of the command line means: a PID, a cgroup path, a systemd unit, a pod, a container, or a name
/// with the wildcards of the shell.
public struct ProcessSelector: Hashable, Sendable {
    private enum Meaning: Hashable {
        case process(PID)
        /// A path of `/proc/PID/cgroup`, without a slash at its end, and all that is below.
        case cgroup([UInt8])
        /// A folder of the path, with systemd's escapes undone.
        case unit([UInt8])
        /// With hyphens.
        case pod(String)
        /// The beginning of a container's id, or a pod's without hyphens.
        case id(String)
        /// Of the process, or that of a container of LXC or systemd-nspawn.
        case name([UInt8])
        case pattern([UInt8])
    }

    private let meaning: Meaning

    public init(_ word: String) {
        let bytes = Array(word.utf8)
        let lowered = word.lowercased()
        if bytes.allSatisfy(\.isDigit), let number = Int32(word) {
            meaning = .process(PID(number))
        } else if bytes.first == UInt8(ascii: "/") {
            meaning = .cgroup(Self.withoutEnd(bytes))
        } else if Self.unitSuffixes.contains(where: word.hasSuffix) {
            meaning = .unit(CgroupName.withoutEscapes(bytes))
        } else if (12...64).contains(bytes.count), lowered.utf8.allSatisfy(\.isHexadecimal) {
            meaning = .id(lowered)
        } else if let pod = CgroupName.podWithoutSlice(Array("pod\(lowered)".utf8)[...]) {
            meaning = .pod(pod)
        } else {
            meaning = bytes.contains(where: "*?[".utf8.contains) ? .pattern(bytes) : .name(bytes)
        }
    }

    private static let unitSuffixes = [".service", ".scope", ".slice", ".mount", ".socket", ".swap"]

    /// The process that the word is the number of; nil where it means something else.
    public var isPID: PID? {
        if case .process(let pid) = meaning { return pid }
        return nil
    }

    /// - Parameters:
    ///   - name: `comm`, of which the kernel keeps 15 bytes.
    ///   - cgroup: the path as `/proc/PID/cgroup` has it.
    public func matches(pid: PID, name: ForeignText, cgroup: ForeignText) -> Bool {
        switch meaning {
        case .process(let number): return pid == number
        case .cgroup(let path):
            let rest = cgroup.bytes.dropFirst(path.count)
            return cgroup.bytes.starts(with: path) && (rest.isEmpty || rest.first == UInt8(ascii: "/"))
        case .unit(let unit):
            return cgroup.bytes.split(separator: UInt8(ascii: "/")).contains { folder in
                CgroupName.withoutEscapes(CgroupName.unescaped(folder)) == unit
            }
        case .pod(let pod): return CgroupOwner(of: cgroup).pod == pod
        case .id(let id):
            let owner = CgroupOwner(of: cgroup)
            return name.bytes.elementsEqual(id.utf8) || owner.pod?.filter { $0 != "-" } == id
                || owner.container.map { $0.id.bytes.starts(with: id.utf8) } ?? false
        case .name(let word):
            return name.bytes == word || (word.count > 15 && name.bytes.elementsEqual(word.prefix(15)))
                || CgroupOwner(of: cgroup).container?.id.bytes == word
        case .pattern(let pattern): return Self.matches(name.bytes, pattern)
        }
    }

    private static func withoutEnd(_ path: [UInt8]) -> [UInt8] {
        Array(path.prefix((path.lastIndex { $0 != UInt8(ascii: "/") } ?? -1) + 1))
    }

    /// By fnmatch(3).
    private static func matches(_ name: [UInt8], _ pattern: [UInt8]) -> Bool {
        let text = { (bytes: [UInt8]) in bytes.map { CChar(bitPattern: $0) } + [0] }
        return fnmatch(text(pattern), text(name), 0) == 0
    }
}

extension UInt8 {
    fileprivate var isDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }
    fileprivate var isHexadecimal: Bool { isDigit || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(self) }
}
