import KernelFiles
import Observations
import TestSupport
import Testing

@testable import KernelFiles

/// A line, whether it is MAP_SHARED, whether a file is behind it, its inode and its name.
private let lines: [(String, Bool, Bool, UInt64, String)] = [
    (
        "7fac40400000-7fac40c00000 rw-p 00000000 00:0f 10264                      /anon_hugepage (deleted)",
        false, true, 10264, "/anon_hugepage (deleted)"
    ),
    (
        "7f1729e00000-7f172a200000 rw-s 00000000 00:12 3110       /memfd:data (deleted)", true, true, 3110,
        "/memfd:data (deleted)"
    ),
    (
        "7f0000000000-7f0000200000 rw-s 00000000 00:0f 0          /SYSV00000000 (deleted)", true, true, 0,
        "/SYSV00000000 (deleted)"
    ),
    (
        "7f0000000000-7f0000200000 rw-s 00000000 00:0f 32769      /SYSV6d616e79 (deleted)", true, true, 32769,
        "/SYSV6d616e79 (deleted)"
    ),
    (
        "7f0000000000-7f0000200000 r--s 1c800000 00:2b 7          /mnt/huge/a file  with  blanks", true, true, 7,
        "/mnt/huge/a file  with  blanks"
    ),
    (
        #"7f0000000000-7f0000200000 rw-p 00000000 00:2b 7          /mnt/huge/two\012lines"#, false, true, 7,
        #"/mnt/huge/two\012lines"#
    ),
    (
        "7f0000000000-7f0000200000 rw-p 00000000 00:2b 7          /mnt/huge/x (deleted)", false, true, 7,
        "/mnt/huge/x (deleted)"
    ),
    ("005e5000-005ec000 rw-p 00000000 00:00 0 ", false, false, 0, ""),
    ("005e5000-005ec000 rw-p 00000000 00:00 0", false, false, 0, ""),
    ("2c29d000-2c2bf000 rw-p 00000000 00:00 0                                  [heap]", false, false, 0, "[heap]"),
    ("7fe862490000-7fe862492000 r--p 00000000 00:00 0      [anon:my heap]", false, false, 0, "[anon:my heap]"),
    (
        "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]", false, false, 0,
        "[vsyscall]"
    ),
    ("0-ffffffffffffffff ---p ffffffffffffffff 00:00 18446744073709551615 x", false, true, .max, "x"),
]

@Test(arguments: lines)
func mapsLine(text: String, isShared: Bool, hasFile: Bool, inode: UInt64, name: String) throws {
    let mapping = try Mapping(parsing: line(text))
    #expect(mapping.isShared == isShared)
    #expect(mapping.hasFile == hasFile)
    #expect(mapping.inode == inode)
    #expect(mapping.name == ForeignText(name))
}

@Test func fieldsOfMapsLine() throws {
    let mapping = try Mapping(
        parsing: line("7f2c28e00000-7f2c29800000 rw-p 1c800000 00:0f 11203 /anon_hugepage (deleted)"))
    #expect(mapping.addresses == 0x7f2c_28e0_0000..<0x7f2c_2980_0000)
    #expect(mapping.permissions == ForeignText("rw-p"))
    #expect(mapping.offset == 0x1c80_0000)
    #expect(mapping.device == ForeignText("00:0f"))
}

@Test func nameNeedNotBeUTF8() throws {
    let name: [UInt8] = [0x2f, 0xff, 0xfe, 0x1b, 0x5b]
    let mapping = try Mapping(parsing: TextLine((bytes("1000-2000 rw-p 0 0:1 5 ") + name)[...], number: 1))
    #expect(mapping.name.bytes == name)
}

private let refused = [
    "", " ", "7f0000000000-7f0000200000", "7f0000000000-7f0000200000 rw-p 0 00:0f", "1000 rw-p 0 0:0 0",
    "-2000 rw-p 0 0:0 0",
    "1000- rw-p 0 0:0 0", "2000-1000 rw-p 0 0:0 0", "1000-1000 rw-p 0 0:0 0", "x-2000 rw-p 0 0:0 0",
    "1000-2000 rw- 0 0:0 0", "1000-2000 rw-px 0 0:0 0", "1000-2000 rw-p -1 0:0 0", "1000-2000 rw-p 0 0 0",
    "1000-2000 rw-p 0 0:0 -5", "1000-2000 rw-p 0 0:0 x", "1000-10000000000000000 rw-p 0 0:0 0",
    "1000-2000 rw-p 10000000000000000 0:0 0", "1000-2000 rw-p 0 0:0 18446744073709551616", " 1000-2000 rw-p 0 0:0 0",
    "1000-2000  rw-p 0 0:0 0", "1000-2000 rw-p 0 0:0 0\r", "1000-2000 rw-p 0 0:0 0\u{0}",
]

@Test(arguments: refused) func mapsRefuses(text: String) throws {
    let error = try #require(formatError { () throws(FormatError) in try Mapping(parsing: line(text)) })
    #expect((error.line, error.expected) == (1, "START-END PERM OFFSET MAJOR:MINOR INODE PATH"))
    #expect(error.text == ForeignText(text).escaped(limit: 80))
}

@Test func mappingsOfFixture() throws {
    let tree = try FixtureTree("four-nodes-6.1")
    var mappings: [Mapping] = []
    try tree.root.mappings(of: "132") { mappings.append($0) }
    let huge = mappings.filter { $0.name == ForeignText("/anon_hugepage (deleted)") }
    #expect(huge.map(\.addresses) == [0x7fac_4040_0000..<0x7fac_40c0_0000])
    #expect(mappings.count == 11)
    try tree.root.mappings(of: "2") { _ in Issue.record("a kernel thread maps nothing") }
}

@Test func errorNamesFileAndLine() throws {
    let tree = try ScratchTree(["proc/7/maps": bytes("1000-2000 rw-p 0 0:0 0\n3000-4000 oops\n")])
    var count = 0
    let error = try #require(
        fileError { () throws(KernelFileError) in try tree.root.mappings(of: "7") { _ in count += 1 } })
    #expect(count == 1)
    #expect(error.path == tree.root.path("proc/7/maps"))
    #expect(error.reason == "line 2 is \"3000-4000 oops\", expected START-END PERM OFFSET MAJOR:MINOR INODE PATH")
}

@Test func liveMappings() throws {
    var mappings: [Mapping] = []
    try KernelRoot.live.mappings(of: "self") { mappings.append($0) }
    #expect(mappings.contains { $0.name == ForeignText("[stack]") && !$0.hasFile })
    let starts = mappings.map(\.addresses.lowerBound)
    #expect(starts == starts.sorted() && starts.count > 10)
}
