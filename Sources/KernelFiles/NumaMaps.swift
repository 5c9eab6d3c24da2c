public import Observations
public import PageModel

/// One line of `/proc/PID/numa_maps`: the policy of one mapping and where its pages are.
/// Source: kernel `Documentation/filesystems/proc.rst`, `fs/proc/task_mmu.c`, `show_numa_map`.
public struct NumaMapping: Hashable, Sendable {
    /// Where the mapping starts. Unit: bytes of the virtual address space.
    public let start: UInt64
    /// As printed: `default`, `bind:0-1`, `prefer (many):1`, with the blank that two policies have.
    public let policy: ForeignText
    /// A hugetlb mapping: the line has the word `huge`.
    public let isHuge: Bool
    /// `kernelpagesize_kB`; nil where nothing is mapped.
    public let pageSize: PageSize?
    /// Pages of `pageSize` on each node, from the `N0=3` fields.
    public let pages: [NodeID: UInt64]

    /// - Parameter line: without its newline.
    init(parsing line: TextLine) throws(FormatError) {
        var words = line.words[...]
        guard let first = words.popFirst(), let start = UInt64(digits: first, radix: 16), var policy = words.popFirst()
        else { throw line.error(expected: "an address, a policy and fields") }
        // Two policies have a blank in their name.
        if let second = words.first,
            policy.elementsEqual("prefer".utf8) && second.starts(with: "(many)".utf8)
                || policy.elementsEqual("weighted".utf8) && second.starts(with: "interleave".utf8)
        {
            policy = line.bytes[policy.startIndex..<second.endIndex]
            words.removeFirst()
        }
        var pages: [NodeID: UInt64] = [:]
        var size: PageSize?
        for word in words {
            guard let (key, value) = word.halves(at: UInt8(ascii: "=")) else { continue }
            if key.elementsEqual("kernelpagesize_kB".utf8) {
                let kilobytes = try line.number(in: value, "kernelpagesize_kB= and a size")
                size = kilobytes <= UInt64.max / 1024 ? PageSize(bytes: kilobytes * 1024) : nil
                if size == nil { throw line.error(expected: "kernelpagesize_kB= and a power of two") }
            } else if key.first == UInt8(ascii: "N"), let node = Int(digits: key.dropFirst()) {
                let expected = "N\(node)= and a count of pages, at most 2^52"
                let count = try line.number(in: value, expected)
                guard count <= PFN.most else { throw line.error(expected: expected) }
                pages[NodeID(node)] = count
            }
        }
        self.start = start
        self.policy = ForeignText(policy)
        isHuge = words.contains { $0.elementsEqual("huge".utf8) }
        pageSize = size
        self.pages = pages
    }
}

extension KernelRoot {
    /// Every mapping with its policy. The kernel walks the whole address space for it: costly where that is large.
    /// - Parameters:
    ///   - process: its folder below `proc`.
    ///   - longestRead: raised to what the longest read(2) took.
    func numaMappings(
        of process: String, longestRead: inout Duration, each body: (NumaMapping) -> Void
    ) throws(KernelFileError) {
        try lines(of: "proc/\(process)/numa_maps", longestRead: &longestRead) { line throws(FormatError) in
            body(try NumaMapping(parsing: line))
        }
    }

    func numaMappings(of process: String, each body: (NumaMapping) -> Void) throws(KernelFileError) {
        var longest = Duration.zero
        try numaMappings(of: process, longestRead: &longest, each: body)
    }
}
