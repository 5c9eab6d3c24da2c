/// What a holder says of itself once its state is there: `ready pid=PID address=0x… fd=N child=PID,… shmid=ID …`,
/// and of kinds with several stretches of memory `NAME=0xADDRESS+BYTES …`.
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

    /// The addresses of the parts that are told as `NAME=0xADDRESS+BYTES`.
    public var parts: [String: Range<UInt64>] {
        words.reduce(into: [:]) { parts, word in
            let halves = word.value.split(separator: "+")
            guard halves.count == 2, let start = UInt64(halves[0].dropFirst(2), radix: 16) else { return }
            parts[String(word.key)] = UInt64(halves[1]).map { start..<start + $0 }
        }
    }

    /// Those of a list; none where it was not told.
    public func numbers(_ key: Substring) -> [Int32] {
        words[key]?.split(separator: ",").compactMap { Int32($0) } ?? []
    }
}
