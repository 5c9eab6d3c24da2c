import Foundation
import Observations
import TestSupport
import Testing

@testable import Audit

private let words: [(String, String)] = [
    ("/dev/hugepages/rtemap_1", "/dev/hugepages/rtemap_1"),
    ("a.b:c@d+e,f-g_0", "a.b:c@d+e,f-g_0"),
    ("", "''"),
    ("two words", "'two words'"),
    ("it's", #"'it'\''s'"#),
    ("'", #"''\'''"#),
    (
        "$HOME `id` $(id) \"x\" \\n !! ~ * ? [a] {b,c} # ; & | < > =",
        "'$HOME `id` $(id) \"x\" \\n !! ~ * ? [a] {b,c} # ; & | < > ='"
    ),
    ("~root", "'~root'"),
    ("A=1", "'A=1'"),
    ("größe 大", "'größe 大'"),
    ("line\nbreak", #"$'line\nbreak'"#),
    ("\u{1b}[31m", #"$'\x1b[31m'"#),
    ("tab\there's!", #"$'tab\x09here\x27s\x21'"#),
    ("back\\slash\u{7f}", #"$'back\\slash\x7f'"#),
    ("\u{202e}txt.exe", #"$'\xe2\x80\xaetxt.exe'"#),  // turns the text round
    ("o\u{301}", #"$'o\xcc\x81'"#),  // a combining mark
    ("\u{1}f", #"$'\x01f'"#),  // a digit that belongs to the text
]

@Test(arguments: words) func shellWord(text: String, quoted: String) {
    #expect(shellQuoted(ForeignText(text)) == quoted)
}

@Test func bytesThatAreNoText() {
    #expect(shellQuoted(ForeignText([0x66, 0xff, 0x20, 0xc3, 0x28])) == #"$'f\xff \xc3('"#)
}

/// Bash reads every quoted text back as it was, also where somebody types it and `!` looks into history: each single byte,
/// what quoting is made of, and noise.
@Test(arguments: ["LC_ALL=C bash", "LC_ALL=C.UTF-8 bash", "LC_ALL=C.UTF-8 bash --norc --noprofile -i <"])
func bashGivesTheBytesBack(shellThatReads: String) throws {
    var dice = Dice(seed: 17)
    let difficult = Array("'\\$`\"!~*?[]{}()#;&|<>= \t\n\u{1b}ae0x7".utf8) + [0xff, 0xc3, 0xa4, 0xe2, 0x80, 0xae]
    var texts: [[UInt8]] = (1...255).map { [UInt8($0)] } + (1...255).map { [0x61, UInt8($0), 0x62] } + [[]]
    for _ in 0..<1500 {
        texts.append((0..<dice.upTo(40)).map { _ in UInt8(1 + dice.upTo(254)) })
        texts.append((0..<dice.upTo(40)).map { _ in difficult[dice.upTo(difficult.count - 1)] })
    }
    let quoted = texts.map { shellQuoted(ForeignText($0)) }
    #expect(quoted.allSatisfy { word in word.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7f } })
    let script = temporaryPath("quoted")
    defer { try? FileManager.default.removeItem(atPath: script) }
    try quoted.map { "printf '%s\\0' \($0)\n" }.joined().write(toFile: script, atomically: true, encoding: .utf8)
    let hexadecimal = try shell("\(shellThatReads) \(script) 2>/dev/null | od -An -v -tx1 | tr -d ' \\n'").output
    let expected = texts.flatMap { $0 + [0] }.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    #expect(hexadecimal == expected)
}
