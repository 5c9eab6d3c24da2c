import Audit
import Observations
import PageModel

/// A column in a table of where memory is: a size of hugetlb, or another kind of page. Amounts are in bytes.
enum PlacementColumn: Hashable {
    case hugetlb(PageSize)
    case kind(PageKind)
    /// Pages in RAM whose kind is not known.
    case unclassified

    /// The columns that these pages need: hugetlb first, the largest before the others.
    /// - Parameters:
    ///   - sizes: sizes of hugetlb that have a column in any case.
    ///   - isClassified: whether kinds were looked for: those of which there is nothing have a column, too.
    static func columns(of amounts: [PageAmount], sizes: Set<PageSize> = [], isClassified: Bool) -> [Self] {
        let found = Set(amounts.filter { $0.kind == .hugetlb }.map(\.size)).union(sizes)
        let kinds = PageKind.allCases.filter { kind in
            kind != .hugetlb && (isClassified || amounts.contains { $0.kind == kind })
        }
        return found.sorted(by: >).map(Self.hugetlb) + kinds.map(Self.kind)
            + (isClassified && !amounts.contains { $0.kind == nil } ? [] : [.unclassified])
    }

    var title: String {
        switch self {
        case .hugetlb(let size): "\(size)"
        case .kind(.thp): "THP"
        case .kind(.mthp): "mTHP"
        case .kind(.base): "BASE"
        case .kind(.hugetlb): "HUGETLB"
        case .unclassified: "UNKNOWN"
        }
    }

    var isHugetlb: Bool {
        switch self {
        case .hugetlb: true
        case .kind, .unclassified: false
        }
    }

    private func contains(_ amount: PageAmount) -> Bool {
        switch self {
        case .hugetlb(let size): amount.kind == .hugetlb && amount.size == size
        case .kind(let kind): amount.kind == kind
        case .unclassified: amount.kind == nil
        }
    }

    /// What these pages amount to in this column.
    func cell(of amounts: [PageAmount]) -> String { amountCell(amounts.filter(contains).bytes) }
}

extension [PageAmount] {
    /// Their sum. Unit: bytes.
    var bytes: UInt64 { reduce(0) { $0 &+ $1.bytes } }

    /// By kind; hugetlb, and so on. Unit: bytes.
    func bytes(of kind: PageKind) -> UInt64 { filter { $0.kind == kind }.bytes }

    /// Their nodes, ascending; nil comes last.
    var nodes: [NodeID?] {
        let known = Set(compactMap(\.node)).sorted().map(Optional.some)
        return known + (contains { $0.node == nil } ? [nil] : [])
    }

    /// `0: 12 GiB, 1: 300 MiB`: by node, no more than `limit` of them, the fullest ones.
    func places(limit: Int) -> String {
        let sums = nodes.map { node in (node: node, bytes: filter { $0.node == node }.bytes) }
        let least = sums.map(\.bytes).sorted(by: >).prefix(limit).last ?? 0
        let shown = sums.filter { $0.bytes >= least && $0.bytes > 0 }.prefix(limit)
        let more = sums.filter { $0.bytes > 0 }.count - shown.count
        return shown.map { "\(nodeCell($0.node)): \(ByteCount($0.bytes))" }.joined(separator: ", ")
            + (more > 0 ? ", \(more) more" : "")
    }
}

extension ProcessReport {
    /// What tables are made of: what the kernel hid is on a node that is not known.
    var tabulated: [PageAmount] {
        let hidden = pages.hidden
        let base = observation.host.basePageSize
        return hidden == 0
            ? placements
            : placements + [
                PageAmount(node: nil, kind: nil, size: base, content: nil, pages: hidden / base.bytes, bytes: hidden)
            ]
    }
}

func nodeCell(_ node: NodeID?) -> String { node.map { "\($0)" } ?? "?" }

func amountCell(_ bytes: UInt64) -> String { bytes == 0 ? "0" : "\(ByteCount(bytes))" }

/// `1.5 of 2 GiB`; both with their units where these differ.
func share(_ part: UInt64, of whole: UInt64) -> String {
    let (part, whole) = (amountCell(part), amountCell(whole))
    let (words, unit) = (part.split(separator: " "), whole.split(separator: " ").last)
    return "\(words.last == unit ? String(words[0]) : part) of \(whole)"
}
