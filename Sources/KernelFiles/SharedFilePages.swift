import Observations
import PageModel

/// Which pages of one hugetlb file lie on which node, as far as the page tables of some process have shown. A page of a
/// file is the same frame for every process that maps it MAP_SHARED, so the next such process need not be asked for it:
/// a thousand database backends cost little more than one.
struct SharedFilePages {
    let size: PageSize
    /// Disjoint and ascending, neighbours on one node joined. Unit: bytes of the file.
    private var runs: [(offsets: Range<UInt64>, node: NodeID?)] = []

    init(size: PageSize) { self.size = size }

    /// Pages that are known. Unit: huge pages.
    var pages: UInt64 { runs.reduce(0) { $0 &+ ($1.offsets.upperBound - $1.offsets.lowerBound) } / size.bytes }

    /// Notes the page at `offset`, unless it is known.
    mutating func add(_ offset: UInt64, on node: NodeID?) {
        let index = firstRun(endingAfter: offset)
        if index < runs.count, runs[index].offsets.contains(offset) { return }
        let end = offset + size.bytes
        if index > 0, runs[index - 1].node == node, runs[index - 1].offsets.upperBound == offset {
            runs[index - 1].offsets = runs[index - 1].offsets.lowerBound..<end
        } else {
            runs.insert((offset..<end, node), at: index)
        }
    }

    /// The pages of each node among those of `offsets` that are known, and where the others are.
    func look(in offsets: Range<UInt64>) -> (pages: [NodeID?: UInt64], unknown: [Range<UInt64>]) {
        guard !offsets.isEmpty else { return ([:], []) }
        var pages: [NodeID?: UInt64] = [:]
        var unknown: [Range<UInt64>] = []
        var start = offsets.lowerBound
        for run in runs[firstRun(endingAfter: start)...] {
            guard run.offsets.lowerBound < offsets.upperBound else { break }
            if run.offsets.lowerBound > start { unknown.append(start..<run.offsets.lowerBound) }
            let known = run.offsets.clamped(to: start..<offsets.upperBound)
            pages[run.node, default: 0] += (known.upperBound - known.lowerBound) / size.bytes
            start = known.upperBound
        }
        if start < offsets.upperBound { unknown.append(start..<offsets.upperBound) }
        return (pages, unknown)
    }

    private func firstRun(endingAfter offset: UInt64) -> Int {
        runs.partitioningIndex { $0.offsets.upperBound > offset }
    }
}
