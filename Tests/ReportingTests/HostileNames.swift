/// Names from outside that break terminals, tables and documents, and how the text shows them.
let hostileNames: [(bytes: [UInt8], shown: String)] = [
    (Array("\u{1b}[31mred\u{1b}[0m".utf8), "\\u{1b}[31mred\\u{1b}[0m"),
    (Array("two\nlines\r\tand tabs".utf8), "two\\nlines\\r\\tand tabs"),
    ([0x66, 0xff, 0xc3, 0x28, 0x00], "f\\xff\\xc3(\\u{0}"),
    (Array("\u{202e}gnp.exe".utf8), "\\u{202e}gnp.exe"),
    (Array("back\\slash \"quoted\" <&>".utf8), "back\\\\slash \"quoted\" <&>"),
    (Array("größe 大".utf8), "größe 大"),
    (Array("o\u{301}\u{301}".utf8), "o\\u{301}\\u{301}"),
]
