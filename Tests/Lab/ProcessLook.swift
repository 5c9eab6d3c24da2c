import Foundation
import TestSupport

/// A look of `hugeaudit process` at one process in a guest, and what the kernel showed of it before and after.
struct ProcessLook {
    let process: ProcessDocument
    let status: Int
    /// What it said on standard error.
    let errors: String
    let before: ProcessWitnesses
    let after: ProcessWitnesses

    /// - Parameter answer: of `look` in `Guest/functions`.
    /// - Throws: what is wrong with the answer.
    init(_ answer: Answer) throws {
        let parts = answer.output.split(separator: /(?m)^@@/)
        guard parts.count == 4, let line = parts[2].firstIndex(of: "\n"), let status = Int(parts[2][..<line]) else {
            throw Failure("no answer of a look: \(answer.output.prefix(500))")
        }
        (before, after) = (ProcessWitnesses(parts[0]), ProcessWitnesses(parts[2][line...]))
        errors = parts[3].trimmingCharacters(in: .newlines)
        self.status = status
        do {
            process = try ProcessDocument(String(parts[1].dropFirst()))
        } catch {
            throw Failure("no process, exit status \(status), \(errors): \(parts[1].prefix(500)): \(error)")
        }
    }
}

/// What the kernel itself says of a process's memory: `numa_maps`, and the lines of `smaps_rollup` and `status`.
struct ProcessWitnesses: Equatable {
    /// A line of `numa_maps`.
    struct Line: Equatable {
        /// All behind the address: the policy comes first.
        let text: String
        let isHuge: Bool
        /// By node.
        let bytes: [Int: UInt64]
    }
    /// By the start of the mapping, in hexadecimal as the documents have it.
    private(set) var lines: [String: Line] = [:]
    private var values: [String: String] = [:]

    /// - Parameter text: as `witnesses` of `Guest/functions` prints it.
    init(_ text: Substring) {
        for line in text.split(separator: "\n") {
            if let colon = line.prefix(while: { $0 != " " && $0 != "\t" }).lastIndex(of: ":") {
                values[String(line[..<colon])] = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
            } else if let space = line.firstIndex(of: " "), line[..<space].allSatisfy(\.isHexDigit) {
                lines["0x" + line[..<space].drop { $0 == "0" }] = Line(line[line.index(after: space)...])
            }
        }
    }

    /// Of all mappings that are huge pages of hugetlb, or that are none. Unit: bytes, by node.
    func bytes(areHuge: Bool) -> [Int: UInt64] {
        lines.values.filter { $0.isHuge == areHuge }.reduce(into: [:]) { $0.merge($1.bytes, uniquingKeysWith: +) }
    }

    /// What stands behind a key; nil where there is no such line.
    func text(_ key: String) -> String? { values[key] }

    /// Of a line in kB. Unit: bytes.
    func amount(_ key: String) -> UInt64? {
        values[key].flatMap { UInt64($0.prefix { $0 != " " }) }.map { $0 << 10 }
    }
}

extension ProcessWitnesses.Line {
    fileprivate init(_ text: Substring) {
        let words = text.split(separator: " ")
        let size = words.last { $0.hasPrefix("kernelpagesize_kB=") }.flatMap { UInt64($0.dropFirst(18)) }.map {
            $0 << 10
        }
        let pages = words.compactMap { $0.wholeMatch(of: /N(\d+)=(\d+)/) }.compactMap { match in
            Int(match.1).flatMap { node in UInt64(match.2).map { (node, $0 * (size ?? 0)) } }
        }
        self.init(
            text: String(text), isHuge: words.contains("huge"), bytes: Dictionary(pages, uniquingKeysWith: +))
    }
}
