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
        let taken = timestamp(takenAt) ?? "-"
        var parts = [
            "\(host.name.escaped(limit: 40)), Linux \(host.release.escaped(limit: 40)), \(taken)",
            passes == 1 ? "1 pass" : "\(passes) passes", "\(walk.processesSeen) processes",
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

/// Groups of lines with an empty line between them; a group without lines is left out.
func paragraphs(_ groups: [[String]]) -> String {
    groups.filter { !$0.isEmpty }.map { $0.joined(separator: "\n") }.joined(separator: "\n\n") + "\n"
}

/// A figure of a table: a hyphen where it could not be had.
func figure(_ number: (some FixedWidthInteger)?) -> String { number.map { "\($0)" } ?? "-" }
