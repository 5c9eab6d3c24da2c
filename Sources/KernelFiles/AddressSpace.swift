internal import CKernel
import PageModel

/// The address spaces of live processes, each known by the first process that was seen in it: a `vfork` child, or any other
/// made with CLONE_VM, is in its maker's. Source: kcmp(2), KCMP_VM.
struct AddressSpaces {
    /// In the order in which the kernel sorts address spaces.
    private var leaders: [PID] = []

    /// The process that was first seen in the address space of `process`; itself where it is the first, and where the kernel
    /// lacks kcmp (CONFIG_KCMP) or refuses to say.
    mutating func leader(of process: PID) -> PID {
        var (low, high) = (0, leaders.count)
        while low < high {
            let middle = (low + high) / 2
            switch ckernel_compare_vm(process.rawValue, leaders[middle].rawValue) {
            case 0: return leaders[middle]
            case 1: high = middle
            case 2: low = middle + 1
            default: return process
            }
        }
        leaders.insert(process, at: low)
        return process
    }
}
