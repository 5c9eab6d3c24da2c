public import PageModel

/// Hugetlb pages found in physical memory, grouped by what their heads look like. Raw words: no judgement here.
public struct HugetlbCensus: Hashable, Sendable {
    /// What the pages of one group have in common.
    public struct Kind: Hashable, Sendable {
        /// Nil where the frame is on no node that memory blocks, zones or libnuma know.
        public var node: NodeID?
        public var size: PageSize
        /// The head's word of `/proc/kpageflags`.
        public var head: PageFlags
        /// A page table that this audit walked leads here.
        public var isReached: Bool

        public init(node: NodeID?, size: PageSize, head: PageFlags, isReached: Bool) {
            (self.node, self.size, self.head, self.isReached) = (node, size, head, isReached)
        }
    }

    /// How much there is of one kind.
    public struct Tally: Hashable, Sendable {
        /// Unit: huge pages of the kind's size.
        public var pages: UInt64
        /// Page-table mappings by `/proc/kpagecount`; read only for mapped pages that no walked page table reaches.
        public var mappings: UInt64
        public init(pages: UInt64, mappings: UInt64 = 0) { (self.pages, self.mappings) = (pages, mappings) }
    }

    public var tallies: [Kind: Tally]
    /// Words of `/proc/kpageflags` that were read.
    public var wordsRead: UInt64
    /// HUGE tails with no head before them, counted at the census's stride: 0 unless pages were moving.
    public var strayTails: UInt64
    /// How long the reading took, from the first word to the last.
    public var durationSeconds = 0.0

    public init(tallies: [Kind: Tally] = [:], wordsRead: UInt64 = 0, strayTails: UInt64 = 0) {
        (self.tallies, self.wordsRead, self.strayTails) = (tallies, wordsRead, strayTails)
    }

    /// Mapped heads of those kinds for which `isReached` is as given. Unit: huge pages, whatever their size.
    public func mappedHeads(reached: Bool) -> UInt64 {
        tallies.reduce(0) { sum, entry in
            entry.key.isReached == reached && entry.key.head.contains(.mmap) ? sum + entry.value.pages : sum
        }
    }

    /// Counts `pages` more of `kind`, with the page-table mappings they have.
    public mutating func add(_ pages: UInt64, of kind: Kind, mappings: UInt64 = 0) {
        let sum = tallies[kind, default: Tally(pages: 0)]
        tallies[kind] = Tally(pages: sum.pages + pages, mappings: sum.mappings + mappings)
    }

    /// Adds what another share of physical memory gave.
    public mutating func merge(_ other: Self) {
        for (kind, tally) in other.tallies { add(tally.pages, of: kind, mappings: tally.mappings) }
        wordsRead += other.wordsRead
        strayTails += other.strayTails
    }
}
