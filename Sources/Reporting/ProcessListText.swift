public import Audit
import Observations

/// Several processes for a person at a terminal: all of each, and at the end how many ended meanwhile.
public struct ProcessListText {
    public let text: String

    /// - Parameter isColoured: with ANSI colours, for a terminal.
    public init(_ list: ProcessList, isColoured: Bool) {
        let shown = list.processes.filter { !list.isPassing($0) || !list.findings(of: $0).isEmpty }
        let passing = list.processes.filter(list.isPassing)
        let count = { (course: ProcessCourse) in passing.count { $0.observation.course == course } }
        let parts = [(count(.ended), "ended meanwhile"), (count(.replaced), "became another program")]
            .filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }
        let footer = "\(processCount(list.processes.count)), \(parts.joined(separator: ", "))\n"
        text = (shown.map { ProcessText($0, isColoured: isColoured).text } + (parts.isEmpty ? [] : [footer]))
            .joined(separator: "\n")
    }
}
