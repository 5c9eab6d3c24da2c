/// Text that somebody else chose: a process name, a path, a cgroup. Any bytes, kept as they came, shown only escaped.
public struct ForeignText: Hashable, Comparable, Sendable {
    public let bytes: [UInt8]
    public init(_ bytes: some Sequence<UInt8>) { self.bytes = Array(bytes) }
    public init(_ text: String) { bytes = Array(text.utf8) }

    /// By bytes.
    public static func < (left: Self, right: Self) -> Bool { left.bytes.lexicographicallyPrecedes(right.bytes) }

    /// As UTF-8, with U+FFFD for what is none. For formats that quote control characters themselves, such as JSON.
    public var repaired: String { String(decoding: bytes, as: UTF8.self) }

    /// For a terminal: control, format and separator characters, combining marks, backslashes and bytes that are no UTF-8
    /// become `\n`, `\u{1b}`, `\\` and `\xff`, so that nothing can move the cursor, turn the text round, pile up on one
    /// letter or start a new line.
    public var escaped: String {
        var result = ""
        var rest = bytes[...]
        while !rest.isEmpty {
            var parser = Unicode.UTF8.ForwardParser()
            var iterator = rest.makeIterator()
            switch parser.parseScalar(from: &iterator) {
            case .valid(let encoded):
                result += Self.shown(Unicode.UTF8.decode(encoded))
                rest = rest.dropFirst(encoded.count)
            case .error(let length):
                for byte in rest.prefix(length) { result += "\\x\(String(byte, radix: 16))" }
                rest = rest.dropFirst(length)
            case .emptyInput:
                return result
            }
        }
        return result
    }

    /// `escaped`, with its middle left out where it has more than `limit` characters, which is at least 1.
    public func escaped(limit: Int) -> String {
        let text = escaped
        guard text.count > limit else { return text }
        return text.prefix(limit / 2) + "…" + text.suffix(max(0, limit - limit / 2 - 1))
    }

    private static func shown(_ scalar: Unicode.Scalar) -> String {
        switch (scalar, scalar.properties.generalCategory) {
        case ("\\", _): "\\\\"
        case ("\n", _): "\\n"
        case ("\t", _): "\\t"
        case ("\r", _): "\\r"
        case (_, .control), (_, .format), (_, .lineSeparator), (_, .paragraphSeparator), (_, .privateUse),
            (_, .unassigned), (_, .surrogate), (_, .nonspacingMark), (_, .enclosingMark):
            "\\u{\(String(scalar.value, radix: 16))}"
        default: String(scalar)
        }
    }
}
