import PageModel

/// What `/proc/PID/smaps` alone says of one mapping. Source: kernel `Documentation/filesystems/proc.rst`,
/// `fs/proc/task_mmu.c`, `show_smap`.
struct SmapsMapping: Hashable, Sendable {
    /// Where the mapping starts. Unit: bytes of the virtual address space.
    let start: UInt64
    /// The two-letter words of `VmFlags`: `hg` for MADV_HUGEPAGE. Nil where the process ended before they came.
    fileprivate(set) var vmFlags: [String]?
    /// `THPeligible`; nil before 5.0.
    fileprivate(set) var isEligible: Bool?
    /// `KernelPageSize`: that of hugetlb, or the base page.
    fileprivate(set) var kernelPageSize: PageSize?
}

/// Puts mappings together from the lines of smaps: first the one that `/proc/PID/maps` has, then its fields.
struct SmapsReader {
    private var current: SmapsMapping?

    /// Takes in the next line. Returns the mapping before, where this line begins another.
    mutating func add(_ line: TextLine) throws(FormatError) -> SmapsMapping? {
        guard let first = line.bytes.first else { return nil }
        switch first {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"):
            guard let range = line.bytes.halves(at: .blank)?.0, let (low, high) = range.halves(at: UInt8(ascii: "-")),
                let start = UInt64(digits: low, radix: 16), let end = UInt64(digits: high, radix: 16), start < end
            else { throw line.error(expected: "START-END of a mapping") }
            return begin(SmapsMapping(start: start))
        case UInt8(ascii: "K"):
            guard let value = line.value(after: "KernelPageSize:") else { return nil }
            let expected = "KernelPageSize: after a mapping's START-END, and a power of two in kB"
            guard let size = PageSize(bytes: try line.kilobytes(in: value, expected)), current != nil else {
                throw line.error(expected: expected)
            }
            current?.kernelPageSize = size
        case UInt8(ascii: "T"):
            guard let value = line.value(after: "THPeligible:") else { return nil }
            let expected = "THPeligible: after a mapping's START-END, and 0 or 1"
            guard current != nil else { throw line.error(expected: expected) }
            current?.isEligible = try line.flag(in: value, expected)
        case UInt8(ascii: "V"):
            guard line.value(after: "VmFlags:") != nil else { return nil }
            let words = line.words.dropFirst()
            // A flag that the kernel has no word for is `??`.
            guard current != nil, words.allSatisfy({ $0.count == 2 && $0.allSatisfy { (0x21...0x7e).contains($0) } })
            else { throw line.error(expected: "VmFlags: after a mapping's START-END, and words of two letters") }
            current?.vmFlags = words.map { String(decoding: $0, as: UTF8.self) }
        default: break
        }
        return nil
    }

    /// The last mapping; nil where there was none.
    mutating func finish() -> SmapsMapping? { begin(nil) }

    private mutating func begin(_ next: SmapsMapping?) -> SmapsMapping? {
        defer { current = next }
        return current
    }
}

extension KernelRoot {
    /// Every mapping, in ascending order. It may have changed since `/proc/PID/maps` was read: where a mapping starts tells
    /// which it is. The kernel walks the whole address space for it: costly where that is large.
    /// - Parameters:
    ///   - process: its folder below `proc`: `12`, or `12/task/13` for one thread.
    ///   - longestRead: raised to what the longest read(2) took.
    func smapsFlags(
        of process: String, longestRead: inout Duration, each body: (SmapsMapping) -> Void
    ) throws(KernelFileError) {
        var reader = SmapsReader()
        try lines(of: "proc/\(process)/smaps", longestRead: &longestRead) { line throws(FormatError) in
            if let mapping = try reader.add(line) { body(mapping) }
        }
        if let mapping = reader.finish() { body(mapping) }
    }
}
