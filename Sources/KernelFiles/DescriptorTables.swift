internal import CKernel
import PageModel
import SystemPackage

extension KernelRoot {
    /// The threads of a process that have a table of descriptors of their own, one for each table: made without
    /// CLONE_FILES, or parted by unshare. `/proc/PID/fd` shows the leader's table only. Source: kcmp(2), KCMP_FILES.
    ///
    /// - Parameter most: how many tables are told apart.
    /// - Returns: the threads, ascending, and whether there are no more tables.
    /// - Throws: where the process has ended, or the kernel lacks kcmp (CONFIG_KCMP) or refuses it.
    func threadsWithOwnDescriptors(
        of process: PID, most: Int = 64
    ) throws(KernelFileError) -> (threads: [PID], isComplete: Bool) {
        var owners: [PID] = []
        for thread in try threads(of: process) where thread != process {
            // A thread that has ended shares nothing, and has nothing.
            guard try shares(thread, with: process, in: process) == false else { continue }
            var isOwn = true
            for owner in owners where isOwn { isOwn = try shares(thread, with: owner, in: process) != true }
            guard isOwn else { continue }
            if owners.count == most { return (owners, false) }
            owners.append(thread)
        }
        return (owners, true)
    }

    /// Whether two threads of a process share a table of descriptors; nil where one of them has ended.
    private func shares(_ thread: PID, with other: PID, in process: PID) throws(KernelFileError) -> Bool? {
        let answer = ckernel_compare_files(thread.rawValue, other.rawValue)
        if answer >= 0 { return answer == 0 }
        let errno = Errno.last
        if errno == .noSuchProcess { return nil }
        throw KernelFileError("compare the descriptors of", path("proc/\(process)/task/\(thread)"), errno)
    }
}
