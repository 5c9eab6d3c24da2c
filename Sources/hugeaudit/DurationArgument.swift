import ArgumentParser

/// A length of time on the command line: `500ms`, `2s`, `1m`.
struct DurationArgument: ExpressibleByArgument, CustomStringConvertible {
    let milliseconds: Int64

    init(milliseconds: Int64) { self.milliseconds = milliseconds }

    /// Nil without a unit, and for more than a day.
    init?(argument: String) {
        let units: [(String, Int64)] = [("ms", 1), ("s", 1000), ("m", 60_000)]
        guard let (unit, factor) = units.first(where: { argument.hasSuffix($0.0) }) else { return nil }
        let digits = argument.dropLast(unit.count)
        guard !digits.isEmpty, digits.allSatisfy({ ("0"..."9").contains($0) }), let count = Int64(digits),
            count <= 86_400_000 / factor
        else { return nil }
        milliseconds = count * factor
    }

    var duration: Duration { .milliseconds(milliseconds) }
    var description: String { milliseconds % 1000 == 0 ? "\(milliseconds / 1000)s" : "\(milliseconds)ms" }
    var defaultValueDescription: String { description }
}
