import Audit
import KernelFiles
import Observations
import PageModel
import TestSupport
import Testing

private let size = InventedMachine.size
private let oneGiB = PageSize(bytes: 1 << 30)!

private func request(
    _ pages: UInt64, on node: Int? = nil, of size: PageSize = size, _ source: PoolRequest.Source = .settings
) -> PoolRequest {
    let path =
        switch source {
        case .commandLine: "/proc/cmdline"
        case .settings: "/etc/sysctl.d/a.conf"
        case .units: "/etc/systemd/system/a.service"
        }
    return PoolRequest(
        source, size: size, node: node.map { NodeID($0) }, pages: pages, path: ForeignText(path),
        text: ForeignText("asks for \(pages)"))
}

/// The shortfalls of two nodes with 100 pages each, by node and missing pages.
private func missing(_ requests: [PoolRequest], _ change: (inout InventedMachine) -> Void = { _ in }) -> [[Int?]] {
    shortfalls(requests, change).map { [$0.node?.rawValue, $0.pages.map { Int(clamping: $0) }] }
}

private func shortfalls(
    _ requests: [PoolRequest], _ change: (inout InventedMachine) -> Void = { _ in }
) -> [Finding] {
    audit { machine in
        machine.requests = requests
        change(&machine)
    }.findings.filter { $0.id == .poolShortfall }
}

@Suite struct PoolRequestTests {
    @Test(
        arguments: [
            ([], []), ([request(200)], []), ([request(201)], [[nil, 1]]), ([request(0)], []),
            ([request(100, on: 0), request(104, on: 1)], [[1, 4]]),
            ([request(101, on: 0), request(99, on: 1)], [[0, 1]]),
            // What comes later replaces what it sets anew.
            ([request(300, .commandLine), request(200, .settings)], []),
            ([request(200, .commandLine), request(300, .settings)], [[nil, 100]]),
            ([request(300, .commandLine), request(300, .settings), request(10, on: 0, .units)], []),
            ([request(300, on: 0, .commandLine), request(0, .units)], []),
            ([request(300, on: 0, .commandLine), request(100, on: 1, .units)], [[0, 200]]),
            // So it is within one source.
            ([request(300), request(150)], []), ([request(150), request(300)], [[nil, 100]]),
            ([request(300), request(110, on: 0)], [[0, 10]]), ([request(300, on: 0), request(200)], []),
            ([request(300, on: 0), request(90, on: 0)], []),
            // Other sizes are not concerned.
            ([request(201), request(3, of: oneGiB, .units)], [[nil, 1], [nil, 3]]),
            ([request(.max, on: 0)], [[0, Int.max]]),
        ] as [([PoolRequest], [[Int?]])])
    func whatIsMissing(requests: [PoolRequest], missing expected: [[Int?]]) {
        #expect(missing(requests) == expected)
    }

    /// Surplus pages come and go: they are none of those that were asked for.
    @Test func surplusDoesNotCount() throws {
        #expect(missing([request(95, on: 0)]) { $0.surplus = [5] } == [])
        let finding = try #require(shortfalls([request(96, on: 0)]) { $0.surplus = [5] }.first)
        #expect(finding.pages == 1)
        #expect(finding.message.hasSuffix("were asked for on node 0 and it has 95 besides 5 of surplus"))
        #expect(missing([request(196)]) { $0.surplus = [5, 0] } == [[nil, 1]])
    }

    @Test func nothingIsSaidWhileCountersMove() {
        #expect(missing([request(300)]) { $0.isMoving = true } == [])
    }

    @Test func findingOfANode() throws {
        let finding = try #require(
            shortfalls([request(116, on: 1)]) {
                $0.freeBlocks = [
                    NodeID(0): .init(largest: 4 << 20, limit: 4 << 20),
                    NodeID(1): .init(largest: 512 << 10, limit: 4 << 20),
                ]
                $0.freeBytes = 64 << 20
            }.first)
        #expect(finding.severity == .warning)
        #expect((finding.node, finding.pageSize) == (NodeID(1), size))
        #expect(finding.message == "116 pages of 2 MiB (232 MiB) were asked for on node 1 and it has 100")
        let folder = "/sys/devices/system/node/node1/hugepages/hugepages-2048kB/"
        #expect(
            finding.evidence == [
                Evidence(.configuration, "/etc/sysctl.d/a.conf", "asks for 116"),
                Evidence(.ledger, folder + "nr_hugepages", "100"),
                Evidence(.ledger, "/proc/buddyinfo", "the largest free block on node 1 is 512 KiB"),
            ])
        #expect(
            finding.remedy
                == "echo 1 > /proc/sys/vm/compact_memory; echo 116 > \(folder)nr_hugepages  # "
                + "the free memory of node 1 is in pieces, or correct /etc/sysctl.d/a.conf")
    }

    @Test func findingOfTheMachine() throws {
        let finding = try #require(
            shortfalls([request(201)]) {
                $0.freeBlocks = [NodeID(0): .init(largest: 4 << 20, limit: 4 << 20)]
                ($0.freeBytes, $0.surplus) = (1 << 30, [0, 3])
            }.first)
        #expect(
            finding.message
                == "201 pages of 2 MiB (402 MiB) were asked for and the machine has 197 besides 3 of surplus")
        #expect(finding.node == nil)
        #expect(
            finding.evidence.map(\.says) == [
                "asks for 201", "200, of which 3 are surplus", "100", "100, of which 3 are surplus",
                "the largest free block on node 0 is 4 MiB",
            ])
        #expect(finding.remedy == Self.plainRemedy)
    }

    private static let plainRemedy =
        "echo 201 > /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages  # or correct /etc/sysctl.d/a.conf"

    /// Memory that is not known is not said to be none.
    @Test(arguments: [true, false]) func memoryThatIsNotKnown(hasNodes: Bool) {
        var observation = InventedMachine().observation
        observation.requests = [request(201)]
        if hasNodes {
            for index in observation.nodes.indices { observation.nodes[index].memoryBytes = 0 }
        } else {
            observation.nodes = []
        }
        let findings = AuditReport(judging: observation).findings
        #expect(findings.filter { $0.id == .poolShortfall }.map(\.remedy) == [Self.plainRemedy])
    }

    /// One page is, and some are.
    @Test func onePage() {
        let finding = shortfalls([request(1, on: 7)]).first
        #expect(finding?.message == "1 page of 2 MiB (2 MiB) was asked for on node 7 and there is no such node")
        #expect(finding?.remedy == "Correct /etc/sysctl.d/a.conf: this machine has nodes 0, 1")
    }

    @Test func sizeThatTheKernelHasNot() {
        let finding = shortfalls([request(4, on: 1, of: oneGiB, .commandLine)]).first
        #expect(
            finding?.message
                == "4 pages of 1 GiB (4 GiB) were asked for on node 1 and this kernel has no pages of that size")
        #expect(finding?.remedy == "Correct the kernel command line: it has pages of 2 MiB")
    }

    @Test func formThatTheKernelDoesNotKnow() {
        var asked = request(120, on: 1, .commandLine)
        asked.isUnderstood = false
        #expect(
            shortfalls([asked]).first?.message
                == "120 pages of 2 MiB (240 MiB) were asked for on node 1 and it has 100: "
                + "mainline kernels before 5.16 know no counts for single nodes")
    }

    @Test func tooLittleMemory() {
        let finding = shortfalls([request(201)]) { $0.freeBytes = 512 << 10 }.first
        #expect(
            finding?.remedy
                == "echo 1 > /proc/sys/vm/compact_memory; echo 201 > /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"
                + "  # the machine has 1 MiB free and the missing pages need 2 MiB: end programs, "
                + "or correct /etc/sysctl.d/a.conf")
    }

    @Test func namesAreEscaped() {
        var asked = request(201)
        (asked.path, asked.text) = (ForeignText("/etc/\u{1b}[2J"), ForeignText("a\nb"))
        #expect(
            shortfalls([asked]).first?.evidence.first == Evidence(.configuration, #"/etc/\u{1b}[2J"#, #"a\nb"#))
    }

    @Test func scopeLimitsIt() {
        var machine = InventedMachine()
        machine.requests = [request(104, on: 1), request(104, on: 0)]
        let report = AuditReport(judging: machine.observation, scope: Scope(nodes: [NodeID(1)]))
        #expect(report.findings.map(\.node) == [NodeID(1)])
        #expect(report.verdict.level == .findings)
    }

    /// From files to the finding.
    @Test func savedMachine() throws {
        let report = try audit(try .shortfall())
        let found = report.findings.filter { $0.id == .poolShortfall }
        #expect(
            found.map(\.message) == [
                "3 pages of 1 GiB (3 GiB) were asked for on node 0 and it has 1",
                "5 pages of 1 GiB (5 GiB) were asked for on node 1 and it has 2",
            ])
        #expect(found.map(\.pages) == [2, 3])
        #expect(found.first?.evidence.first == Evidence(.configuration, "/proc/cmdline", "hugepages=0:3,1:5"))
        #expect(
            found.first?.evidence.last?.says
                == "the largest free block on node 0 is 4 MiB, and larger ones are not told")
        #expect(found.last?.evidence.last?.says == "the largest free block on node 1 is 512 KiB")
        #expect(report.unread.isEmpty)
    }
}
