import Observations
import PageModel

/// The limits of the hugetlb controller of cgroups, version 1 and 2, 5.7 and newer.
/// Source: kernel `mm/hugetlb_cgroup.c`, `Documentation/admin-guide/cgroup-v2.rst`.
extension KernelRoot {
    /// Every cgroup in which huge pages are reserved under a limit, or some were refused, ascending by path and size. Empty
    /// where no hierarchy is mounted, and in a saved tree without `proc/self/mountinfo`.
    /// - Parameter sizes: those that there can be pages of.
    func hugetlbCgroups(sizes: [PageSize], unread: inout [Unread]) -> [HugetlbCgroup] {
        guard !sizes.isEmpty, exists("proc/self/mountinfo") else { return [] }
        var walk = HugetlbCgroupWalk(root: self, sizes: sizes)
        unread.collect(.cgroups, "where cgroups are mounted") { () throws(KernelFileError) in
            for hierarchy in try hugetlbHierarchies() { walk.walk(hierarchy) }
        }
        unread += walk.unread
        return walk.found.sorted {
            $0.path == $1.path ? $0.size < $1.size : $0.path.bytes.lexicographicallyPrecedes($1.path.bytes)
        }
    }

    /// The mounts that can have files of the controller, no more than one of each version: the one that shows most.
    private func hugetlbHierarchies() throws(KernelFileError) -> [CgroupHierarchy] {
        var found: [CgroupHierarchy] = []
        try mounts(of: "self", ofTypes: ["cgroup"]) { mount in
            guard let hierarchy = CgroupHierarchy(mount) else { return }
            let index = found.firstIndex { $0.version == hierarchy.version }
            guard let index else { return found.append(hierarchy) }
            if hierarchy.top.bytes.count < found[index].top.bytes.count { found[index] = hierarchy }
        }
        return found
    }
}

/// A mount of cgroups that can have the hugetlb controller.
struct CgroupHierarchy: Equatable {
    let version: HugetlbCgroup.Version
    let folder: ForeignText
    /// The cgroup that `folder` shows: `/` but for a container's.
    let top: ForeignText

    /// Nil for a mount of something else.
    init?(_ mount: MountInfo) {
        switch mount.type {
        case ForeignText("cgroup2"): version = .v2
        case ForeignText("cgroup") where mount.superOptions[ForeignText("hugetlb")] != nil: version = .v1
        default: return nil
        }
        (top, folder) = (mount.root, mount.mountPoint)
    }
}

extension Ledger {
    /// False where the pool is empty and no page may be added on demand.
    func canHavePages(of size: PageSize) -> Bool {
        global[size].map { $0.counts.nrHugepages > 0 || $0.nrOvercommitHugepages ?? 0 > 0 } ?? true
    }
}

/// A limit: `max` or bytes, which are nil where there is none. The largest that can be set is 2^63 less one page, and what
/// the kernel starts with is more still; version 2 of 6.18 shows that number for `max`, too.
func hugetlbLimit(parsing content: [UInt8], of size: PageSize) throws(FormatError) -> UInt64? {
    if content[...].trimmed.elementsEqual("max".utf8) { return nil }
    let bytes = try content.number("max or a number of bytes")
    return bytes >= (1 << 63) - size.bytes ? nil : bytes
}

/// `hugetlb.SIZE.events`: how often a charge was refused.
func hugetlbEvents(parsing content: [UInt8]) throws(FormatError) -> UInt64 {
    var count: UInt64?
    try content.eachLine { line throws(FormatError) in
        guard let value = line.value(after: "max ") else { return }
        count = try line.number(in: value, "max and a count")
    }
    guard let count else { throw TextLine(content[...], number: 1).error(expected: "a line with max and a count") }
    return count
}
