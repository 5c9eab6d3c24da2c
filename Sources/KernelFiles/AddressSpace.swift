internal import CKernel
import PageModel

/// Whether two live processes share one address space, as a `vfork` child does with its parent. False where the kernel
/// lacks kcmp(2) (CONFIG_KCMP) or refuses to say.
func shareAddressSpace(_ first: PID, _ second: PID) -> Bool {
    ckernel_compare_vm(first.rawValue, second.rawValue) == 0
}
