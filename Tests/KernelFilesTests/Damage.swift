import TestSupport

@testable import KernelFiles

/// A way in which the content of a text file can be wrong. Each makes many contents of one that is right.
enum Damage: String, CaseIterable, Sendable {
    case truncated, empty, binary, overlong, negative, overflowing, reordered, duplicated, flipped, carriageReturns,
        nuls

    /// Damaged contents: the same for the same seed.
    func contents(of sample: [UInt8], seed: UInt64) -> [[UInt8]] {
        var dice = Dice(seed: seed)
        return switch self {
        case .truncated: sample.indices.map { Array(sample[..<$0]) }
        case .empty: [[], [UInt8(ascii: "\n")], Array(repeating: UInt8(ascii: "\n"), count: 1000), bytes(" \t \n")]
        case .binary: (0..<40).map { _ in dice.noise(count: dice.upTo(300)) }
        case .overlong: Self.overlong(sample)
        case .negative: Self.numbers(in: sample, replacedBy: ["-1", "-0", "-18446744073709551615"])
        case .overflowing: Self.numbers(in: sample, replacedBy: Self.extremes)
        case .reordered: (0..<40).map { _ in Self.lines(sample).shuffled(using: &dice).flatMap { $0 } }
        case .duplicated: (0..<40).map { _ in dice.repeatingLines(Self.lines(sample)) }
        case .flipped: (0..<80).map { _ in dice.flipping(sample) }
        case .carriageReturns: [Self.replacing(sample, "\n", by: "\r\n"), Self.replacing(sample, "\n", by: "\r")]
        case .nuls: [Self.replacing(sample, " ", by: "\u{0}"), sample + [0], [0] + sample, sample.map { _ in 0 }]
        }
    }

    /// Around every border that arithmetic on counts, sizes, frames and bytes has.
    static let extremes = [
        "18446744073709551615", "18446744073709551616", "9223372036854775807", "9223372036854775808",
        "18014398509481984", "9007199254740992", "4503599627370496", "4503599627370497", "2147483648", "4294967296",
        "ffffffffffffffff", "8000000000000000", "1000000000000000000000000000000",
    ]

    /// A line of 2 MiB: last, first, of digits, and the first line's words again and again.
    private static func overlong(_ sample: [UInt8]) -> [[UInt8]] {
        let long = [UInt8](repeating: UInt8(ascii: "7"), count: 2 << 20)
        let first = lines(sample).first ?? []
        let again = Array(
            repeatElement(first.filter { $0 != .newline } + [.blank], count: (2 << 20) / (first.count + 1)))
        return [sample + long, long + [.newline] + sample, again.flatMap { $0 } + [.newline]]
    }

    private static func lines(_ sample: [UInt8]) -> [[UInt8]] {
        sample.split(separator: .newline, omittingEmptySubsequences: false).map { Array($0) + [.newline] }
    }

    /// The sample once for each number in it and each replacement.
    private static func numbers(in sample: [UInt8], replacedBy texts: [String]) -> [[UInt8]] {
        let isDigit = { (byte: UInt8) in (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
        var runs: [Range<Int>] = []
        for index in sample.indices where isDigit(sample[index]) {
            if let last = runs.last, last.upperBound == index {
                runs[runs.count - 1] = last.lowerBound..<index + 1
            } else {
                runs.append(index..<index + 1)
            }
        }
        return runs.flatMap { run in
            texts.map { Array(sample[..<run.lowerBound]) + bytes($0) + sample[run.upperBound...] }
        }
    }

    private static func replacing(_ sample: [UInt8], _ byte: Unicode.Scalar, by text: String) -> [UInt8] {
        sample.flatMap { $0 == UInt8(ascii: byte) ? bytes(text) : [$0] }
    }
}

extension Dice {
    mutating func noise(count: Int) -> [UInt8] { (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) } }

    mutating func flipping(_ sample: [UInt8]) -> [UInt8] {
        var sample = sample
        for _ in 0...upTo(4) where !sample.isEmpty { sample[upTo(sample.count - 1)] ^= 1 << UInt8(upTo(7)) }
        return sample
    }

    fileprivate mutating func repeatingLines(_ lines: [[UInt8]]) -> [UInt8] {
        lines.flatMap { line in repeatElement(line, count: upTo(3)).flatMap { $0 } }
    }
}
