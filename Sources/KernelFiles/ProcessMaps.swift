import Observations

/// The text of `/proc/PID/maps`. Source: kernel `Documentation/filesystems/proc.rst`, `fs/proc/task_mmu.c`.
extension Mapping {
    /// - Parameter line: without its newline.
    init(parsing line: TextLine) throws(FormatError) {
        let fields = line.bytes.split(separator: .blank, maxSplits: 5, omittingEmptySubsequences: false)
        guard fields.count >= 5, let (start, end) = fields[0].halves(at: UInt8(ascii: "-")),
            let low = UInt64(digits: start, radix: 16), let high = UInt64(digits: end, radix: 16), low < high,
            fields[1].count == 4, let offset = UInt64(digits: fields[2], radix: 16),
            fields[3].contains(UInt8(ascii: ":")), let inode = UInt64(digits: fields[4])
        else { throw line.error(expected: "START-END PERM OFFSET MAJOR:MINOR INODE PATH") }
        self.init(
            addresses: low..<high, permissions: ForeignText(fields[1]), offset: offset, device: ForeignText(fields[3]),
            inode: inode, name: ForeignText(fields.count == 6 ? fields[5].drop { $0 == .blank } : []))
    }
}

extension KernelRoot {
    /// Every mapping, in ascending order. Empty for kernel threads and zombies.
    /// - Parameter process: its folder below `proc`: `12`, or `12/task/13` for one thread.
    func mappings(of process: String, each body: (Mapping) -> Void) throws(KernelFileError) {
        try lines(of: "proc/\(process)/maps") { line throws(FormatError) in body(try Mapping(parsing: line)) }
    }
}
