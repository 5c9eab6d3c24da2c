public import PageModel

/// What the head of a hugetlb page tells of its use: the first case that fits, from the top.
///
/// Unmapped pages that are free and those that only a file keeps look alike; the ledger's count of free pages tells how
/// many there are of each. UPTODATE and DIRTY say nothing: a free page keeps them from its last use.
public enum HugetlbUse: Sendable {
    /// A bad page. It may be free, in use, or lost with the file that it belonged to.
    case poisoned
    /// Some page table leads to it.
    case mapped
    /// Anonymous and in no page table: only a kernel reference keeps it (io_uring, a pipe, RDMA).
    case keptByKernel
    /// Free, or in the page cache and mapped by nobody.
    case unmapped

    public init(head: PageFlags) {
        self =
            switch true {
            case head.contains(.hwpoison): .poisoned
            case head.contains(.mmap): .mapped
            case head.contains(.anon): .keptByKernel
            default: .unmapped
            }
    }
}
