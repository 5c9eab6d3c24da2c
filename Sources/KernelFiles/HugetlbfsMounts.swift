import Observations
import PageModel
import SystemPackage

/// One way to a hugetlbfs: a mount of it, and a process that sees that mount.
struct HugetlbfsPlace: Hashable {
    /// Its folder below `proc`; `self` for what the audit's own namespace has.
    let process: String
    let mount: MountInfo

    /// Nil for the audit's own namespace.
    var through: PID? { PID(folder: process) }

    /// By which an administrator in the audit's own namespace reaches it: `/proc/PID/root/…` where it is in another.
    var path: ForeignText {
        through == nil ? mount.mountPoint : ForeignText("/proc/\(process)/root".utf8 + mount.mountPoint.bytes)
    }
}

/// One hugetlbfs that is mounted somewhere, with the ways to it.
struct MountedHugetlbfs: Hashable {
    let size: PageSize
    /// The best first: those that show all of it, of them those of the audit's own namespace. A later one is for where an
    /// earlier one is gone or hidden. If none has the root `/`, then each distinct root shows a part, and parts can overlap.
    private(set) var places: [HugetlbfsPlace]

    /// No more ways than this that show the same of it, and no more parts.
    static let mostAlike = 4
    static let mostParts = 64

    fileprivate init(size: PageSize) { (self.size, places) = (size, []) }

    /// Returns false where there are too many already, and this shows another part.
    fileprivate mutating func add(_ place: HugetlbfsPlace) -> Bool {
        let alike = places.count { $0.mount.root == place.mount.root }
        if alike >= Self.mostAlike { return true }
        if alike == 0, Set(places.map(\.mount.root)).count >= Self.mostParts { return false }
        let rank = { (place: HugetlbfsPlace) in (place.mount.root.bytes.count, place.through == nil ? 0 : 1) }
        let index = places.firstIndex { rank($0) > rank(place) } ?? places.count
        places.insert(place, at: index)
        return true
    }

    /// As the best way shows it.
    var observation: HugetlbMount {
        let best = places[0]
        return HugetlbMount(
            device: best.mount.device, folder: best.mount.mountPoint, through: best.through, size: size,
            minimum: (best.mount.minimumBytes ?? 0) / size.bytes)
    }
}

/// Every hugetlbfs that is mounted in some mount namespace of the machine.
struct HugetlbfsMounts {
    /// In the order in which they were found, the audit's own namespace first.
    private(set) var all: [MountedHugetlbfs] = []
    /// Distinct mount namespaces that were seen.
    private(set) var namespaces: UInt64 = 0
    /// Namespaces, and processes whose namespace is not known, of which the mounts could not be read, and mounts that do not
    /// tell the size of their pages; those that ended in between are not among them.
    private(set) var refused: UInt64 = 0
    /// Parts of a hugetlbfs that were left out because it is mounted in too many.
    private(set) var leftOut: UInt64 = 0
    /// Devices of filesystems of other types.
    private(set) var others: Set<DeviceNumber> = []
    private var indices: [DeviceNumber: Int] = [:]

    /// The processes whose namespace is not told are read one by one, no more than this.
    private static let mostUntold = 64

    /// - Parameter processes: folders below `proc`, of all processes of the machine.
    init(of processes: [String], in root: KernelRoot) {
        let found = root.namespaces(.mount, of: processes)
        namespaces = UInt64(found.all.count)
        for namespace in found.all { add(namespace, root) }
        for process in found.untold.prefix(Self.mostUntold) {
            do { try add(process, root) } catch { note(error) }
        }
        refused += UInt64(max(0, found.untold.count - Self.mostUntold))
    }

    private mutating func add(_ namespace: Namespace, _ root: KernelRoot) {
        var failures: [KernelFileError] = []
        let processes = namespace.processes
        for (index, process) in processes.enumerated() {
            do {
                let other = index + 1 < processes.count ? processes[index + 1] : nil
                try add(process, andBy: namespace.isWhole ? other : nil, root)
                if namespace.isWhole { return }
            } catch { failures.append(error) }
        }
        if let failure = failures.first(where: { !$0.isEnd }) { note(failure) }
    }

    /// - Parameter other: a process that sees the same, for when the first has ended.
    private mutating func add(
        _ process: String, andBy other: String? = nil, _ root: KernelRoot
    ) throws(KernelFileError) {
        let addOther = { (device: DeviceNumber) in _ = others.insert(device) }
        try root.mounts(of: process, ofTypes: ["hugetlbfs"], others: addOther) { mount in
            guard let size = mount.pageSize else {
                refused += 1
                return
            }
            let index = indices[mount.device] ?? all.count
            if index == all.count {
                indices[mount.device] = index
                all.append(MountedHugetlbfs(size: size))
            }
            for process in [process, other].compactMap(\.self) {
                let isKept = all[index].add(HugetlbfsPlace(process: process, mount: mount))
                if !isKept { leftOut += 1 }
            }
        }
    }

    private mutating func note(_ error: KernelFileError) {
        if !error.isEnd { refused += 1 }
    }
}
