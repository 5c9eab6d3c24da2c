import Audit

/// Findings, in every report for a person.
struct FindingText {
    private let paint: Paint
    /// What fits on a screen; `--format json` has the rest.
    private static let most = 12
    /// With evidence and remedy; the others have one line each.
    private static let mostInFull = 3
    private static let mostEvidence = 4

    init(_ paint: Paint) { self.paint = paint }

    /// The first ones in full. Nothing where there are none.
    func list(_ findings: [Finding]) -> [String] {
        let more = findings.count - Self.most
        return findings.prefix(Self.mostInFull).map(block)
            + findings.prefix(Self.most).dropFirst(Self.mostInFull).map(head)
            + (more > 0 ? ["and \(more) more findings: --format json lists all"] : [])
    }

    func head(_ finding: Finding) -> String { "\(label(finding.severity, finding.id)): \(finding.message)" }

    /// `warning orphan-file`
    func label(_ severity: Severity, _ id: Finding.ID) -> String {
        let colour: Paint.Colour =
            switch severity {
            case .note: .plain
            case .warning: .yellow
            case .error: .red
            }
        return "\(paint(severity.rawValue, colour)) \(id.rawValue)"
    }

    private func block(_ finding: Finding) -> String {
        let proof = finding.evidence.prefix(Self.mostEvidence).map { "  \($0.path): \($0.says)" }
        let rest = finding.evidence.count - Self.mostEvidence
        let remedy = finding.remedy.isEmpty ? [] : ["  To mend: \(finding.remedy)"]
        return ([head(finding)] + proof + (rest > 0 ? ["  and \(rest) more"] : []) + remedy).joined(separator: "\n")
    }
}
