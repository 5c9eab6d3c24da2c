import Observations
import Testing

private let texts: [(String, [UInt8], String)] = [
    ("plain", Array("dbserver".utf8), "dbserver"),
    ("blanks stay", Array("a b".utf8), "a b"),
    ("newline", Array("a\nb".utf8), #"a\nb"#),
    ("tab and return", Array("a\tb\r".utf8), #"a\tb\r"#),
    ("backslash", Array(#"C:\n"#.utf8), #"C:\\n"#),
    ("NUL", [0x61, 0, 0x62], #"a\u{0}b"#),
    ("escape sequence", Array("\u{1b}[31mred".utf8), #"\u{1b}[31mred"#),
    ("C1 control, one that starts a sequence", Array("\u{9b}2J".utf8), #"\u{9b}2J"#),
    ("delete", [0x7f], #"\u{7f}"#),
    ("text turned round", Array("a\u{202e}b".utf8), #"a\u{202e}b"#),
    ("text isolated", Array("\u{2066}\u{2069}".utf8), #"\u{2066}\u{2069}"#),
    ("no width", Array("a\u{200b}\u{feff}b".utf8), #"a\u{200b}\u{feff}b"#),
    ("line and paragraph separator", Array("\u{2028}\u{2029}".utf8), #"\u{2028}\u{2029}"#),
    ("private and unassigned", Array("\u{e000}\u{10ffff}".utf8), #"\u{e000}\u{10ffff}"#),
    ("letters of any script", Array("büro-数据-🦀".utf8), "büro-数据-🦀"),
    ("a byte that is never UTF-8", [0x61, 0xff, 0x62], #"a\xffb"#),
    ("a sequence cut off", [0x61, 0xe2, 0x82], #"a\xe2\x82"#),
    ("a lone continuation", [0x80, 0x61], #"\x80a"#),
    ("a newline in too many bytes", [0xc0, 0x8a], #"\xc0\x8a"#),
    ("half of a surrogate pair", [0xed, 0xa0, 0x80], #"\xed\xa0\x80"#),
    ("past the last scalar", [0xf4, 0x90, 0x80, 0x80], #"\xf4\x90\x80\x80"#),
    ("empty", [], ""),
]

@Test(arguments: texts) func escaped(what: String, bytes: [UInt8], shown: String) {
    #expect(ForeignText(bytes).escaped == shown)
    #expect(ForeignText(bytes).bytes == bytes)
}

private let cut: [(String, Int, String)] = [
    ("abcdef", 6, "abcdef"),
    ("abcdefg", 6, "abc…fg"),
    ("abcdefg", 3, "a…g"),
    ("abcdefg", 2, "a…"),
    ("abcdefg", 1, "…"),
    ("", 1, ""),
    ("\u{1b}\u{1b}", 7, #"\u{…1b}"#),  // the escaped text is what counts
]

@Test(arguments: cut) func escapedAndCut(text: String, limit: Int, shown: String) {
    #expect(ForeignText(text).escaped(limit: limit) == shown)
    #expect(ForeignText(text).escaped(limit: limit).count <= limit)
}

@Test func everyByteIsShownSafely() {
    for byte in UInt8.min...UInt8.max {
        let shown = ForeignText([byte]).escaped
        #expect(shown.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value < 0x7f }, "byte \(byte)")
        #expect(!shown.isEmpty)
    }
}

@Test func fourThousandLettersAreCut() {
    let name = ForeignText(String(repeating: "x", count: 4096))
    #expect(name.escaped(limit: 40) == String(repeating: "x", count: 20) + "…" + String(repeating: "x", count: 19))
}

@Test func repairedKeepsWhatIsText() {
    #expect(ForeignText([0x61, 0xff, 0x0a]).repaired == "a\u{fffd}\n")
}
