import Observations
import PageModel
import Testing

@testable import KernelFiles

private let sysctls: [(String, [UInt64])] = [
    ("vm.nr_hugepages = 64\n", [64]), ("vm.nr_hugepages=64", [64]), ("vm/nr_hugepages = 64", [64]),
    ("-vm.nr_hugepages = 64", [64]), ("- vm.nr_hugepages = 64", [64]), (" \tvm.nr_hugepages\t=\t64 ", [64]),
    ("vm.nr_hugepages_mempolicy = 8", [8]), ("vm.nr_hugepages = 8\nvm.nr_hugepages = 0\n", [8, 0]),
    ("# vm.nr_hugepages = 64", []), ("; vm.nr_hugepages = 64", []),
    // The first word counts.
    ("vm.nr_hugepages = 64 # pages", [64]), ("vm.nr_hugepages=64\t8", [64]), ("vm.nr_hugepages = 64# pages", []),
    ("vm.nr_hugepages = # 64", []),
    ("vm.nr_hugepages", []), ("-vm.nr_hugepages", []), ("vm.nr_hugepages =", []), ("vm.nr_hugepages = x", []),
    ("vm.nr_hugepages = -1", []), ("vm.nr_hugepages = 010", []), ("vm.nr_hugepages = 18446744073709551616", []),
    ("vm.nr_overcommit_hugepages = 64", []), ("vm.nr_hugepages_x = 64", []), ("kernel.nr_hugepages = 64", []),
    ("vm:nr_hugepages = 64", []), ("vm", []), ("=", []), ("-", []), ("", []),
]

@Test(arguments: sysctls) func sysctlFile(text: String, pages: [UInt64]) throws {
    let requests = try SysctlFile(parsing: bytes(text)).requests
    #expect(requests.map(\.pages) == pages)
    #expect(requests.allSatisfy { $0.size == nil && $0.node == nil })
}

private let twoMiB = "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"
private let nodeOne = "/sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages"
private let tmpfiles: [([String], [UInt64])] = [
    (["w \(twoMiB) - - - - 64"], [64]), (["w+ \(nodeOne) - - - - 8"], [8]), (["w!-\t\(twoMiB)\t-\t-\t-\t-\t64"], [64]),
    (["w \"\(twoMiB)\" - - - - '64'"], [64]), (["w /proc/sys/vm/nr_hugepages - - - - 64"], [64]),
    // The first line for a file counts, and those that only add to it.
    (["w \(twoMiB) - - - - 64\nw \(twoMiB) - - - - 8"], [64]),
    (["w \(twoMiB) - - - - 64", "w \(twoMiB) - - - - 8"], [64]),
    (["w \(twoMiB) - - - - 64", "w+ \(twoMiB) - - - - 8"], [64, 8]),
    (["w \(twoMiB) - - - - 64", "w \(nodeOne) - - - - 8"], [64, 8]),
    (["f \(twoMiB) - - - - 64"], []), (["wx \(twoMiB) - - - - 64"], []), (["# w \(twoMiB) - - - - 64"], []),
    (["w \(twoMiB) - - - 64"], []), (["w \(twoMiB) - - - - 64 8"], []), (["w \(twoMiB) - - - - %m"], []),
    (["w /sys/devices/system/node/node*/hugepages/hugepages-2048kB/nr_hugepages - - - - 64"], []),
    (["w /sys/kernel/mm/transparent_hugepage/enabled - - - - always"], []), (["w", "\"", "w ' ' ' ' ' '"], []),
]

@Test(arguments: tmpfiles) func tmpfilesSettings(files: [String], pages: [UInt64]) throws {
    var settings = TmpfilesSettings()
    for file in files { try settings.add(bytes(file)) }
    #expect(settings.requests.map(\.pages) == pages)
}

private let units: [([String], [String])] = [
    (["[Service]\nExecStart=/bin/a b\n"], ["ExecStart=/bin/a b"]),
    (
        ["ExecStartPost=/c\nExecStart=/b\n ExecStartPre = /a \n"],
        ["ExecStartPre=/a", "ExecStart=/b", "ExecStartPost=/c"]
    ),
    (["ExecStart=/a \\\n  b \\\n# no\n c\nExecStart=/d"], ["ExecStart=/a  b  c", "ExecStart=/d"]),
    (["ExecStart=/a \\"], ["ExecStart=/a"]),
    (["ExecStart=/a\nExecStart=\nExecStart=/b"], ["ExecStart=/b"]),
    (["ExecStart=/a", "ExecStart=\nExecStart=/b"], ["ExecStart=/b"]),
    (["ExecStart=/a", "ExecStart=/b"], ["ExecStart=/a", "ExecStart=/b"]),
    (["# ExecStart=/a\n;ExecStart=/a\nExecStop=/b\nExecStartX=/c\nExecStart /d\n=\nExec="], []), ([""], []),
]

@Test(arguments: units) func unitCommands(files: [String], lines: [String]) throws {
    var unit = UnitCommands()
    for file in files { try unit.add(bytes(file), path: "x") }
    #expect(unit.commands.map { String(decoding: $0.line, as: UTF8.self) } == lines)
}

private let programs: [(String, [String])] = [
    ("/usr/local/sbin/pools 8", ["/usr/local/sbin/pools"]), ("-@/usr/local/sbin/pools", ["/usr/local/sbin/pools"]),
    ("/bin/sh /opt/pools.sh", ["/bin/sh", "/opt/pools.sh"]), ("/bin/bash -c '/opt/pools.sh'", ["/bin/bash"]),
    ("pools", []), ("", []), ("\"/opt/my pools\"", ["/opt/my pools"]),
]

@Test(arguments: programs) func programsOfACommand(text: String, files: [String]) {
    #expect(UnitCommands.Command(path: "x", line: bytes("ExecStart=" + text)).programs == files)
}

private let counterFiles: [(String, Bool)] = [
    ("/proc/sys/vm/nr_hugepages", true), (twoMiB, true), (nodeOne, true), (twoMiB + "_mempolicy", true),
    ("proc/sys/vm/nr_hugepages", false), ("/proc/sys/vm/", false), ("", false), ("nr_hugepages", false),
    ("/sys/kernel/mm/hugepages/nr_hugepages", false), ("/x" + twoMiB, false), (twoMiB + "/", false),
    ("/sys/devices/system/node/node1/nr_hugepages", false),
    ("/sys/devices/system/node/node-1/hugepages/hugepages-2048kB/nr_hugepages", false),
    ("/sys/devices/system/node/node9223372036854775808/hugepages/hugepages-2048kB/nr_hugepages", false),
]

@Test(arguments: counterFiles) func poolCounterFile(path: String, isOne: Bool) {
    #expect((PoolCounterFile(path: path.utf8) != nil) == isOne)
}
