import Glibc
import KernelFiles
import Observations
import PageModel
import Testing

@testable import KernelFiles

private let smaps = """
    7f7562a00000-7f7563000000 rw-s 00000000 00:11 1                          /SYSVcd7faf9b (deleted)
    Size:               6144 kB
    KernelPageSize:     2048 kB
    MMUPageSize:        2048 kB
    Private_Hugetlb:    4096 kB
    THPeligible:           0
    VmFlags: rd wr sh mr mw me ms nr de ht 
    7f75631ee000-7f75631f1000 rw-p 00000000 00:00 0 
    Size:                 12 kB
    KernelPageSize:        4 kB
    THPeligible:           1
    ProtectionKey:         0
    VmFlags: rd wr mr mw me ac sd hg ??
    a00000-b00000 r--p 00000000 00:11 12          /THPeligible: 1
    Size:               1024 kB

    """

private func read(_ text: String) throws -> [SmapsMapping] {
    let tree = try ScratchTree(["proc/7/smaps": bytes(text)])
    var mappings: [SmapsMapping] = []
    var longest = Duration.zero
    try tree.root.smapsFlags(of: "7", longestRead: &longest) { mappings.append($0) }
    #expect(longest > .zero)
    return mappings
}

@Test func fieldsOfSmaps() throws {
    let mappings = try read(smaps)
    #expect(mappings.map(\.start) == [0x7f75_62a0_0000, 0x7f75_631e_e000, 0xa0_0000])
    #expect(mappings.map(\.kernelPageSize) == [PageSize(bytes: 2 << 20), .fourKiB, nil])
    #expect(mappings.map(\.isEligible) == [false, true, nil])
    #expect(
        mappings.map(\.vmFlags) == [
            ["rd", "wr", "sh", "mr", "mw", "me", "ms", "nr", "de", "ht"],
            ["rd", "wr", "mr", "mw", "me", "ac", "sd", "hg", "??"], nil,
        ])
}

@Test(arguments: ["", "\n\n", "Size: 4 kB\n"]) func smapsWithoutMapping(text: String) throws {
    #expect(try read(text).isEmpty)
}

private let first = "1000-2000 r--p 00000000 00:00 0 \n"
private let refused: [(String, Int, String)] = [
    ("1000 r--p\n", 1, "START-END of a mapping"),
    (first + "2000-2000 r--p\n", 2, "START-END of a mapping"),
    ("1000-2000\n", 1, "START-END of a mapping"),
    ("0x1000-2000 r--p\n", 1, "START-END of a mapping"),
    ("123456789abcdef01-2 r--p\n", 1, "START-END of a mapping"),
    (first + "KernelPageSize: 3 kB\n", 2, "KernelPageSize: after a mapping's START-END, and a power of two in kB"),
    (first + "KernelPageSize: -4 kB\n", 2, "KernelPageSize: after a mapping's START-END, and a power of two in kB"),
    ("KernelPageSize: 4 kB\n", 1, "KernelPageSize: after a mapping's START-END, and a power of two in kB"),
    (first + "THPeligible: 2\n", 2, "THPeligible: after a mapping's START-END, and 0 or 1"),
    ("THPeligible: 1\n", 1, "THPeligible: after a mapping's START-END, and 0 or 1"),
    (first + "VmFlags: rd wrx\n", 2, "VmFlags: after a mapping's START-END, and words of two letters"),
    (first + "VmFlags: rd \u{e9}\n", 2, "VmFlags: after a mapping's START-END, and words of two letters"),
    ("VmFlags: rd\n", 1, "VmFlags: after a mapping's START-END, and words of two letters"),
]

@Test(arguments: refused) func smapsFieldsRefuse(text: String, line: Int, expected: String) throws {
    let tree = try ScratchTree(["proc/7/smaps": bytes(text)])
    let error = try #require(
        fileError { () throws(KernelFileError) in
            var longest = Duration.zero
            try tree.root.smapsFlags(of: "7", longestRead: &longest) { _ in }
        })
    guard case .malformed(let reason) = error.problem else { throw error }
    #expect((reason.line, reason.expected) == (line, expected))
}

@Test func liveSmaps() throws {
    let length = 4 << 20
    let address = try #require(mmap(nil, length, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))
    defer { munmap(address, length) }
    // Another word than its neighbours', so that it stays a mapping of its own.
    try #require(madvise(address, length, MADV_DONTFORK) == 0)
    let start = UInt64(UInt(bitPattern: address))
    var found: [SmapsMapping] = []
    var mapped: Set<UInt64> = []
    var longest = Duration.seconds(1000)
    try KernelRoot.live.smapsFlags(of: "self", longestRead: &longest) { found.append($0) }
    #expect(longest == .seconds(1000))
    try KernelRoot.live.mappings(of: "self") { mapped.insert($0.addresses.lowerBound) }
    let mapping = try #require(found.first { $0.start == start })
    #expect(mapping.vmFlags?.contains("dc") == true && mapping.vmFlags?.contains("wr") == false)
    #expect(mapping.kernelPageSize == PageSize(bytes: UInt64(sysconf(Int32(_SC_PAGESIZE)))))
    #expect(mapped.contains(start))
    #expect(found.allSatisfy { $0.vmFlags != nil })
}
