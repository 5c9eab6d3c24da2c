import Glibc
import Observations
import PageModel
import SystemPackage

/// Who a process is: `comm`, `cmdline`, `cgroup` and the user's name. All but the user's are the process's own words.
extension KernelRoot {
    /// At most 15 bytes, without the newline that the kernel adds. Empty where the process has ended.
    func name(of process: PID) -> ForeignText { text("proc/\(process)/comm") }

    /// All of it.
    /// - Parameter user: the name of its real user.
    func identity(of process: PID, user: ForeignText) -> ProcessIdentity {
        ProcessIdentity(
            name: name(of: process), command: command(of: process), user: user, cgroup: cgroup(of: process))
    }

    /// The first 4 KiB of the arguments, with blanks for the NUL bytes between them.
    func command(of process: PID) -> ForeignText {
        let text = text("proc/\(process)/cmdline", limit: 4096)
        let end = text.bytes.lastIndex { $0 != 0 }.map { $0 + 1 } ?? 0
        return ForeignText(text.bytes[..<end].map { $0 == 0 ? .blank : $0 })
    }

    /// The cgroup that tells most of the process: of those that are not the root the hugetlb controller's, else the unified
    /// one, else the first; the root where it is in no other. Source: kernel `Documentation/admin-guide/cgroup-v2.rst`.
    func cgroup(of process: PID) -> ForeignText {
        var paths: [(rank: Int, path: ArraySlice<UInt8>)] = []
        for line in text("proc/\(process)/cgroup", limit: 1 << 16).bytes.split(separator: .newline) {
            let parts = line.split(separator: UInt8(ascii: ":"), maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3, parts[2] != [UInt8(ascii: "/")] else { continue }
            let controllers = parts[1].split(separator: UInt8(ascii: ","))
            let isHugetlb = controllers.contains { $0.elementsEqual("hugetlb".utf8) }
            paths.append((rank: isHugetlb ? 0 : parts[1].isEmpty ? 1 : 2, path: parts[2]))
        }
        return paths.min { $0.rank < $1.rank }.map { ForeignText($0.path) } ?? ForeignText("/")
    }

    /// The names in `/etc/passwd`, by user id. A directory service is not asked: it might not answer at 3 a.m.
    func userNames() -> [UInt32: ForeignText] {
        var names: [UInt32: ForeignText] = [:]
        for line in text("etc/passwd").bytes.split(separator: .newline) {
            let fields = line.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
            guard fields.count > 2, let id = UInt32(digits: fields[2]), names[id] == nil else { continue }
            names[id] = ForeignText(fields[0])
        }
        return names
    }

    /// The content without a last newline; empty where it cannot be read: a name is worth no failure.
    private func text(_ file: String, limit: Int = 1 << 20) -> ForeignText {
        var bytes: [UInt8] = []
        guard (try? read(file, into: &bytes, limit: limit)) != nil else { return ForeignText("") }
        if bytes.last == .newline { bytes.removeLast() }
        return ForeignText(bytes.prefix(limit))
    }
}
