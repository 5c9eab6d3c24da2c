/// What a page in RAM is part of: the first that fits, from the top.
public enum PageKind: String, CaseIterable, Comparable, Sendable {
    case hugetlb
    /// A transparent huge page: a large folio of the size that a PMD maps, whether a PMD maps it or page-table entries do.
    case thp
    /// Any smaller large folio.
    case mthp
    case base

    public static func < (left: Self, right: Self) -> Bool { left.rank < right.rank }
    private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}

/// Whose memory a page in RAM is, which decides whose policy it obeys.
public enum PageContent: String, CaseIterable, Sendable {
    /// The process's own, or a copy that it has not written to since a fork.
    case anonymous
    /// Shared memory: shmem, System V, memfd, and files of hugetlbfs.
    case shared
    /// The page cache of any other file, and a driver's memory. The policy of a mapping has no say in where it is.
    case file

    /// - Parameter flags: of a page that is mapped; of a folio those of its head, as up to 6.1 tails lack most.
    public init(_ flags: PageFlags) {
        self =
            flags.contains(.anon) ? .anonymous : flags.isDisjoint(with: [.huge, .swapbacked]) ? .file : .shared
    }
}
