import Observations
import PageModel

/// The command that removes linked files, each by its own name: a pattern would take what else it fits, of which the audit
/// need not have heard. Names that differ in a number are put together by bash: `rm -- /huge/rtemap_{{0..99},101}`.
struct FileRemoval {
    let command: String
    /// What that frees.
    let amount: ByteCount
    /// What to say where not all could be named.
    let rest: String

    private static let mostWords = 16
    /// Of numbers in one word.
    private static let mostRuns = 64
    /// More names than these may be too many for one call of rm.
    private static let mostAtOnce = 1000

    init(_ holders: [Holder]) {
        var bytes: [ForeignText: UInt64] = [:]
        for holder in holders {
            guard let path = holder.file?.path else { continue }
            bytes[path] = holder.bytes
            for other in holder.file?.otherPaths ?? [] { bytes[other] = 0 }
        }
        let series = Series.all(of: bytes.keys)
        let named = series.prefix(Self.mostWords).map { $0.limited(to: Self.mostRuns) }
        let words = named.map(\.word).joined(separator: " ")
        let paths = named.flatMap(\.paths)
        command = paths.count > Self.mostAtOnce ? "printf '%s\\0' \(words) | xargs -0 rm --" : "rm -- \(words)"
        amount = ByteCount(paths.reduce(0) { $0 &+ (bytes[$1] ?? 0) })
        let left = bytes.count - paths.count
        let unseen = holders.compactMap(\.file).reduce(0) {
            $0 &+ ($1.links - min(UInt64(1 + $1.otherPaths.count), $1.links))
        }
        rest =
            (left > 0 ? "; \(left) more are left: audit again" : "")
            + (unseen > 0 ? "; there are \(unseen) further names of the same: audit again" : "")
    }
}

/// Paths that begin alike and end in different numbers; or one path.
private struct Series {
    let stem: ForeignText
    /// Disjoint, ascending; nil for the stem alone.
    let runs: [ClosedRange<UInt64>]?

    /// Sorted by path.
    static func all(of paths: some Collection<ForeignText>) -> [Series] {
        var numbers: [ForeignText: [UInt64]] = [:]
        var series: [Series] = []
        for path in paths {
            if let (stem, number) = path.numbered {
                numbers[stem, default: []].append(number)
            } else {
                series.append(Series(stem: path, runs: nil))
            }
        }
        for (stem, numbers) in numbers {
            var runs: [ClosedRange<UInt64>] = []
            for number in numbers.sorted() {
                if let last = runs.last, last.upperBound + 1 == number {
                    runs[runs.count - 1] = last.lowerBound...number
                } else {
                    runs.append(number...number)
                }
            }
            series.append(Series(stem: stem, runs: runs))
        }
        return series.sorted { $0.stem < $1.stem }
    }

    func limited(to count: Int) -> Series { Series(stem: stem, runs: runs.map { Array($0.prefix(count)) }) }

    var paths: [ForeignText] {
        guard let runs else { return [stem] }
        return runs.joined().map { ForeignText(stem.bytes + "\($0)".utf8) }
    }

    /// For bash, which expands `{1..3}` after a quoted text, too.
    var word: String {
        guard let runs else { return shellQuoted(stem) }
        if runs.count == 1, runs[0].count == 1 { return shellQuoted(paths[0]) }
        let parts = runs.map { run in
            run.count == 1 ? "\(run.lowerBound)" : "{\(run.lowerBound)..\(run.upperBound)}"
        }
        return shellQuoted(stem) + (parts.count == 1 ? parts[0] : "{\(parts.joined(separator: ","))}")
    }
}

extension ForeignText {
    /// The text before the number at its end; nil where that is none as bash would write it: `07` is not.
    fileprivate var numbered: (stem: ForeignText, number: UInt64)? {
        let digits = bytes.reversed().prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        guard (1...18).contains(digits.count),
            digits.count == 1 || bytes[bytes.count - digits.count] != UInt8(ascii: "0"),
            let number = UInt64(String(decoding: bytes.suffix(digits.count), as: UTF8.self))
        else { return nil }
        return (ForeignText(bytes.dropLast(digits.count)), number)
    }
}
