public import Observations
import PageModel

/// What the head of a hugetlb page tells of its use: the first case that fits, from the top.
///
/// Unmapped pages that are free and those that only a file keeps look alike; the ledger's count of free pages tells how
/// many there are of each. UPTODATE and DIRTY say nothing: a free page keeps them from its last use.
public enum HugetlbUse: Sendable {
    /// A bad page that is in use, or was lost with the file it belonged to.
    case poisoned
    /// Some page table leads to it.
    case mapped
    /// Anonymous and in no page table: only a kernel reference keeps it (io_uring, a pipe, RDMA).
    case keptByKernel
    /// Free, or in the page cache and mapped by nobody.
    case unmapped

    public init(_ kind: HugetlbCensus.Kind, on release: KernelRelease) {
        self =
            switch true {
            case kind.head.contains(.hwpoison): kind.isFreeOnOldKernel(release) ? .unmapped : .poisoned
            case kind.head.contains(.mmap): .mapped
            case kind.head.contains(.anon): .keptByKernel
            default: .unmapped
            }
    }
}

extension HugetlbCensus.Kind {
    /// Before 5.12 a poisoned page could stay in the free list; PRIVATE at the second word tells those in use.
    fileprivate func isFreeOnOldKernel(_ release: KernelRelease) -> Bool {
        release < KernelRelease(major: 5, minor: 12) && second?.contains(.private) == false
    }
}

/// The version of a kernel, as far as behaviour depends on it. Parsed from `/proc/sys/kernel/osrelease`.
public struct KernelRelease: Hashable, Comparable, Sendable {
    public let major: Int
    public let minor: Int
    public init(major: Int, minor: Int) { (self.major, self.minor) = (major, minor) }

    /// A release that does not start with two numbers counts as newer than any.
    public init(parsing release: ForeignText) {
        let numbers = release.repaired.split { !$0.isNumber }.prefix(2).compactMap { Int($0) }
        self = numbers.count == 2 ? Self(major: numbers[0], minor: numbers[1]) : Self(major: .max, minor: 0)
    }

    public static func < (left: Self, right: Self) -> Bool { (left.major, left.minor) < (right.major, right.minor) }
}
