import Audit
import Observations

/// What every report for a person begins and ends with.
extension Verdict {
    func line(_ paint: Paint) -> String {
        let colour: Paint.Colour =
            switch level {
            case .clean: .green
            case .findings: .red
            case .partial: .yellow
            }
        return "\(paint(level.rawValue.uppercased(), colour)): \(summary)."
    }
}

extension AuditReport {
    /// Which machine it was, when, and how much was looked at.
    var footer: String {
        var parts = [
            host.footer(takenAt),
            passes == 1 ? "1 pass" : "\(passes) passes", processCount(walk.processesSeen),
        ]
        if walk.vanished > 0 { parts.append("\(walk.vanished) ended meanwhile") }
        if walk.refusedSharers > 0 {
            parts.append("\(walk.refusedSharers) would not say whether they share page tables")
        }
        if let search {
            let namespaces = search.mountNamespaces
            parts.append("\(search.descriptors) descriptors")
            parts.append("\(namespaces) mount namespace\(namespaces == 1 ? "" : "s")")
        }
        if !isSettled { parts.append("not settled") }
        return parts.joined(separator: ", ")
    }
}

extension HostObservation {
    /// - Parameter takenAt: seconds since 1970.
    func footer(_ takenAt: Double) -> String {
        "\(name.escaped(limit: 40)), Linux \(release.escaped(limit: 40)), \(timestamp(takenAt) ?? "-")"
    }
}

/// Groups of lines with an empty line between them; a group without lines is left out.
func paragraphs(_ groups: [[String]]) -> String {
    groups.filter { !$0.isEmpty }.map { $0.joined(separator: "\n") }.joined(separator: "\n\n") + "\n"
}

/// A figure of a table: a hyphen where it could not be had.
func figure(_ number: (some FixedWidthInteger)?) -> String { number.map { "\($0)" } ?? "-" }

/// `1 process`, `2 processes`
func processCount(_ count: some FixedWidthInteger) -> String { "\(count) process\(count == 1 ? "" : "es")" }

/// A length of time, in the unit that leaves at least 1: `12 ms`, `1.26 s`. It is cut, not rounded.
func duration(_ seconds: Double) -> String {
    guard seconds.isFinite, seconds >= 0, seconds < 1e9 else { return "-" }
    let microseconds = UInt64(seconds * 1e6)
    switch microseconds {
    case ..<1000: return "\(microseconds) µs"
    case ..<1_000_000: return "\(microseconds / 1000) ms"
    default:
        let rest = microseconds / 10_000 % 100
        return "\(microseconds / 1_000_000).\(rest < 10 ? "0" : "")\(rest) s"
    }
}
