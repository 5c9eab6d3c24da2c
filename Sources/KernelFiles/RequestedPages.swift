import Observations
import PageModel

/// Huge pages that a text asks for, before it is known what the default size is.
struct RequestedPages: Hashable {
    /// Nil for the machine's default size.
    var size: PageSize?
    /// Nil for the whole machine.
    var node: NodeID?
    var pages: UInt64
    /// What the text says.
    var text: ForeignText
}

/// The pool of which a file sets the number of pages.
struct PoolCounterFile: Hashable {
    /// Nil for the machine's default size.
    let size: PageSize?
    /// Nil for the whole machine.
    let node: NodeID?

    /// `/proc/sys/vm/nr_hugepages`, or that of a size or of a node in sysfs, spelt out; nil for any other.
    /// Source: kernel `Documentation/admin-guide/mm/hugetlbpage.rst`.
    init?(path: some Sequence<UInt8>) {
        let parts = path.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).map {
            String(decoding: $0, as: UTF8.self)
        }
        guard let file = parts.last, Self.names.contains(file) else { return nil }
        let folder = parts.dropLast()
        if folder.elementsEqual(["", "proc", "sys", "vm"]) {
            (size, node) = (nil, nil)
        } else if folder.dropLast().elementsEqual(["", "sys", "kernel", "mm", "hugepages"]),
            let size = folder.last.flatMap(PageSize.init(hugepagesFolder:))
        {
            (self.size, node) = (size, nil)
        } else if folder.count == 8, folder.prefix(5).elementsEqual(["", "sys", "devices", "system", "node"]),
            let id = Int(folder[5], after: "node"), folder[6] == "hugepages",
            let size = PageSize(hugepagesFolder: folder[7])
        {
            (self.size, node) = (size, NodeID(id))
        } else {
            return nil
        }
    }

    static let names = ["nr_hugepages", "nr_hugepages_mempolicy"]

    func asked(_ pages: UInt64, _ text: ForeignText) -> RequestedPages {
        RequestedPages(size: size, node: node, pages: pages, text: text)
    }
}

extension UInt64 {
    /// A count of pages spelt out in decimal: what begins with 0, some files read as octal.
    init?(count text: ArraySlice<UInt8>) {
        guard text.count == 1 || text.first != UInt8(ascii: "0") else { return nil }
        self.init(digits: text)
    }
}

extension Collection<UInt8> where SubSequence: Collection<UInt8> {
    /// Whether anything in it can ask for huge pages. A quick look, before it is parsed.
    var mentionsHugepages: Bool {
        var rest = self[...]
        while let start = rest.firstIndex(of: UInt8(ascii: "h")) {
            rest = rest[start...]
            if rest.starts(with: "hugepages".utf8) || rest.starts(with: "hugeadm".utf8) { return true }
            rest = rest.dropFirst()
        }
        return false
    }
}
