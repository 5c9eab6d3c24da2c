import PageModel

/// Where one thread may run and take memory: two lines of `/proc/PID/task/TID/status`. Apart from `ProcessStatus`, which is
/// read for every process of the machine. Source: kernel `Documentation/filesystems/proc.rst`, `fs/proc/array.c`.
struct AllowedLists: Hashable, Sendable {
    /// `Cpus_allowed_list`, ascending; nil where the line is not there.
    var cpus: [Int]?
    /// `Mems_allowed_list`, ascending; nil where the line is not there: a kernel without cpusets.
    var nodes: [NodeID]?

    init(parsing content: [UInt8]) throws(FormatError) {
        try content.eachLine { line throws(FormatError) in
            switch line.bytes.first {
            case UInt8(ascii: "C"):
                guard let value = line.value(after: "Cpus_allowed_list:") else { return }
                cpus = try line.numbers(in: value, "Cpus_allowed_list: and a list of CPUs such as 0-3,8")
            case UInt8(ascii: "M"):
                guard let value = line.value(after: "Mems_allowed_list:") else { return }
                let numbers = try line.numbers(in: value, "Mems_allowed_list: and a list of nodes such as 0-3,8")
                nodes = numbers.map { NodeID($0) }
            default: break
            }
        }
    }
}

extension KernelRoot {
    /// - Parameters:
    ///   - process: its folder below `proc`: `12`, or `12/task/13` for one thread.
    ///   - buffer: shared by many reads, as there is one for each thread.
    func allowedLists(of process: String, buffer: inout [UInt8]) throws(KernelFileError) -> AllowedLists {
        let file = "proc/\(process)/status"
        try read(file, into: &buffer)
        do { return try AllowedLists(parsing: buffer) } catch { throw KernelFileError(path(file), error) }
    }
}
