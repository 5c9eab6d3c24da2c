/// Rows of text in columns that line up. The last column is never padded: text from outside belongs there.
struct TextTable {
    enum Alignment {
        case left
        case right
    }
    private let columns: [(title: String, alignment: Alignment)]
    private var rows: [[String]] = []

    init(_ columns: [(title: String, alignment: Alignment)]) { self.columns = columns }

    /// - Parameter row: one text for each column.
    mutating func add(_ row: [String]) { rows.append(row) }

    /// Lines without a newline at the last one.
    var text: String {
        let all = [columns.map(\.title)] + rows
        let widths = columns.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        return all.map { row in
            columns.indices.map { column in
                let gap = String(repeating: " ", count: widths[column] - row[column].count)
                return switch columns[column].alignment {
                case .right: gap + row[column]
                case .left: column == columns.count - 1 ? row[column] : row[column] + gap
                }
            }.joined(separator: "  ")
        }.joined(separator: "\n")
    }
}
