import Glibc
import KernelFiles
import Observations
import SystemPackage
import Testing

@testable import KernelFiles

/// Three mappings of 6.18, cut short: the first and the last were made with MAP_NORESERVE.
private let smaps = """
    7f7562a00000-7f7563000000 rw-s 00000000 00:11 1                          /SYSVcd7faf9b (deleted)
    Size:               6144 kB
    KernelPageSize:     2048 kB
    Private_Hugetlb:    4096 kB
    THPeligible:           0
    VmFlags: rd wr sh mr mw me ms nr de ht 
    7f75631ee000-7f75631f1000 rw-p 00000000 00:00 0 
    Size:                 12 kB
    VmFlags: rd wr mr mw me ac sd 
    f7563000000-7f7563200000 rw-p 00000000 00:11 12          /nr VmFlags: nr
    Size:               2048 kB
    ProtectionKey:         0
    VmFlags: rd wr mr mw me nr

    """

private let (first, second, third): (UInt64, UInt64, UInt64) = (0x7f75_62a0_0000, 0x7f75_631e_e000, 0xf75_6300_0000)

private let questions: [([UInt64], [UInt64])] = [
    ([first, second, third], [first, third]), ([third], [third]), ([second], []), ([], []), ([1, first + 1], []),
]

@Test(arguments: questions) func noReserve(starts: [UInt64], found: [UInt64]) throws {
    let tree = try ScratchTree(["proc/7/smaps": bytes(smaps)])
    #expect(try tree.root.noReserveMappings(of: "7", among: Set(starts)) == Set(found))
}

@Test(arguments: ["7f7562a00000 rw-p\n", "0x1000-2000 rw-p\n", "123456789abcdef01-2\n", "1\n"])
func smapsRefuses(text: String) throws {
    let tree = try ScratchTree(["proc/7/smaps": bytes(text)])
    let error = try #require(
        fileError { () throws(KernelFileError) in try tree.root.noReserveMappings(of: "7", among: [1]) })
    #expect(error.reason.hasSuffix("expected START-END of a mapping"))
}

/// Private memory of base pages has the flag, too, unless the machine never overcommits.
@Test func liveNoReserve() throws {
    let mode = try KernelRoot.live.contents(of: "proc/sys/vm/overcommit_memory")
    let length = 16 * 4096
    let flags = [MAP_NORESERVE, 0].map { $0 | MAP_PRIVATE | MAP_ANONYMOUS }
    // Different protections: the kernel would join neighbours that are alike.
    let addresses = zip(flags, [PROT_READ, PROT_READ | PROT_WRITE]).map { mmap(nil, length, $1, $0, -1, 0) }
    defer { for address in addresses { munmap(address, length) } }
    let starts = addresses.map { UInt64(UInt(bitPattern: $0)) }
    let found = try KernelRoot.live.noReserveMappings(of: "self", among: Set(starts))
    #expect(found.isSubset(of: [starts[0]]))
    #expect(found.isEmpty == (mode.first == UInt8(ascii: "2")) || !isStart(starts[0]))
}

/// Whether a mapping of this process starts there: the kernel may have joined it with one below.
private func isStart(_ address: UInt64) -> Bool {
    var isOne = false
    try? KernelRoot.live.mappings(of: "self") { isOne = isOne || $0.addresses.lowerBound == address }
    return isOne
}
