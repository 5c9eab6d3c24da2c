public import PageModel

/// How much a finding matters.
public enum Severity: String, CaseIterable, Comparable, Sendable {
    /// Worth knowing; nothing is lost.
    case note
    /// Memory is lost or misplaced, or could not be shown not to be.
    case warning
    /// Something is broken: hardware, or an account that must close and does not.
    case error

    public static func < (left: Self, right: Self) -> Bool { left.rank < right.rank }
    private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}

/// What a witness said, and in which file.
public struct Evidence: Hashable, Sendable {
    public enum Witness: String, Sendable {
        /// The kernel's own counters.
        case ledger
        /// The frames of physical memory.
        case census
        /// The page tables of processes.
        case pageTables
        case libnuma
        /// Descriptors, mounts and segments that lead to pages which nobody maps.
        case holders
        /// What the machine was asked for: the kernel's command line, settings, units.
        case configuration
        /// What the audit itself did or could not do.
        case audit
    }
    public var witness: Witness
    /// The file below the root that it came from.
    public var path: String
    public var says: String

    public init(_ witness: Witness, _ path: String, _ says: String) {
        (self.witness, self.path, self.says) = (witness, path, says)
    }
}

/// Something that a person should know, with what proves it and the command that would mend it, which is never run.
public struct Finding: Hashable, Sendable {
    /// Stable names: scripts rely on them.
    public enum ID: String, CaseIterable, Sendable {
        case cgroupSigbusRisk = "cgroup-sigbus-risk"
        case compoundMismatch = "compound-mismatch"
        case counterMismatch = "counter-mismatch"
        case deletedFileHeld = "deleted-file-held"
        case fallbackToBase = "fallback-to-base"
        case fileUnmapped = "file-unmapped"
        case kernelHeld = "kernel-held"
        case mapperNotSeen = "mapper-not-seen"
        case memfdUnmapped = "memfd-unmapped"
        case mountReservation = "mount-reservation"
        case nodeMismatch = "node-mismatch"
        case nodeWithoutPages = "node-without-pages"
        case orphanFile = "orphan-file"
        case orphanShm = "orphan-shm"
        case partialView = "partial-view"
        case partlyMapped = "partly-mapped"
        case poisonedPage = "poisoned-page"
        case policyViolated = "policy-violated"
        case poolShortfall = "pool-shortfall"
        case processRemains = "process-remains"
        case remotePlacement = "remote-placement"
        case reservationLeft = "reservation-left"
        case reservationUnderflow = "reservation-underflow"
        case reservationUnexplained = "reservation-unexplained"
        case surplusLingering = "surplus-lingering"
        case thpBloat = "thp-bloat"
        case unexplainedPages = "unexplained-pages"
        case unsettled
    }

    public var id: ID
    public var severity: Severity
    /// Nil where it concerns the whole machine.
    public var node: NodeID?
    /// Nil where it concerns all sizes.
    public var pageSize: PageSize?
    /// Unit: huge pages of `pageSize`. Nil where it is not about a number of pages.
    public var pages: UInt64?
    /// One sentence, without a full stop.
    public var message: String
    public var evidence: [Evidence]
    /// A command, or what to do where no command mends it.
    public var remedy: String

    public init(
        _ id: ID, _ severity: Severity, node: NodeID? = nil, pageSize: PageSize? = nil, pages: UInt64? = nil,
        _ message: String, evidence: [Evidence], remedy: String
    ) {
        (self.id, self.severity, self.node, self.pageSize, self.pages) = (id, severity, node, pageSize, pages)
        (self.message, self.evidence, self.remedy) = (message, evidence, remedy)
    }

    /// Nil where `pages` or `pageSize` is.
    public var bytes: UInt64? { pages.flatMap { pages in pageSize?.amount(of: pages).bytes } }
}

extension Finding.ID {
    /// Those of pages that somebody should give back, or that nobody is known to have.
    static let leaks: Set<Self> = [
        .deletedFileHeld, .fileUnmapped, .kernelHeld, .memfdUnmapped, .orphanFile, .orphanShm, .partlyMapped,
        .reservationLeft, .reservationUnexplained, .unexplainedPages,
    ]

    /// Those that say that there may be more than was found.
    static let doubts: Set<Self> = [.counterMismatch, .partialView, .unsettled]
}
