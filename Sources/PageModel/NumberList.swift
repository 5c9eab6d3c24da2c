/// Numbers as the kernel prints lists of CPUs and nodes: `0-3,8`.
public struct NumberList: Hashable, Sendable, CustomStringConvertible {
    /// Ascending, each once.
    public let numbers: [Int]
    public init(_ numbers: some Sequence<Int>) { self.numbers = Set(numbers).sorted() }
    public init(_ nodes: some Sequence<NodeID>) { self.init(nodes.map(\.rawValue)) }

    public var description: String {
        var runs: [ClosedRange<Int>] = []
        for number in numbers {
            if let last = runs.last, last.upperBound &+ 1 == number {
                runs[runs.count - 1] = last.lowerBound...number
            } else {
                runs.append(number...number)
            }
        }
        return runs.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }
            .joined(separator: ",")
    }
}
