import Observations

/// Which of some mappings were made with MAP_NORESERVE, from `/proc/PID/smaps`: the word `nr` of a mapping's `VmFlags`.
/// Source: kernel `Documentation/filesystems/proc.rst`, `fs/proc/task_mmu.c`, `show_smap_vma_flags`.
struct NoReserveMappings {
    private let wanted: Set<UInt64>
    /// Where those that were found start.
    private(set) var starts: Set<UInt64> = []
    /// The mapping that the lines are about, where it is wanted.
    private var current: UInt64?

    /// - Parameter starts: where the mappings in question start.
    init(among starts: Set<UInt64>) { wanted = starts }

    /// Takes in the next line: first the one that `/proc/PID/maps` has of a mapping, then its fields, capitals first.
    mutating func add(_ line: TextLine) throws(FormatError) {
        guard let first = line.bytes.first else { return }
        switch first {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"):
            guard let (start, _) = line.bytes.halves(at: UInt8(ascii: "-")),
                let address = UInt64(digits: start, radix: 16)
            else { throw line.error(expected: "START-END of a mapping") }
            current = wanted.contains(address) ? address : nil
        case UInt8(ascii: "V"):
            guard let current, line.value(after: "VmFlags:") != nil else { return }
            if line.words.contains(where: { $0.elementsEqual("nr".utf8) }) { starts.insert(current) }
        default: break
        }
    }
}

extension KernelRoot {
    /// Where those of the mappings that start at `starts` begin that were made with MAP_NORESERVE. The kernel walks
    /// the whole address space for it: costly where that is large.
    /// - Parameter process: its folder below `proc`: `12`, or `12/task/13` for one thread.
    func noReserveMappings(of process: String, among starts: Set<UInt64>) throws(KernelFileError) -> Set<UInt64> {
        if starts.isEmpty { return [] }
        var mappings = NoReserveMappings(among: starts)
        try lines(of: "proc/\(process)/smaps") { line throws(FormatError) in try mappings.add(line) }
        return mappings.starts
    }
}
