import KernelFiles
import Observations
import TestSupport
import Testing

@testable import KernelFiles

private let devices: [(String, UInt32, UInt32)] = [
    ("00:0f", 0, 15), ("08:101", 8, 0x101), ("fd:00", 0xfd, 0), ("103:fffff", 0x103, 0xf_ffff), ("0:0", 0, 0),
]

@Test(arguments: devices) func deviceOfMapping(text: String, major: UInt32, minor: UInt32) {
    #expect(DeviceNumber(parsing: bytes(text)[...]) == DeviceNumber(major: major, minor: minor))
}

@Test(arguments: ["", ":", "0", "00:", ":0f", "00:0F", "00:0f:0", "00: f", "-1:0", "100000000:0", "0:100000000"])
func noDevice(text: String) { #expect(DeviceNumber(parsing: bytes(text)[...]) == nil) }

private let hugetlb = MappedDevices([DeviceNumber(major: 0, minor: 0xf), DeviceNumber(major: 0, minor: 0x112)])

/// Whether a line is of one of these devices, whatever else stands in it.
private let lines: [(String, Bool)] = [
    ("7fac40400000-7fac40c00000 rw-p 00000000 00:0f 10264                      /anon_hugepage (deleted)", true),
    ("7f0000000000-7f0000200000 rw-s 00000000 00:112 0          /SYSV00000000 (deleted)", true),
    ("1000-2000 rw-p 0 00:0f 0", true),
    ("1000-2000 rw-p 00000000 00:10 3 /x 00:0f 3", false),
    ("1000-2000 rw-p 00000000 08:0f 3 /x", false),
    ("1000-2000 rw-p 00000000 00:0f1 3 /x", false),
    ("1000-2000 rw-p 00000000 100:0f 3 /x", false),
    ("1000-2000 rw-p 00000000 0:f 3 /x", false),
    ("1000-2000 rw-p 00000000 00:00 0 ", false),
    ("1000-2000 rw-p 00000000 00:0f", false),  // cut off
    ("00:0f", false), (" 00:0f ", false), ("", false), ("    ", false), ("\u{0}", false),
]

@Test(arguments: lines) func lineOfDevice(text: String, isOne: Bool) {
    #expect(hugetlb.contains(line(text)) == isOne)
    #expect(!MappedDevices([]).contains(line(text)))
}

/// Every line of every saved process, asked for each device that occurs: the short way finds what parsing finds.
@Test(arguments: ["four-nodes-5.10", "four-nodes-6.1", "four-nodes-7.2", "zombie-leader-6.1"])
func filterAndParserAgree(name: String) throws {
    let tree = try FixtureTree(name)
    for process in try tree.root.processes() {
        var mappings: [Mapping] = []
        try tree.root.mappings(of: "\(process)") { mappings.append($0) }
        for device in Set(mappings.map { $0.deviceNumber }) {
            let device = try #require(device)
            var found: [Mapping] = []
            try tree.root.mappings(of: "\(process)", on: MappedDevices([device])) { found.append($0) }
            #expect(found == mappings.filter { $0.deviceNumber == device })
        }
    }
}
