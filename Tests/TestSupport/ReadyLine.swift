/// What a holder says of itself once its state is there: `ready pid=PID address=0x… fd=N child=PID,… shmid=ID …`.
public struct ReadyLine: Sendable {
    private let words: [Substring: Substring]

    /// Nil for any other line.
    public init?(_ line: String) {
        guard line.hasPrefix("ready") else { return nil }
        words = Dictionary(
            line.split(whereSeparator: \.isWhitespace).dropFirst().map { word in
                let halves = word.split(separator: "=", maxSplits: 1)
                return (halves[0], halves.count == 2 ? halves[1] : "")
            }, uniquingKeysWith: { $1 })
    }

    public subscript(_ key: Substring) -> String? { words[key].map(String.init) }

    /// Those of a list; none where it was not told.
    public func numbers(_ key: Substring) -> [Int32] {
        words[key]?.split(separator: ",").compactMap { Int32($0) } ?? []
    }
}
