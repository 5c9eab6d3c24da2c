import KernelFiles
import PageModel
import TestSupport
import Testing

@testable import KernelFiles

/// One zone as the kernel prints it, without the counters between.
private func zone(_ node: String, spanned: String, managed: String, start: String?) -> String {
    let end = start.map { "  start_pfn:           \($0)\n" } ?? ""
    return """
        Node \(node), zone    DMA32
          pages free     116063
                min      6211
                spanned  \(spanned)
                present  126976
                managed  \(managed)
                protection: (0, 0, 0, 0, 0)
          pagesets
            cpu: 0
                      count: 111
        \(end)
        """
}

private func span(_ frames: Range<UInt64>, _ node: Int) -> NodeRange { NodeRange(frames: frames, node: NodeID(node)) }

private let most = PFN.most

private let zones: [(String, [NodeRange], UInt64)] = [
    ("", [], 0),
    (zone("0", spanned: "100", managed: "90", start: "1"), [span(1..<101, 0)], 90),
    (zone("12", spanned: "100", managed: "90", start: "4096"), [span(4096..<4196, 12)], 90),
    (zone("0", spanned: "0", managed: "0", start: nil), [], 0),  // an unpopulated zone has no start_pfn
    (zone("0", spanned: "0", managed: "0", start: "0"), [], 0),  // 5.10 prints one for some
    (
        zone("0", spanned: "8", managed: "7", start: "0") + zone("3", spanned: "8", managed: "6", start: "8"),
        [span(0..<8, 0), span(8..<16, 3)], 13
    ),
    (zone("0", spanned: "\(most)", managed: "1", start: "0"), [span(0..<most, 0)], 1),
    // The span of the zone before does not count for the next one.
    (zone("0", spanned: "8", managed: "7", start: nil) + "Node 1, zone DMA\n  start_pfn: 64\n", [], 7),
    (zone("0", spanned: "8", managed: "18446744073709551615", start: "0"), [span(0..<8, 0)], .max),
]

@Test(arguments: zones) func zoneinfo(text: String, spans: [NodeRange], managed: UInt64) throws {
    let zoneinfo = try Zoneinfo(parsing: bytes(text))
    #expect(zoneinfo.spans == spans)
    #expect(zoneinfo.managed == managed)
}

private let refused: [(String, Int, String)] = [
    ("Node", 1, "Node N, zone NAME"),
    ("Node 0 zone DMA", 1, "Node N, zone NAME"),
    ("Node x, zone DMA", 1, "Node N, zone NAME"),
    ("Node -1, zone DMA", 1, "Node N, zone NAME"),
    ("Node 9223372036854775808, zone DMA", 1, "Node N, zone NAME"),
    ("Node 0, zone DMA\n spanned", 2, "spanned and a count of pages"),
    ("Node 0, zone DMA\n spanned -5", 2, "spanned and a count of pages"),
    ("Node 0, zone DMA\n spanned 1 2", 2, "spanned and a count of pages"),
    ("Node 0, zone DMA\n managed x", 2, "managed and a count of pages"),
    ("Node 0, zone DMA\n spanned 1\n start_pfn: x", 3, "start_pfn: and a PFN"),
    ("Node 0, zone DMA\n spanned 1\n start_pfn: 18446744073709551616", 3, "start_pfn: and a PFN"),
    ("Node 0, zone DMA\n spanned 1\n start_pfn: 18446744073709551615", 3, "a zone whose end is a PFN"),
    (
        "Node 0, zone DMA\n spanned 18446744073709551615\n start_pfn: 18446744073709551615", 3,
        "a zone whose end is a PFN"
    ),
    ("Node 0, zone DMA\n spanned 1\n start_pfn: \(most)", 3, "a zone whose end is a PFN"),
    ("  spanned 1\n  start_pfn: 1", 2, "a zone whose end is a PFN"),  // of no node
]

@Test(arguments: refused) func zoneinfoRefuses(text: String, line: Int, expected: String) throws {
    let error = try #require(formatError { () throws(FormatError) in try Zoneinfo(parsing: bytes(text)) })
    #expect((error.line, error.expected) == (line, expected))
}

@Test func managedPagesOverAllZonesDoNotOverflow() throws {
    let zones = zone("0", spanned: "8", managed: "18446744073709551615", start: "0")
    #expect(throws: Never.self) { try Zoneinfo(parsing: bytes(zones + zones)) }
}

@Test func zonesOfTheFixture() throws {
    let tree = try FixtureTree("four-nodes-6.1")
    let zoneinfo = try tree.root.zoneinfo()
    #expect(
        zoneinfo.spans == [
            span(1..<0x1000, 0), span(0x1000..<0x20000, 0), span(0x20000..<0x40000, 1), span(0x40000..<0x60000, 2),
            span(0x60000..<0x7ffe0, 3),
        ])
    let total = try #require(tree.root.meminfo().fields["MemTotal"])
    #expect(zoneinfo.managed == total / 4096)
}

@Test func liveZones() throws {
    let zoneinfo = try KernelRoot.live.zoneinfo()
    #expect(!zoneinfo.spans.isEmpty && zoneinfo.managed > 0)
    let nodes = try KernelRoot.live.nodeIDs()
    #expect(nodes.isEmpty || zoneinfo.spans.allSatisfy { nodes.contains($0.node) })
}
