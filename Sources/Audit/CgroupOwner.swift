public import Observations

/// Whose a cgroup is, as far as its path tells: names that systemd, Kubernetes and container engines give. Anybody who may
/// make cgroups can imitate them.
public struct CgroupOwner: Hashable, Sendable, CustomStringConvertible {
    public enum Runtime: String, Sendable {
        case containerd
        case crio = "cri-o"
        case docker
        case lxc
        case nspawn = "systemd-nspawn"
        case podman
    }

    public struct Container: Hashable, Sendable {
        /// Nil where the path does not tell: with the cgroupfs driver all engines of Kubernetes name cgroups alike.
        public var runtime: Runtime?
        /// 64 hexadecimal digits; the name that LXC and systemd-nspawn know it by.
        public var id: ForeignText
        public init(_ runtime: Runtime?, _ id: ForeignText) { (self.runtime, self.id) = (runtime, id) }
    }

    /// The innermost systemd unit, as systemctl takes its name; slices do not count. Nil, too, for a scope that is only
    /// there for `container`.
    public var unit: ForeignText?
    /// The innermost.
    public var container: Container?
    /// The uid of the Kubernetes pod, with hyphens; the id of Podman's.
    public var pod: String?

    init(unit: ForeignText? = nil, container: Container? = nil, pod: String? = nil) {
        (self.unit, self.container, self.pod) = (unit, container, pod)
    }

    /// - Parameter cgroup: the path as `/proc/PID/cgroup` has it.
    public init(of cgroup: ForeignText) {
        var reader = CgroupPathReader()
        for name in cgroup.bytes.split(separator: UInt8(ascii: "/")) { reader.enter(name) }
        self = reader.owner
    }

    /// For a terminal: `pod 5c3…, container 4f797c539e6c (containerd)`, `foo.service`. Empty where nothing is known.
    public var description: String {
        let parts = [
            pod.map { "pod \($0)" }, container?.shown,
            unit.map { ForeignText(CgroupName.withoutEscapes($0.bytes)).escaped(limit: 60) },
        ]
        return parts.compactMap { $0 }.joined(separator: ", ")
    }
}

extension CgroupOwner.Container {
    /// Twelve digits are what the engines themselves show of an id.
    fileprivate var shown: String {
        let name = CgroupName.isID(id.bytes) ? String(id.repaired.prefix(12)) : id.escaped(limit: 40)
        return "container \(name)" + (runtime.map { " (\($0.rawValue))" } ?? "")
    }
}

/// Reads a path from its top to its bottom: what stands further down replaces what stands above.
private struct CgroupPathReader {
    /// What the folder that was entered last is.
    private enum Folder {
        /// The root, a slice or a unit.
        case plain
        case container
        /// It has a container of this engine in each folder that is named like an id.
        case ids(CgroupOwner.Runtime)
        /// It has a container of LXC in each folder.
        case names
        case unknown
    }

    private(set) var owner = CgroupOwner()
    private var folder = Folder.plain
    /// Units stand below slices, and again in a user's manager, a session and a container, and nowhere else.
    /// Source: systemd `src/basic/cgroup-util.c`, `cg_path_get_unit`.
    private var hasUnits = true
    private var isBelowKubepods = false

    mutating func enter(_ name: ArraySlice<UInt8>) {
        if case .names = folder { return contain(.init(.lxc, ForeignText(name))) }
        if let pod = CgroupName.pod(name) ?? (isBelowKubepods ? CgroupName.podWithoutSlice(name) : nil) {
            (owner, folder, hasUnits) = (CgroupOwner(pod: pod), .unknown, false)
            if let container = CgroupName.container(name) { contain(container) }
        } else if let container = CgroupName.container(name) {
            if CgroupName.isUnit(name) { owner.unit = nil }
            contain(container)
        } else if case .ids(let runtime) = folder, CgroupName.isID(name) {
            contain(.init(runtime, ForeignText(name)))
        } else if CgroupName.isID(name) {
            contain(.init(nil, ForeignText(name)))
        } else if CgroupName.isSlice(name) {
            folder = hasUnits ? .plain : .unknown
        } else if hasUnits, CgroupName.isUnit(name) {
            enter(unit: CgroupName.unescaped(name))
        } else {
            enter(folder: String(decoding: name, as: UTF8.self))
        }
    }

    private mutating func contain(_ container: CgroupOwner.Container) {
        (owner.container, folder, hasUnits) = (container, .container, true)
    }

    private mutating func enter(unit name: ArraySlice<UInt8>) {
        let isManager = name.starts(with: "user@".utf8)
        // The scope of the manager's own process tells less than the manager.
        if owner.unit == nil || !name.elementsEqual("init.scope".utf8) { owner.unit = ForeignText(name) }
        (folder, hasUnits) = (.plain, isManager || name.starts(with: "session-".utf8))
    }

    private mutating func enter(folder name: String) {
        switch (name, folder) {
        case ("payload", .container), ("container", .container), ("ns", .container): return
        case ("lxc", .plain), ("lxc", .container), ("lxc.payload", .plain), ("lxc.payload", .container): folder = .names
        case ("docker", _): folder = .ids(.docker)
        case ("libpod_parent", _): folder = .ids(.podman)
        case ("default", _), ("k8s.io", _), ("moby", _): folder = .ids(.containerd)
        default:
            folder = .unknown
            if name == "kubepods" { isBelowKubepods = true }
        }
        hasUnits = false
    }
}
