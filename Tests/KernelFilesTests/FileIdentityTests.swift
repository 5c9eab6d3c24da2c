import Observations
import PageModel
import Testing

@testable import KernelFiles

private let size = PageSize(bytes: 2 << 20)!

private func mapping(_ line: String) throws -> Mapping {
    try Mapping(parsing: TextLine(bytes(line)[...], number: 1))
}

/// What two mappings must have in common to be of one file: a System V id means something within its IPC namespace only.
@Test func identityOfSharedFiles() throws {
    let file = try mapping("7f0000000000-7f0000400000 rw-s 00000000 00:0f 7 /memfd:a (deleted)")
    let again = try mapping("7e0000000000-7e0000200000 r--s 00200000 00:0f 7 /memfd:a (deleted)")
    let other = try mapping("7f0000000000-7f0000400000 rw-s 00000000 00:0f 8 /memfd:a (deleted)")
    let elsewhere = try mapping("7f0000000000-7f0000400000 rw-s 00000000 00:10 7 /memfd:a (deleted)")
    let segment = try mapping("7f0000000000-7f0000400000 rw-s 00000000 00:0f 0 /SYSV00000000 (deleted)")
    let onMount = try mapping("7f0000000000-7f0000400000 rw-s 00000000 00:10 7 /SYSV00000000 (deleted)")
    let device = DeviceNumber(major: 0, minor: 15)
    func identity(_ mapping: Mapping, _ namespace: UInt64? = nil) -> HugetlbFile.Identity? {
        HugetlbFile.Identity(mapping, internalDevices: [device: size]) { namespace }
    }
    #expect(identity(file) != nil)
    #expect(identity(file) == identity(again))
    #expect(identity(file) != identity(other))
    #expect(identity(file) != identity(elsewhere))
    #expect(identity(segment) == nil)
    #expect(identity(segment, 1) == identity(segment, 1))
    #expect(identity(segment, 1) != identity(segment, 2))
    #expect(identity(onMount) == identity(elsewhere))
    #expect(HugetlbFile.Identity(onMount, internalDevices: [:]) { nil } == nil)
}
