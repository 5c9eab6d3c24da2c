import PageModel
import SystemPackage

/// A process with an address space, and the folder below `proc` through which it can be read.
struct MemoryOwner {
    let pid: PID
    /// The process itself, or a thread of it that lives.
    let task: PID
    let folder: String
    let status: ProcessStatus
}

extension KernelRoot {
    /// Nil for kernel threads and for processes that have ended. A leader that ended before its threads is an empty
    /// shell; a thread that lives leads to the address space.
    func memoryOwner(_ pid: PID, buffer: inout [UInt8]) throws(KernelFileError) -> MemoryOwner? {
        let status = try status("\(pid)", buffer: &buffer)
        if status.hugetlbBytes != nil { return MemoryOwner(pid: pid, task: pid, folder: "\(pid)", status: status) }
        guard status.isZombie, status.threads > 1 else { return nil }
        for thread in try threads(of: pid) where thread != pid {
            let folder = "\(pid)/task/\(thread)"
            if let living = try? self.status(folder, buffer: &buffer), living.hugetlbBytes != nil {
                return MemoryOwner(pid: pid, task: thread, folder: folder, status: living)
            }
        }
        return nil
    }

    /// Whether the process that began at `startTime` still has memory, be it as another program.
    func hasMemory(_ pid: PID, since startTime: UInt64) -> Bool {
        var buffer: [UInt8] = []
        let owner = try? memoryOwner(pid, buffer: &buffer)
        return owner != nil && (try? self.startTime(of: pid)) == startTime
    }

    /// Whether `error` is that the process ended; a file that is missing of one that is there is none.
    func hasEnded(_ pid: PID, _ error: KernelFileError) -> Bool {
        switch error.problem {
        case .system(_, .noSuchProcess): true
        case .system(_, .noSuchFileOrDirectory): !exists("proc/\(pid)/status")
        default: false
        }
    }
}
