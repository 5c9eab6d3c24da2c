import Glibc
import Observations
import SystemPackage

/// A kind of namespace, by its name below `/proc/PID/ns`.
enum NamespaceKind: String {
    case mount = "mnt"
    case ipc
    case network = "net"

    /// The number in what such a link says: `mnt:[4026531832]`; nil where it says something else.
    func inode(in link: some BidirectionalCollection<UInt8>) -> UInt64? {
        let start = Array("\(rawValue):[".utf8)
        guard link.starts(with: start), link.last == UInt8(ascii: "]") else { return nil }
        return UInt64(digits: link.dropFirst(start.count).dropLast())
    }
}

/// The distinct namespaces of one kind.
struct Namespaces {
    /// In the order of the processes, but the audit's own first.
    fileprivate(set) var all: [Namespace] = []
    /// Folders below `proc` of processes whose namespace the system would not tell, though they are there.
    fileprivate(set) var untold: [String] = []
    private var indices: [UInt64: Int] = [:]

    fileprivate mutating func add(_ process: String, in inode: UInt64, root: () -> ForeignText?) {
        let index = indices[inode] ?? all.count
        if index == all.count {
            indices[inode] = index
            all.append(Namespace(inode: inode))
        }
        all[index].add(process, root: root)
    }
}

/// One namespace, and processes through which it can be looked into.
struct Namespace {
    /// Its inode number, which no other has as long as it lives.
    let inode: UInt64
    private var whole: [String] = []
    private var parts: [(root: ForeignText?, process: String)] = []

    fileprivate init(inode: UInt64) { self.inode = inode }

    /// Folders below `proc`, `self` for the audit's own. More than one, as the first may be gone when it is needed. A process
    /// shows no mounts outside its root: where none has the root of the namespace, there is one for each root.
    var processes: [String] { isWhole ? whole : parts.map(\.process) }

    /// Whether each of `processes` alone shows the whole namespace; else only all of them together show what can be seen.
    var isWhole: Bool { !whole.isEmpty }

    private static let mostWhole = 4
    private static let mostParts = 16

    /// - Parameter root: of the process; asked for only while it matters.
    fileprivate mutating func add(_ process: String, root: () -> ForeignText?) {
        guard whole.count < Self.mostWhole else { return }
        let root = root()
        if root == ForeignText("/") {
            whole.append(process)
        } else if parts.count < Self.mostParts, !parts.contains(where: { $0.root == root }) {
            parts.append((root, process))
        }
    }
}

extension KernelRoot {
    /// The namespace of a process, as its inode number. Nil where it cannot be read, or in a saved tree.
    /// - Parameter process: its folder below `proc`: `12`, or `12/task/13` for one thread.
    func namespace(_ kind: NamespaceKind, of process: String) -> UInt64? {
        (try? link("proc/\(process)/ns/\(kind.rawValue)")).flatMap { kind.inode(in: $0.bytes) }
    }

    /// The namespaces that the audit and these processes are in. Those that have ended are left out.
    /// - Parameter processes: their folders below `proc`.
    func namespaces(_ kind: NamespaceKind, of processes: [String]) -> Namespaces {
        var namespaces = Namespaces()
        for process in ["self"] + processes {
            do {
                let text = try link("proc/\(process)/ns/\(kind.rawValue)")
                guard let inode = kind.inode(in: text.bytes) else {
                    namespaces.untold.append(process)
                    continue
                }
                namespaces.add(process, in: inode) {
                    // Only of mounts does the root hide some.
                    kind == .mount ? try? link("proc/\(process)/root") : ForeignText("/")
                }
            } catch {
                switch error.problem {
                case .system(_, .noSuchFileOrDirectory), .system(_, .noSuchProcess): break
                default: namespaces.untold.append(process)
                }
            }
        }
        return namespaces
    }

    /// A descriptor of the namespace, for setns(2), which the caller closes; and the process that led there: another may have
    /// taken the number of one that has ended.
    func openNamespace(
        _ kind: NamespaceKind, _ namespace: Namespace
    ) throws(KernelFileError) -> (descriptor: FileDescriptor, process: String) {
        var failure = KernelFileError(path("proc"), replaced: "no process leads to the namespace")
        for process in namespace.processes {
            let path = path("proc/\(process)/ns/\(kind.rawValue)")
            do {
                let descriptor = try FileDescriptor.opened(path)
                if (try? FileStatus(in: descriptor))?.inode == namespace.inode { return (descriptor, process) }
                try? descriptor.close()
                failure = KernelFileError(path, replaced: "it is another namespace now")
            } catch { failure = error }
        }
        throw failure
    }
}
