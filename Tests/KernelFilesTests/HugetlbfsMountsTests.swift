import KernelFiles
import Observations
import PageModel
import TestSupport
import Testing

@testable import KernelFiles

/// One process: its mount namespace, its root and its mountinfo, nil where that is refused.
private struct Process {
    let name: String
    let namespace: Int?
    var root = "/"
    let mounts: String?
}

private func tree(_ processes: [Process]) throws -> ScratchTree {
    let tree = try ScratchTree()
    for process in processes {
        if let namespace = process.namespace {
            try tree.link("proc/\(process.name)/ns/mnt", to: "mnt:[\(namespace)]")
        } else {
            try tree.make("proc/\(process.name)/ns/mnt")
        }
        try tree.link("proc/\(process.name)/root", to: process.root)
        if let mounts = process.mounts {
            try tree.write("proc/\(process.name)/mountinfo", bytes(mounts))
        } else {
            try tree.make("proc/\(process.name)/mountinfo")  // to read a folder fails
        }
    }
    return tree
}

private func mount(_ id: Int, _ minor: Int, _ root: String, _ folder: String, options: String = "") -> String {
    "\(id) 1 0:\(minor) \(root) \(folder) rw - hugetlbfs none rw,pagesize=2M\(options)\n"
}

private func search(_ processes: [Process]) throws -> HugetlbfsMounts {
    let tree = try tree(processes)
    return withExtendedLifetime(tree) {
        HugetlbfsMounts(of: processes.map(\.name).filter { $0 != "self" }, in: tree.root)
    }
}

@Test func everyHugetlbfsOnceWithTheBestWayFirst() throws {
    let found = try search([
        Process(
            name: "self", namespace: 1,
            mounts: mount(10, 39, "/sub", "/bound") + mount(11, 40, "/", "/huge", options: ",min_size=20971520")),
        Process(name: "7", namespace: 2, mounts: mount(20, 39, "/", "/in/container") + mount(21, 41, "/x", "/x")),
        Process(name: "8", namespace: 2, mounts: mount(20, 39, "/", "/in/container") + mount(21, 41, "/x", "/x")),
        Process(name: "9", namespace: 3, mounts: mount(30, 40, "/", "/huge") + "40 1 0:7 / / rw - ext4 x rw\n"),
    ])
    #expect(found.namespaces == 3 && found.refused == 0 && found.leftOut == 0)
    #expect(
        found.all.map { $0.places.map { "\($0.path.repaired) \($0.mount.root.repaired)" } } == [
            ["/proc/7/root/in/container /", "/proc/8/root/in/container /", "/bound /sub"],
            ["/huge /", "/proc/9/root/huge /"],
            ["/proc/7/root/x /x", "/proc/8/root/x /x"],
        ])
    let two = try #require(PageSize(bytes: 2 << 20))
    #expect(
        found.all.map(\.observation) == [
            HugetlbMount(
                device: DeviceNumber(major: 0, minor: 39), folder: ForeignText("/in/container"), through: PID(7),
                size: two,
                minimum: 0),
            HugetlbMount(
                device: DeviceNumber(major: 0, minor: 40), folder: ForeignText("/huge"), through: nil, size: two,
                minimum: 10),
            HugetlbMount(
                device: DeviceNumber(major: 0, minor: 41), folder: ForeignText("/x"), through: PID(7), size: two,
                minimum: 0),
        ])
}

@Test func namespaceIsReadThroughTheNextProcess() throws {
    let found = try search([
        Process(name: "self", namespace: 1, mounts: ""),
        Process(name: "7", namespace: 2, mounts: nil),
        Process(name: "8", namespace: 2, mounts: mount(20, 39, "/", "/huge")),
        Process(name: "9", namespace: 2, mounts: "not read\n"),
    ])
    #expect(found.refused == 0)
    #expect(found.all.map { $0.places.map(\.process) } == [["8", "9"]])
}

/// Where no process has the root of a namespace, all that are known are asked.
@Test func rootsOfANamespaceAreJoined() throws {
    let found = try search([
        Process(name: "self", namespace: 1, mounts: ""),
        Process(name: "7", namespace: 2, root: "/a", mounts: mount(20, 39, "/", "/huge")),
        Process(name: "8", namespace: 2, root: "/b", mounts: mount(21, 40, "/", "/huge")),
    ])
    #expect(found.all.map { $0.places.map(\.path.repaired) } == [["/proc/7/root/huge"], ["/proc/8/root/huge"]])
}

@Test func whatIsRefusedIsCounted() throws {
    let found = try search([
        Process(name: "self", namespace: 1, mounts: mount(10, 39, "/", "/huge")),
        Process(name: "7", namespace: 2, mounts: nil),
        Process(name: "8", namespace: 2, mounts: nil),
        Process(name: "9", namespace: nil, mounts: nil),
        Process(name: "10", namespace: nil, mounts: mount(20, 40, "/", "/told/all/the/same")),
    ])
    #expect(found.namespaces == 2)
    #expect(found.refused == 2)
    #expect(found.all.map { $0.places.map(\.path.repaired) } == [["/huge"], ["/proc/10/root/told/all/the/same"]])
}

@Test func pageSizeThatIsNotToldIsARefusal() throws {
    let found = try search([
        Process(name: "self", namespace: 1, mounts: "10 1 0:39 / /old rw - hugetlbfs none rw\n")
    ])
    #expect(found.all.isEmpty && found.refused == 1)
}

@Test func waysAreFew() throws {
    let same = (0..<100).map { mount(100 + $0, 39, "/", "/same\($0)") }.joined()
    let parts = (0..<100).map { mount(300 + $0, 40, "/part\($0)", "/part\($0)") }.joined()
    let found = try search([Process(name: "self", namespace: 1, mounts: same + parts)])
    #expect(found.all.map(\.places.count) == [4, 64])
    #expect(found.leftOut == 36)
}
