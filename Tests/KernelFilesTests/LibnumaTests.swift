import Glibc
import KernelFiles
import Observations
import PageModel
import SystemPackage
import Testing

@testable import KernelFiles

private let libnuma = Libnuma()

@Suite(.enabled(if: libnuma != nil, "needs a kernel with NUMA")) struct LibnumaTests {
    let numa: Libnuma
    init() throws { numa = try #require(libnuma) }

    @Test func nodesAreThoseOfSysfs() throws {
        let nodes = numa.nodes()
        #expect(try nodes.map(\.id) == KernelRoot.live.nodeIDs())
        for node in nodes {
            let saved = try KernelRoot.live.node(node.id)
            #expect(node.memoryBytes == saved.memoryBytes)
            #expect(node.freeBytes <= node.memoryBytes)
            #expect(node.cpus == saved.cpus)
            #expect(node.distances == saved.distances)
            #expect(node.isAllowed != nil)
        }
        #expect(nodes.contains { $0.isAllowed == true })
    }

    @Test func cpusOfThisProcess() {
        #expect((1...Int(sysconf(Int32(_SC_NPROCESSORS_CONF)))).contains(numa.allowedCPUs))
    }

    @Test func nodeOfPageIsThatOfNumaMaps() throws {
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        // A mapping alone: a guard page on either side keeps the kernel from joining it to others.
        let whole = try #require(mmap(nil, 4 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))
        defer { munmap(whole, 4 * page) }
        let start = whole + page
        try #require(mprotect(start, 2 * page, PROT_READ | PROT_WRITE) == 0)
        start.storeBytes(of: 1, as: UInt8.self)
        let address = UInt64(UInt(bitPattern: start))
        let nodes = try numa.nodes(of: [address, address + UInt64(page), 4096], in: PID(getpid()))
        var placed: [NodeID: UInt64] = [:]
        try KernelRoot.live.numaMappings(of: "self") { if $0.start == address { placed = $0.pages } }
        #expect(placed.count == 1)
        #expect(nodes == [placed.keys.first, nil, nil])
    }

    @Test func manyPages() throws {
        var here = 0
        let address = withUnsafePointer(to: &here) { UInt64(UInt(bitPattern: $0)) }
        let pages = [UInt64](repeating: address, count: 10_000)
        let nodes = try numa.nodes(of: pages, in: PID(getpid()))
        #expect(nodes.count == 10_000 && Set(nodes).count == 1 && nodes[0] != nil)
        #expect(try numa.nodes(of: [], in: PID(getpid())) == [])
    }

    @Test func processThatIsNotThere() {
        #expect(throws: Errno.noSuchProcess) { try numa.nodes(of: [4096], in: PID(.max)) }
    }
}
