public import Observations
public import PageModel
import SystemPackage

/// The hugepage counters of sysfs, global and per node.
/// Source: kernel `Documentation/admin-guide/mm/hugetlbpage.rst`, `Documentation/ABI/testing/sysfs-kernel-mm-hugepages`.
extension KernelRoot {
    static let hugepages = "sys/kernel/mm/hugepages"

    /// The hugetlb page sizes of this kernel, ascending.
    public func hugepageSizes() throws(KernelFileError) -> [PageSize] {
        var sizes: [PageSize] = []
        for name in try names(in: Self.hugepages) {
            guard let size = PageSize(hugepagesFolder: name) else {
                let expected = "a folder named hugepages-SIZEkB with a power of two"
                throw KernelFileError(path(Self.hugepages), FormatError(line: 1, bytes: name.utf8, expected: expected))
            }
            sizes.append(size)
        }
        return sizes.sorted()
    }

    public func globalHugepages(of size: PageSize) throws(KernelFileError) -> GlobalHugepages {
        let folder = "\(Self.hugepages)/\(size.hugepagesFolder)"
        let demote: PageSize? = try optional { () throws(KernelFileError) in
            try parsed("\(folder)/demote_size", by: PageSize.init(parsingDemoteSize:))
        }
        return GlobalHugepages(
            counts: try counts(in: folder),
            reservedHugepages: Int64(
                bitPattern: try parsed("\(folder)/resv_hugepages") { content throws(FormatError) in
                    try content.number("a count of reserved pages")
                }),
            nrOvercommitHugepages: try optional { () throws(KernelFileError) in
                try count("\(folder)/nr_overcommit_hugepages")
            },
            nrHugepagesMempolicy: try optional { () throws(KernelFileError) in
                try count("\(folder)/nr_hugepages_mempolicy")
            },
            demoteSize: demote)
    }

    /// Nil where the node has no folder for this size and need not have one.
    public func nodeHugepages(of pool: Pool, isOptional: Bool) throws(KernelFileError) -> NodeHugepages? {
        let folder = "sys/devices/system/node/node\(pool.node)/hugepages/\(pool.size.hugepagesFolder)"
        return isOptional && !exists(folder) ? nil : try counts(in: folder)
    }

    /// Pages of the pool in use: all less those that are free. `node` is nil on a kernel without NUMA, which has only one.
    func usedHugepages(of size: PageSize, on node: NodeID?) throws(KernelFileError) -> UInt64 {
        let folder = node.map { "sys/devices/system/node/node\($0)/hugepages" } ?? Self.hugepages
        let nr = try count("\(folder)/\(size.hugepagesFolder)/nr_hugepages")
        return nr - min(nr, try count("\(folder)/\(size.hugepagesFolder)/free_hugepages"))
    }

    private func counts(in folder: String) throws(KernelFileError) -> NodeHugepages {
        NodeHugepages(
            nrHugepages: try count("\(folder)/nr_hugepages"),
            freeHugepages: try count("\(folder)/free_hugepages"),
            surplusHugepages: try count("\(folder)/surplus_hugepages"))
    }

    private func count(_ file: String) throws(KernelFileError) -> UInt64 {
        try parsed(file) { content throws(FormatError) in
            let count = try content.number(Self.countOfPages)
            guard count <= PFN.most else { throw TextLine(content[...], number: 1).error(expected: Self.countOfPages) }
            return count
        }
    }

    private static let countOfPages = "a count of pages, at most 2^52"

    /// Nil where this kernel does not have the file.
    func optional<Value>(_ read: () throws(KernelFileError) -> Value) throws(KernelFileError) -> Value? {
        do { return try read() } catch {
            if case .system(_, .noSuchFileOrDirectory) = error.problem { return nil }
            throw error
        }
    }
}

extension PageSize {
    /// `hugepages-2048kB`
    var hugepagesFolder: String { "hugepages-\(bytes / 1024)kB" }

    /// Nil, too, for a name that the kernel would write otherwise: `hugepages-02048kB` would be the same pool twice.
    init?(hugepagesFolder name: String) {
        guard name.hasPrefix("hugepages-") else { return nil }
        self.init(kilobytes: name.utf8.dropFirst("hugepages-".utf8.count))
        guard hugepagesFolder == name else { return nil }
    }

    /// The content of `demote_size`: `2048kB`.
    init(parsingDemoteSize content: [UInt8]) throws(FormatError) {
        guard let size = Self(kilobytes: content[...].trimmed) else {
            throw TextLine(content[...].trimmed, number: 1).error(expected: "a page size such as 2048kB")
        }
        self = size
    }

    private init?(kilobytes text: some BidirectionalCollection<UInt8>) {
        guard text.suffix(2).elementsEqual("kB".utf8), let count = UInt64(digits: text.dropLast(2)),
            count <= UInt64.max / 1024
        else { return nil }
        self.init(bytes: count * 1024)
    }
}
