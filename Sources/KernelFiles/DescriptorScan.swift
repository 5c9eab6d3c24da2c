import Observations
import PageModel
import Synchronization

/// A first look at tables of descriptors, which are most of what a search for holders reads: it only chooses.
struct DescriptorScan: Sendable {
    let root: KernelRoot
    /// Devices that are hugetlbfs, and some that look like it and are not.
    let sizes: [DeviceNumber: PageSize]
    let others: Set<DeviceNumber>
    /// In which hugetlbfs counts. Unit: bytes.
    let blockSizes: Set<UInt64>
    let wantsSuspects: Bool

    /// What is worth a second look in one table.
    struct Choice: Sendable {
        var files: [(number: Int32, status: FileStatus)] = []
        /// Those that lead to no file on a disk.
        var suspects: [Int32] = []
        var looked: UInt64 = 0
        var isRefused = false
    }

    /// - Parameter folder: of a process or of a thread with a table of its own, below `proc`.
    func choice(in folder: String) -> Choice {
        var choice = Choice()
        do {
            try root.forEachDescriptor(of: folder) { number, status in
                choice.looked += 1
                if status.isRegular, couldBeHugetlb(status) {
                    choice.files.append((number, status))
                } else if wantsSuspects, status.device.major == 0, !status.isFolder {
                    choice.suspects.append(number)
                }
            }
        } catch { choice.isRefused = !error.isEnd }
        return choice
    }

    /// The same for many, in their order, on as many CPUs as there are.
    func choices(in folders: [String]) -> [Choice] {
        let choices = Choices(folders.count)
        inParallel(folders.count) { index in
            let choice = choice(in: folders[index])
            choices.all.withLock { $0[index] = choice }
        }
        return choices.all.withLock { $0 }
    }

    private final class Choices: Sendable {
        let all: Mutex<[Choice]>
        init(_ count: Int) { all = Mutex([Choice](repeating: Choice(), count: count)) }
    }

    private func couldBeHugetlb(_ status: FileStatus) -> Bool {
        sizes[status.device] != nil
            || status.device.major == 0 && !others.contains(status.device) && blockSizes.contains(status.blockSize)
    }
}
