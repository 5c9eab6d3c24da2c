import Observations
import PageModel

extension FrameClassifier {
    /// The mapping whose frames are told of.
    struct Target {
        /// Of a hugetlb mapping, once it is known.
        var hugetlbSize: PageSize?
        /// Nil as long as it is not known.
        var isHugetlb: Bool?
        /// Where an aligned transparent huge page has room.
        var room: Range<UInt64> = 0..<0
        var tally = PageTally()
        /// On each node that the mapping has pages on, one of them.
        var witnesses: [Witness] = []
        /// The folio that was counted first, as one page without bytes, and its head.
        private(set) var first: (head: UInt64, folio: PageAmount)?
        /// The head of the folio that was counted last.
        private(set) var lastHead: UInt64?

        init(hugetlbSize: PageSize?, isHugetlb: Bool?) { (self.hugetlbSize, self.isHugetlb) = (hugetlbSize, isHugetlb) }

        mutating func note(_ folio: PageAmount, head: UInt64) {
            if first == nil {
                var folio = folio
                (folio.pages, folio.bytes) = (1, 0)
                first = (head, folio)
            }
            lastHead = head
        }

        /// Adds the stretch that follows in the same mapping. A folio that lies across the border was counted in both.
        mutating func merge(_ next: Target) {
            tally.merge(next.tally)
            if let first = next.first, first.head == lastHead { tally.takeBack(first.folio) }
            first = first ?? next.first
            lastHead = next.lastHead ?? lastHead
            (hugetlbSize, isHugetlb) = (hugetlbSize ?? next.hugetlbSize, isHugetlb ?? next.isHugetlb)
        }
    }

    /// A page, and the node of its frame.
    struct Witness: Sendable {
        let address: UInt64
        let frame: PFN
        let size: PageSize
        let node: NodeID?
    }
}
