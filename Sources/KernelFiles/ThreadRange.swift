public import Observations
public import PageModel

extension KernelRoot {
    /// Where the threads of a process may run and take memory, and where they ran last. Threads that end meanwhile, or that
    /// have ended and were not fetched, are left out. Without its devices.
    /// - Throws: where the process has ended, or the kernel refuses a thread that lives.
    public func range(of process: PID) throws(KernelFileError) -> ProcessRange {
        var range = ProcessRange()
        var cpus: Set<Int> = []
        var nodes: Set<NodeID> = []
        var last: AllowedLists?
        var buffer: [UInt8] = []
        for thread in try threads(of: process) {
            let folder = "\(process)/task/\(thread)"
            let stat: ThreadStat? = try unlessEnded { () throws(KernelFileError) in
                try self.stat(of: folder, buffer: &buffer)
            }
            if stat?.hasEnded == true { continue }
            if let stat { range.cpusLastUsed[stat.lastCPU, default: 0] += 1 }
            let lists: AllowedLists? = try unlessEnded { () throws(KernelFileError) in
                try allowedLists(of: folder, buffer: &buffer)
            }
            // Of thousands of threads nearly all may do the same.
            guard let lists, lists != last else { continue }
            cpus.formUnion(lists.cpus ?? [])
            nodes.formUnion(lists.nodes ?? [])
            last = lists
        }
        (range.cpusAllowed, range.nodesAllowed) = (cpus.sorted(), nodes.sorted())
        return range
    }

    /// Nil where the thread has ended.
    private func unlessEnded<Value>(_ read: () throws(KernelFileError) -> Value) throws(KernelFileError) -> Value? {
        do { return try read() } catch {
            if error.isEnd { return nil }
            throw error
        }
    }
}
