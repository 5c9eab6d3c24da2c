import Observations

/// The text as one word of bash, exact to the byte and without anything that moves a terminal's cursor. Paths that findings
/// put into commands are other people's.
///
/// NUL has no form in a shell; no path has it either. A word that starts with `-` is an option to most programs, quoted or
/// not: whoever builds the command gives a path that starts with `/`.
func shellQuoted(_ text: ForeignText) -> String {
    if !text.bytes.isEmpty, text.bytes.allSatisfy(\.isPlainInShell) { return text.repaired }
    guard text.isShownAsItIs else { return "$'" + text.bytes.map(\.inDollarQuotes).joined() + "'" }
    return "'" + String(decoding: text.bytes.flatMap { $0 == .quote ? Array(#"'\''"#.utf8) : [$0] }, as: UTF8.self)
        + "'"
}

extension ForeignText {
    /// Whether it is UTF-8 in which nothing but backslashes had to be escaped for a terminal.
    fileprivate var isShownAsItIs: Bool {
        escaped.utf8.elementsEqual(bytes.flatMap { $0 == .backslash ? [$0, $0] : [$0] })
    }
}

extension UInt8 {
    fileprivate static let quote = UInt8(ascii: "'")
    fileprivate static let backslash = UInt8(ascii: "\\")

    /// Means itself in every shell, wherever it stands in a word.
    fileprivate var isPlainInShell: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "_./:@+,-".utf8.contains(self)
        }
    }

    /// Two digits after `\x`, so that what follows is not taken for a third. Quotes and `!` are written so, too: older
    /// versions of bash look for history inside `$'…'`.
    fileprivate var inDollarQuotes: String {
        switch self {
        case UInt8(ascii: "\n"): "\\n"
        case .backslash: "\\\\"
        case .quote, UInt8(ascii: "!"), 0..<0x20, 0x7f...: "\\x" + (self < 16 ? "0" : "") + String(self, radix: 16)
        default: String(Unicode.Scalar(self))
        }
    }
}
