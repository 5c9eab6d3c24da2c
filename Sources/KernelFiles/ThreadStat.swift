import Observations
public import PageModel

/// `/proc/PID/stat`, or that of one thread: the fields that the audit needs.
/// Source: kernel `Documentation/filesystems/proc.rst`, table 1-4; `fs/proc/array.c`, `do_task_stat`.
struct ThreadStat: Hashable, Sendable {
    /// It has ended, and its exit status was not fetched: `Z` or `X`.
    let hasEnded: Bool
    /// PF_KTHREAD in `flags`. Source: kernel `include/linux/sched.h`.
    let isKernelThread: Bool
    /// `starttime`. Unit: clock ticks since boot.
    let startTime: UInt64
    /// `processor`: the CPU on which it ran last.
    let lastCPU: Int

    init(parsing content: [UInt8]) throws(FormatError) {
        // The name before may hold anything, parentheses too; what follows are letters and numbers.
        let end = content.lastIndex(of: UInt8(ascii: ")")).map { $0 + 1 } ?? content.endIndex
        let fields = TextLine(content[end...].trimmed, number: 1).words
        // From field 3 on.
        guard fields.count > 36, let state = fields[0].first, let flags = UInt64(digits: fields[6]),
            let start = UInt64(digits: fields[19]), let processor = Int(digits: fields[36])
        else {
            throw TextLine(content[...], number: 1).error(expected: "PID (NAME) STATE and at least 36 fields more")
        }
        hasEnded = state == UInt8(ascii: "Z") || state == UInt8(ascii: "X")
        isKernelThread = flags & 0x20_0000 != 0
        (startTime, lastCPU) = (start, processor)
    }
}

extension KernelRoot {
    /// When a process was made; execve(2) leaves it as it is. With its number it tells one process from another that got
    /// the number later. Unit: clock ticks since boot.
    public func startTime(of process: PID) throws(KernelFileError) -> UInt64 {
        var buffer: [UInt8] = []
        return try stat(of: "\(process)", buffer: &buffer).startTime
    }

    /// - Parameters:
    ///   - process: its folder below `proc`: `12`, or `12/task/13` for one thread.
    ///   - buffer: shared by many reads, as there is one for each thread.
    func stat(of process: String, buffer: inout [UInt8]) throws(KernelFileError) -> ThreadStat {
        let file = "proc/\(process)/stat"
        try read(file, into: &buffer)
        do { return try ThreadStat(parsing: buffer) } catch { throw KernelFileError(path(file), error) }
    }
}
