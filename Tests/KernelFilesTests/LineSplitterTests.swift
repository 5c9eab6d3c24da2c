import KernelFiles
import Testing

@testable import KernelFiles

private struct Line: Equatable {
    let number: Int
    let text: String
    init(_ number: Int, _ text: String) { (self.number, self.text) = (number, text) }
}

/// The lines of `pieces`, fed one after another.
private func lines(_ pieces: [[UInt8]]) throws(FormatError) -> [Line] {
    var splitter = LineSplitter()
    var lines: [Line] = []
    let note = { (line: TextLine) in lines.append(Line(line.number, String(decoding: line.bytes, as: UTF8.self))) }
    for piece in pieces { try splitter.add(piece[...], note) }
    try splitter.finish(note)
    return lines
}

private let texts: [(String, [String])] = [
    ("", []),
    ("\n", [""]),
    ("a", ["a"]),
    ("a\n", ["a"]),
    ("a\n\nb", ["a", "", "b"]),
    ("\n\n\n", ["", "", ""]),
    ("one\ntwo words\nthree\n", ["one", "two words", "three"]),
    ("a\r\nb\u{0}c\n", ["a\r", "b\u{0}c"]),
]

/// Every way to cut the text into two pieces, and into single bytes.
@Test(arguments: texts) func linesWhereverPiecesEnd(text: String, expected: [String]) throws {
    let content = bytes(text)
    let numbered = expected.enumerated().map { Line($0 + 1, $1) }
    for cut in 0...content.count {
        #expect(try lines([Array(content[..<cut]), Array(content[cut...])]) == numbered, "cut at \(cut)")
    }
    #expect(try lines(content.map { [$0] }) == numbered)
}

private let longest = LineSplitter.longest

/// The number of bytes in a line that the kernel would never write, and whether it is refused.
@Test(arguments: [(longest, false), (longest + 1, true), (2 << 20, true)], ["", "\n"])
func longLine(length: (count: Int, isRefused: Bool), end: String) throws {
    let line = [UInt8](repeating: UInt8(ascii: "x"), count: length.count)
    let whole = bytes("first\n") + line + bytes(end)
    let halves = [Array(whole[..<1000]), Array(whole[1000...])]
    for pieces in [[whole], halves] {
        let error = formatError { () throws(FormatError) in try lines(pieces) }
        #expect((error != nil) == length.isRefused)
        if let error { #expect((error.line, error.expected) == (2, "a line of at most 1 MiB")) }
        if let error { #expect(error.text.hasPrefix("xxxx") && error.text.count <= 80) }
    }
}

@Test func wordsAndHalves() {
    let line = line("  a\t b  c ")
    #expect(line.words.map { String(decoding: $0, as: UTF8.self) } == ["a", "b", "c"])
    #expect(line.value(after: "  a") == bytes("\t b  c ")[...])
    #expect(line.value(after: "a") == nil)
    #expect(line.bytes.trimmed == bytes("a\t b  c")[...])
    #expect(bytes(" \t\n ")[...].trimmed.isEmpty)
    #expect(bytes("a=b=c")[...].halves(at: UInt8(ascii: "="))?.1 == bytes("b=c")[...])
    #expect(bytes("abc")[...].halves(at: UInt8(ascii: "=")) == nil)
}

private let numbers: [(String, UInt64, UInt64?)] = [
    ("0", 10, 0),
    ("007", 10, 7),
    ("18446744073709551615", 10, .max),
    ("18446744073709551616", 10, nil),
    ("99999999999999999999", 10, nil),
    ("1000000000000000000000000000000", 10, nil),
    ("ffffffffffffffff", 16, .max),
    ("10000000000000000", 16, nil),
    ("FF", 16, nil),  // the kernel writes small letters
    ("ff", 10, nil),
    ("", 10, nil),
    ("-1", 10, nil),
    ("+1", 10, nil),
    (" 1", 10, nil),
    ("1\u{0}", 10, nil),
    ("0x1", 16, nil),
    ("１", 10, nil),  // a full-width digit
]

@Test(arguments: numbers) func digits(text: String, radix: UInt64, value: UInt64?) {
    #expect(UInt64(digits: text.utf8, radix: radix) == value)
}

private let small: [(String, Int32?)] = [
    ("2147483647", .max), ("2147483648", nil), ("4294967296", nil), ("18446744073709551616", nil),
]

@Test(arguments: small) func digitsOfSmallerType(text: String, value: Int32?) {
    #expect(Int32(digits: text.utf8) == value)
}

private let names: [(String, Int?)] = [
    ("node0", 0), ("node12", 12), ("node", nil), ("nodes", nil), ("node-1", nil), ("xnode1", nil), ("node01", nil),
    ("node00", nil), ("node9223372036854775807", .max), ("node9223372036854775808", nil),
]

@Test(arguments: names) func numberInName(name: String, number: Int?) {
    #expect(Int(name, after: "node") == number)
}
