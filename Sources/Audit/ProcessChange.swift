public import Observations
import PageModel

/// A process that maps more huge pages than before, or fewer.
public struct ProcessChange: Hashable, Sendable {
    /// As it is afterwards: without placements where it is gone, or maps none any more.
    public let process: HugetlbProcess
    /// Unit: bytes; below zero for what it maps no more.
    public let change: Int64
    /// It did not map any before, and perhaps did not run.
    public let isNew: Bool

    /// What grew most first; processes that map as much as before are left out.
    static func changes(from before: [HugetlbProcess], to after: [HugetlbProcess]) -> [ProcessChange] {
        let grown = after.compactMap { process -> ProcessChange? in
            let old = before.first { $0.pid == process.pid }
            let change = Int64(clamping: process.placedBytes) - Int64(clamping: old?.placedBytes ?? 0)
            return change == 0 ? nil : ProcessChange(process: process, change: change, isNew: old == nil)
        }
        let gone = before.filter { old in !after.contains { $0.pid == old.pid } }.map { old in
            var process = old
            (process.placements, process.hugetlbBytes) = ([], 0)
            return ProcessChange(process: process, change: -Int64(clamping: old.placedBytes), isNew: false)
        }
        return (grown + gone).sorted { ($1.change, $0.process.pid) < ($0.change, $1.process.pid) }
    }
}
