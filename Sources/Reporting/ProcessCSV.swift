public import Audit
import Observations
import PageModel

/// Where the memory of processes is, for a spreadsheet or a script: RFC 4180, a header row first, lines end with a newline.
/// A field is empty where there is nothing to say. Names are always in quotes: no name can end its field or its row.
public struct ProcessCSV {
    public let text: String

    private static let amountColumns = ["node", "kind", "pageSize", "content", "pages", "bytes"]

    /// A row for each mapping and what is alike in it.
    public init(_ reports: [ProcessReport]) {
        let columns = ["pid", "name", "start", "end", "mapping", "permissions", "policy"] + Self.amountColumns
        var lines = [columns.joined(separator: ",")]
        for report in reports {
            for mapping in report.mappings.map(\.observation) {
                let place = Self.fields(of: report) + Self.fields(of: mapping)
                lines += mapping.pages.ordered.map { (place + Self.fields(of: $0)).joined(separator: ",") }
            }
        }
        text = Self.document(lines)
    }

    /// A row for each process and what is alike in it.
    public init(sumsOf reports: [ProcessReport]) {
        var lines = [(["pid", "name"] + Self.amountColumns).joined(separator: ",")]
        for report in reports {
            let process = Self.fields(of: report)
            lines += report.pages.ordered.map { (process + Self.fields(of: $0)).joined(separator: ",") }
        }
        text = Self.document(lines)
    }

    private static func document(_ lines: [String]) -> String { lines.joined(separator: "\n") + "\n" }

    private static func fields(of report: ProcessReport) -> [String] {
        ["\(report.observation.pid)", quoted(report.observation.name)]
    }

    private static func fields(of observation: MappingObservation) -> [String] {
        let mapping = observation.mapping
        return [
            hexadecimal(mapping.addresses.lowerBound), hexadecimal(mapping.addresses.upperBound),
            quoted(mapping.name), quoted(mapping.permissions), observation.policy.map(quoted) ?? "",
        ]
    }

    private static func fields(of amount: PageAmount) -> [String] {
        [
            amount.node.map { "\($0)" } ?? "", amount.kind?.rawValue ?? "", "\(amount.size.bytes)",
            amount.content?.rawValue ?? "", "\(amount.pages)", "\(amount.bytes)",
        ]
    }

    /// As it came; control characters that RFC 4180 does not allow become U+FFFD, as what is no UTF-8 does.
    private static func quoted(_ text: ForeignText) -> String {
        var field = "\""
        for scalar in text.repaired.unicodeScalars {
            switch scalar {
            case "\"": field += "\"\""
            case "\n", "\r", "\t": field.unicodeScalars.append(scalar)
            default: field.unicodeScalars.append(scalar.properties.generalCategory == .control ? "\u{fffd}" : scalar)
            }
        }
        return field + "\""
    }
}

extension PageTally {
    /// By kind, the largest pages first, then by node and content; what is not known comes last.
    var ordered: [PageAmount] {
        func rank<Value: Equatable>(_ value: Value?, in all: [Value]) -> Int {
            value.flatMap { all.firstIndex(of: $0) } ?? all.count
        }
        let key = { (amount: PageAmount) in
            [
                rank(amount.kind, in: PageKind.allCases), -Int(clamping: amount.size.bytes),
                amount.node?.rawValue ?? .max, rank(amount.content, in: PageContent.allCases),
            ]
        }
        return amounts.map { (amount: $0, key: key($0)) }.sorted { $0.key.lexicographicallyPrecedes($1.key) }
            .map(\.amount)
    }
}
