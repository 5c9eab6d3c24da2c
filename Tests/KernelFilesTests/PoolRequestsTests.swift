import Glibc
import Observations
import PageModel
import SystemPackage
import TestSupport
import Testing

@testable import KernelFiles

private let setting = "vm.nr_hugepages = "
private let pool = "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"

/// What the tree asks for, `FILE NODE PAGES`, and what could not be read of it.
private func asked(of tree: ScratchTree, release: String = "6.1.0") throws -> (requests: [String], unread: [Unread]) {
    try tree.write("proc/meminfo", bytes("Hugepagesize: 2048 kB\n"))
    var unread: [Unread] = []
    let requests = tree.root.poolRequests(release: ForeignText(release), unread: &unread)
    return (requests.map { "\($0.path.escaped) \($0.node?.description ?? "-") \($0.pages)" }, unread)
}

private func tree(_ files: [String: String]) throws -> ScratchTree { try ScratchTree(files.mapValues(bytes)) }

@Test func machineThatAsksForNothing() throws {
    let quiet = try asked(of: try tree([:]))
    #expect(quiet.requests == [] && quiet.unread == [])
    let other = try asked(
        of: try tree([
            "proc/cmdline": "quiet\n", "etc/sysctl.conf": "vm.swappiness = 1\n",
            "etc/systemd/system/a.service": "ExecStart=/bin/true\n",
            "etc/systemd/system/b.wants/a.service": "", "bin/true": "\u{7f}ELF\0",
        ]))
    #expect(other.requests == [] && other.unread == [])
}

/// Files of all folders in one order, an earlier folder's in place of a later one's, and `sysctl.conf` last.
@Test func orderOfSysctlFiles() throws {
    let tree = try tree([
        "etc/sysctl.d/50-b.conf": setting + "1", "run/sysctl.d/50-b.conf": setting + "2",
        "usr/lib/sysctl.d/10-a.conf": setting + "3", "usr/local/lib/sysctl.d/90-c.conf": setting + "4",
        "run/sysctl.d/60-d.conf": setting + "5", "usr/lib/sysctl.d/70-e.conf": setting + "6",
        "etc/sysctl.conf": setting + "7", "etc/sysctl.d/README": setting + "8",
    ])
    try tree.link("etc/sysctl.d/70-e.conf", to: "/dev/null")
    try tree.link("lib", to: "usr/lib")
    let found = try asked(of: tree)
    #expect(
        found.requests == [
            "/usr/lib/sysctl.d/10-a.conf - 3", "/etc/sysctl.d/50-b.conf - 1", "/run/sysctl.d/60-d.conf - 5",
            "/usr/local/lib/sysctl.d/90-c.conf - 4", "/etc/sysctl.conf - 7",
        ])
    #expect(found.unread == [])
}

/// A name that leads to `sysctl.conf` gives it that name's place.
@Test func placeOfSysctlConf() throws {
    let tree = try tree(["etc/sysctl.conf": setting + "7", "etc/sysctl.d/99-z.conf": setting + "8"])
    #expect(try asked(of: tree).requests == ["/etc/sysctl.d/99-z.conf - 8", "/etc/sysctl.conf - 7"])
    try tree.link("etc/sysctl.d/99-sysctl.conf", to: "../sysctl.conf")
    #expect(try asked(of: tree).requests == ["/etc/sysctl.d/99-sysctl.conf - 7", "/etc/sysctl.d/99-z.conf - 8"])
}

@Test func sourcesInTheOrderOfAStart() throws {
    let found = try asked(
        of: try tree([
            "proc/cmdline": "hugepages=0:1,1:2", "lib/tmpfiles.d/a.conf": "w \(pool) - - - - 4",
            "etc/sysctl.conf": setting + "3",
            "lib/systemd/system/a.service": "ExecStart=/bin/sh -c 'echo 5 > \(pool)'",
            "etc/systemd/system/multi-user.target.wants/a.service": "",
        ]))
    #expect(
        found.requests == [
            "/proc/cmdline 0 1", "/proc/cmdline 1 2", "/etc/sysctl.conf - 3", "/lib/tmpfiles.d/a.conf - 4",
            "/lib/systemd/system/a.service - 5",
        ])
}

/// Only what is linked in a folder of wishes, its own file in the folder that goes first, and its drop-ins.
@Test func unitsThatAreEnabled() throws {
    let start = { (pages: Int) in "[Service]\nExecStart=/bin/sh -c 'echo \(pages) > \(pool)'\n" }
    let tree = try tree([
        "usr/lib/systemd/system/off.service": start(1), "usr/lib/systemd/system/on.service": start(2),
        "etc/systemd/system/on.service": start(3), "usr/lib/systemd/system/at@.service": start(4),
        "etc/systemd/system/at@.service.d/a.conf": start(5), "run/systemd/system/at@7.service.d/b.conf": start(6),
        "usr/lib/systemd/system/masked.service": start(7), "usr/lib/systemd/system/alias.service": start(8),
        "usr/lib/systemd/system/masked.service.d/a.conf": start(9),
        "usr/lib/systemd/system/sysinit.target.requires/alias.service": "",
        "usr/lib/systemd/system/named-pool.service": "ExecStart=/opt/pool\nExecStart=-/bin/sh /opt/pool.sh\n",
        "opt/pool": "#!/bin/sh\n# echo 9 > \(pool)\nif true; then\n  echo 10 \\\n > \(pool)\nfi\n",
        "opt/pool.sh": "echo 11 > \(pool)\0\n",
    ])
    let wants = "etc/systemd/system/multi-user.target.wants"
    for (name, target) in ["on.service": "/usr/lib/systemd/system/on.service", "at@7.service": "x"] {
        try tree.link("\(wants)/\(name)", to: target)
    }
    for name in ["masked", "named-pool", "gone"] { try tree.link("\(wants)/\(name).service", to: "x") }
    try tree.link("etc/systemd/system/masked.service", to: "/dev/null")
    try tree.link("etc/systemd/system/alias.service", to: "/usr/lib/systemd/system/alias.service")
    let found = try asked(of: tree)
    #expect(
        found.requests == [
            "/etc/systemd/system/alias.service - 8",
            "/usr/lib/systemd/system/at@.service - 4", "/etc/systemd/system/at@.service.d/a.conf - 5",
            "/run/systemd/system/at@7.service.d/b.conf - 6", "/opt/pool - 10", "/etc/systemd/system/on.service - 3",
        ])
    #expect(found.unread == [])
}

/// A machine that runs has not passed the targets of its end, of trouble, of an initrd or an update.
@Test(arguments: [
    ("multi-user.target.wants", 1), ("a.service.requires", 1), ("shutdown-log.target.wants", 1),
    ("shutdown.target.wants", 0), ("rescue.target.requires", 0), ("initrd-root-fs.target.wants", 0),
    ("system-update-pre.target.wants", 0),
])
func targetsThatAreNotPassed(_ folder: String, _ count: Int) throws {
    let found = try asked(
        of: try tree([
            "etc/systemd/system/a.service": "ExecStart=/bin/sh -c 'echo 8 > \(pool)'",
            "lib/systemd/system/\(folder)/a.service": "",
        ]))
    #expect(found.requests.count == count)
}

/// Links lead below the root of the saved tree, never to this machine, and never on for ever.
@Test func linksStayBelowTheRoot() throws {
    let tree = try tree(["opt/mine.conf": setting + "1", "etc/sysctl.d/b.conf": setting + "2"])
    try tree.link("etc/sysctl.d/a.conf", to: "/opt/mine.conf")
    try tree.link("etc/sysctl.d/c.conf", to: "../../opt/mine.conf")
    try tree.link("etc/sysctl.d/d.conf", to: "d.conf")
    let up = String(repeating: "../", count: 40)
    try tree.link("run/sysctl.d", to: "\(up)opt/more")
    try tree.write("opt/more/h.conf", bytes(setting + "3"))
    let outside = try KernelFilesTests.tree(["j.conf": setting + "9"])
    try tree.link("lib/sysctl.d", to: outside.root.directory.string)
    for (name, text) in ["i": "", "k": up] {
        try tree.link("etc/sysctl.d/\(name).conf", to: text + outside.root.path("j.conf").string)
    }
    try tree.link("etc/sysctl.d/e.conf", to: "/nowhere")
    try tree.make("etc/sysctl.d/f.conf")
    #expect(mkfifo(tree.root.path("etc/sysctl.d/g.conf").string, 0o600) == 0)
    let found = try asked(of: tree)
    #expect(
        found.requests == [
            "/etc/sysctl.d/a.conf - 1", "/etc/sysctl.d/b.conf - 2", "/etc/sysctl.d/c.conf - 1",
            "/run/sysctl.d/h.conf - 3",
        ])
    #expect(found.unread == [])
}

/// A script of more than 64 KiB is not read.
@Test(arguments: [(64 << 10, 1), (64 << 10 + 1, 0)]) func lengthOfScripts(_ length: Int, _ count: Int) throws {
    let line = "echo 8 > \(pool)\n"
    let found = try asked(
        of: try tree([
            "etc/systemd/system/a.service": "ExecStart=/opt/x", "etc/systemd/system/b.wants/a.service": "",
            "opt/x": line + String(repeating: "\n", count: length - line.utf8.count),
        ]))
    #expect(found.requests.count == count)
}

/// What cannot be read is said, and the rest is read all the same.
@Test func spoiltFileIsSaid() throws {
    let long = String(repeating: "hugepages", count: 1 << 17)
    let tree = try tree(["etc/sysctl.d/a.conf": long, "etc/sysctl.d/b.conf": setting + "2"])
    let found = try asked(of: tree)
    #expect(found.requests == ["/etc/sysctl.d/b.conf - 2"])
    #expect(found.unread.map(\.path) == [ForeignText(tree.root.path("etc/sysctl.d/a.conf"))])
    #expect(found.unread.map(\.subject) == [.configuration])
}

/// The default size is that of the command line for it, and that of meminfo for all else.
@Test func defaultSize() throws {
    let tree = try tree(["proc/cmdline": "hugepages=3 default_hugepagesz=1G", "etc/sysctl.conf": setting + "7"])
    try tree.write("proc/meminfo", bytes("Hugepagesize: 2048 kB\n"))
    var unread: [Unread] = []
    let sizes = tree.root.poolRequests(release: ForeignText("6.1"), unread: &unread).map(\.size.bytes)
    #expect(sizes == [1 << 30, 2 << 20])
}

@Test(arguments: [("5.10.0", false), ("5.15.1", false), ("5.16", true), ("7.2", true), ("?", true)])
func countsForNodesAreKnownFrom(_ release: String, _ isUnderstood: Bool) throws {
    let tree = try tree(["proc/cmdline": "hugepagesz=2M hugepages=0:8"])
    var unread: [Unread] = []
    let requests = tree.root.poolRequests(release: ForeignText(release), unread: &unread)
    #expect(requests.map(\.isUnderstood) == [isUnderstood])
}

/// Whatever stands in the files, nothing traps.
@Test(arguments: Damage.allCases) private func damagedConfiguration(damage: Damage) throws {
    let samples = [
        "proc/cmdline": "quiet default_hugepagesz=1G hugepages=4 hugepagesz=\"2M\" hugepages=0:8,1:16 -- x\n",
        "etc/sysctl.conf": "# a\n-vm/nr_hugepages = 64\nvm.nr_hugepages_mempolicy=8\n",
        "etc/tmpfiles.d/a.conf": "w+! \(pool) - - - - 64\n",
        "etc/systemd/system/a.service": "[Service]\nExecStart=-/bin/sh -c 'echo 8 > \(pool)'\nExecStart=/opt/x\n",
        "opt/x": "#!/bin/sh\necho 8 | tee \(pool) \\\n && hugeadm --pool-pages-min 2MB:64\n",
    ]
    let tree = try tree(samples)
    try tree.write("etc/systemd/system/b.wants/a.service", [])
    let whole = try asked(of: tree).requests
    #expect(whole.count == 9)
    for (path, sample) in samples {
        // Only its unit leads to a script.
        let spoilt = ["/\(path) "] + (path.hasSuffix(".service") ? ["/opt/x "] : [])
        let isOther = { (request: String) in !spoilt.contains { request.hasPrefix($0) } }
        for content in damage.contents(of: bytes(sample), seed: 5).prefix(damage == .overlong ? 3 : 60) {
            try tree.write(path, content)
            let found = try asked(of: tree)
            #expect(found.requests.filter(isOther) == whole.filter(isOther))
            #expect(
                found.unread.allSatisfy { $0.subject == .configuration && $0.path == ForeignText(tree.root.path(path)) }
            )
        }
        try tree.write(path, bytes(sample))
    }
}
