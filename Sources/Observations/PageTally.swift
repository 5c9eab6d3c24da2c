public import PageModel

/// Pages in RAM that are alike, on one node.
public struct PageAmount: Hashable, Sendable {
    /// Nil where it cannot be told.
    public var node: NodeID?
    /// Nil where the pages were not classified.
    public var kind: PageKind?
    /// Of the folio that they are part of; of base pages, and of pages that were not classified, the base page size.
    public var size: PageSize
    /// Nil where the pages were not classified.
    public var content: PageContent?
    /// Folios of `size`, each counted once for a mapping, however few of its pages are mapped. Unit: pages of `size`.
    public var pages: UInt64
    /// What is mapped of them. Unit: bytes.
    public var bytes: UInt64

    public init(
        node: NodeID?, kind: PageKind?, size: PageSize, content: PageContent?, pages: UInt64, bytes: UInt64
    ) {
        (self.node, self.kind, self.size, self.content) = (node, kind, size, content)
        (self.pages, self.bytes) = (pages, bytes)
    }

    func isAlike(_ other: Self) -> Bool {
        node == other.node && kind == other.kind && size == other.size && content == other.content
    }
}

/// What the page tables of a mapping, or of a whole process, lead to. A frame that is mapped twice counts twice, as in RSS.
/// Unit: bytes, where nothing else is said.
public struct PageTally: Hashable, Sendable {
    /// Every page in RAM but zero pages and what has no page of its own; alike ones put together, in no order.
    public private(set) var amounts: [PageAmount] = []
    /// Mapped once, by `/proc/kpagecount`: hugetlb, too.
    public var unique: UInt64 = 0
    /// Mapped more than once.
    public var shared: UInt64 = 0
    /// Each page divided by how often it is mapped, in 1/4096 of a byte, as the kernel counts PSS: hugetlb, too.
    public var proportional: UInt64 = 0
    /// Large folios that one entry of a PMD or PUD table maps; hugetlb does not count. Nil where the kernel has no
    /// PAGEMAP_SCAN, which tells (before 6.7).
    public var mappedByPMD: UInt64? = 0
    /// In RAM, in places where the mapping has room for an aligned huge page.
    public var roomForHuge: UInt64 = 0
    /// Zero pages, small and huge: nobody's.
    public var zero: UInt64 = 0
    public var swapped: UInt64 = 0
    /// Under way to another frame, poisoned, or marked by a driver: not in RAM, nor swapped.
    public var moving: UInt64 = 0
    /// The kernel's own pages and device memory, which no RSS counts.
    public var reserved: UInt64 = 0
    /// In RAM, but the kernel hid the frame: for want of CAP_SYS_ADMIN.
    public var hidden: UInt64 = 0

    public init() {}

    /// Pages in RAM that are somebody's. Unit: bytes.
    public var resident: UInt64 { amounts.reduce(hidden) { $0 &+ $1.bytes } }

    /// In anonymous transparent huge pages of PMD size, mapped whole or in parts. Unit: bytes.
    public var anonymousTHP: UInt64 {
        amounts.reduce(0) { $1.kind == .thp && $1.content == .anonymous ? $0 &+ $1.bytes : $0 }
    }

    public mutating func add(_ amount: PageAmount) {
        if let index = amounts.firstIndex(where: amount.isAlike) {
            amounts[index].pages &+= amount.pages
            amounts[index].bytes &+= amount.bytes
        } else {
            amounts.append(amount)
        }
    }

    /// Takes pages back that were counted twice.
    public mutating func takeBack(_ amount: PageAmount) {
        guard let index = amounts.firstIndex(where: amount.isAlike) else { return }
        amounts[index].pages &-= amount.pages
        amounts[index].bytes &-= amount.bytes
    }

    /// Adds pages of the size `base` that are each mapped so many times; 0, of a page that has gone meanwhile or that the
    /// kernel does not count, is taken for 1.
    public mutating func share(_ pages: UInt64, of base: PageSize, times: UInt64) {
        let bytes = base.amount(of: pages).bytes
        if times > 1 { shared &+= bytes } else { unique &+= bytes }
        proportional &+= (base.bytes << 12) / max(times, 1) &* pages
    }

    /// What page tables tell without the frames that they lead to.
    public var withoutFrames: PageTally {
        var tally = PageTally()
        (tally.mappedByPMD, tally.zero, tally.swapped, tally.moving) = (nil, zero, swapped, moving)
        return tally
    }

    /// Forgets what is on other nodes, or on none that is known; what is not counted by node stays.
    public mutating func keep(on nodes: Set<NodeID>) {
        amounts.removeAll { amount in amount.node.map { !nodes.contains($0) } ?? true }
        hidden = 0
    }

    public mutating func merge(_ other: PageTally) {
        for amount in other.amounts { add(amount) }
        unique &+= other.unique
        shared &+= other.shared
        proportional &+= other.proportional
        mappedByPMD = mappedByPMD.flatMap { mine in other.mappedByPMD.map { mine &+ $0 } }
        roomForHuge &+= other.roomForHuge
        zero &+= other.zero
        swapped &+= other.swapped
        moving &+= other.moving
        reserved &+= other.reserved
        hidden &+= other.hidden
    }
}

/// The words of `/proc/kpageflags` behind the present pages of a process, held against each other. Unit: words, one for each
/// base page, where nothing else is said. Of a page that one table entry maps whole, a few words are read at its beginning,
/// in its middle and at its end; the others count as they must be.
public struct FrameWords: Hashable, Sendable {
    public var heads: UInt64 = 0
    public var tails: UInt64 = 0
    public var huge: UInt64 = 0
    public var thp: UInt64 = 0
    /// How many were really read.
    public var read: UInt64 = 0
    /// By word; nil where not each was read: that is only done when asked for.
    public var byFlags: [PageFlags: UInt64]?
    public var contradictions: [Contradiction] = []
    /// Frames; `contradictions` has the first ones only.
    public var contradictionCount: UInt64 = 0

    public init() {}

    /// How many of `contradictions` are kept.
    public static let mostContradictions = 16

    /// - Parameter frames: how many words of neighbours contradict the others alike.
    public mutating func note(_ contradiction: Contradiction, frames: UInt64 = 1) {
        contradictionCount &+= frames
        guard contradictions.count < Self.mostContradictions else { return }
        var contradiction = contradiction
        contradiction.frames = frames
        contradictions.append(contradiction)
    }

    public mutating func merge(_ other: Self) {
        heads += other.heads
        tails += other.tails
        huge += other.huge
        thp += other.thp
        read += other.read
        if let words = other.byFlags { byFlags = (byFlags ?? [:]).merging(words, uniquingKeysWith: +) }
        contradictions += other.contradictions.prefix(Self.mostContradictions - contradictions.count)
        contradictionCount &+= other.contradictionCount
    }

    /// Words that cannot all be true: of one frame, or of neighbours alike.
    public struct Contradiction: Hashable, Sendable {
        public enum Kind: String, CaseIterable, Sendable {
            /// A compound tail, and no head before it.
            case tailWithoutHead
            /// A compound head whose tails are too few for any page size.
            case tailsEndEarly
            /// A hugetlb mapping, and a frame without HUGE.
            case hugetlbWithoutHuge
        }
        public var kind: Kind
        public var address: UInt64
        public var frame: PFN
        public var flags: PageFlags
        /// How many frames they are, with `frame`.
        public var frames: UInt64 = 1
        public init(_ kind: Kind, address: UInt64, frame: PFN, flags: PageFlags) {
            (self.kind, self.address, self.frame, self.flags) = (kind, address, frame, flags)
        }
    }
}
