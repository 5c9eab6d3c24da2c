public import Observations

/// One line of `/proc/PID/maps`: one mapping of an address space.
/// Source: kernel `Documentation/filesystems/proc.rst`, `fs/proc/task_mmu.c`.
public struct Mapping: Hashable, Sendable {
    /// Unit: bytes of the process's virtual address space.
    public let addresses: Range<UInt64>
    /// As printed: `rw-s`; the last letter is `s` for MAP_SHARED, `p` for MAP_PRIVATE.
    public let permissions: ForeignText
    /// Unit: bytes.
    public let offset: UInt64
    /// `major:minor` in hexadecimal, as printed. With `inode` it identifies the file.
    public let device: ForeignText
    /// For System V memory the segment's id.
    public let inode: UInt64
    /// The file's path, or the kernel's word for it; newlines in it come as `\012`. Empty for anonymous memory.
    public let name: ForeignText

    /// - Parameter line: without its newline.
    init(parsing line: TextLine) throws(FormatError) {
        let fields = line.bytes.split(separator: .blank, maxSplits: 5, omittingEmptySubsequences: false)
        guard fields.count >= 5, let (start, end) = fields[0].halves(at: UInt8(ascii: "-")),
            let low = UInt64(digits: start, radix: 16), let high = UInt64(digits: end, radix: 16), low < high,
            fields[1].count == 4, let offset = UInt64(digits: fields[2], radix: 16),
            fields[3].contains(UInt8(ascii: ":")), let inode = UInt64(digits: fields[4])
        else { throw line.error(expected: "START-END PERM OFFSET MAJOR:MINOR INODE PATH") }
        addresses = low..<high
        permissions = ForeignText(fields[1])
        self.offset = offset
        device = ForeignText(fields[3])
        self.inode = inode
        name = ForeignText(fields.count == 6 ? fields[5].drop { $0 == .blank } : [])
    }

    public var isShared: Bool { permissions.bytes.last == UInt8(ascii: "s") }

    /// Whether the mapping has a file behind it, as all hugetlb memory does; the kernel's own areas are in brackets.
    public var hasFile: Bool { inode != 0 || !(name.bytes.isEmpty || name.bytes.first == UInt8(ascii: "[")) }
}

extension KernelRoot {
    /// Every mapping, in ascending order. Empty for kernel threads and zombies.
    /// - Parameter process: its folder below `proc`: `12`, or `12/task/13` for one thread.
    func mappings(of process: String, each body: (Mapping) -> Void) throws(KernelFileError) {
        try lines(of: "proc/\(process)/maps") { line throws(FormatError) in body(try Mapping(parsing: line)) }
    }
}
