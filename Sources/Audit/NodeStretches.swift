import Observations
import PageModel

/// Looks up the nodes of pages of runs.
struct NodeStretches {
    private var cursor: NodeCursor

    init(_ map: NodeMap) { cursor = NodeCursor(map) }

    /// The node of a page of `run`, nil where it cannot be told, and where the pages end that are there, too.
    mutating func next(_ run: PageRun, from page: UInt64) -> (node: NodeID?, end: UInt64) {
        let frame = run.frame(of: page).rawValue
        let (frames, node) = cursor.stretch(around: frame)
        let end =
            switch run.step {
            case .up: page &+ (frames.upperBound - frame)
            case .down: page &+ (frame - frames.lowerBound + 1)
            case .same: run.end
            }
        return (node, end < page ? run.end : min(end, run.end))
    }
}
