import Audit
import Foundation
import KernelFiles
import Observations
import PageModel
import Reporting
import TestSupport
import Testing

struct RenderingTests {
    /// The report of a saved machine whose first process, and its cgroup, command and user, are called so.
    private func report(named bytes: [UInt8]) throws -> AuditReport {
        let tree = try FixtureTree("four-nodes-6.1")
        let machine = try HugetlbMachine(tree.root)
        var observation = machine.observe { Settling($0, nodes: machine.nodes, host: machine.host).next }
        let name = ForeignText(bytes)
        for index in observation.passes.indices {
            observation.passes[index].walk.processes[0].name = name
            observation.passes[index].walk.processes[0].cgroup = name
            observation.passes[index].walk.processes[0].command = name
            observation.passes[index].walk.processes[0].user = name
        }
        observation.host.name = name
        return AuditReport(judging: observation)
    }

    @Test(arguments: hostileNames) func textShowsNamesEscaped(_ bytes: [UInt8], _ shown: String) throws {
        let text = try AuditText(report(named: bytes), isColoured: false).text
        #expect(text.contains(shown))
        #expect(text.unicodeScalars.allSatisfy { $0 == "\n" || !$0.properties.isBidiControl && $0.value >= 0x20 })
        let plain = try AuditText(report(named: Array("plain".utf8)), isColoured: false).text
        #expect(text.split(separator: "\n").count == plain.split(separator: "\n").count)
    }

    @Test(arguments: hostileNames) func documentKeepsNamesAsData(_ bytes: [UInt8], _: String) throws {
        let json = try AuditJSON(report(named: bytes), version: "1").text
        let process = try #require(try ReportDocument(json).processes.first)
        let expected = String(decoding: bytes, as: UTF8.self)
        #expect(
            [process.name, process.cgroup, process.command, process.user] == [expected, expected, expected, expected])
        #expect(!json.unicodeScalars.contains { $0.value < 0x20 && $0 != "\n" })
    }

    @Test func fourThousandLettersBreakNoLine() throws {
        let bytes = [UInt8](repeating: UInt8(ascii: "x"), count: 4096)
        let text = try AuditText(report(named: bytes), isColoured: false).text
        #expect(text.split(separator: "\n").allSatisfy { $0.count < 300 })
        #expect(text.contains("…"))
        #expect(
            try ReportDocument(AuditJSON(report(named: bytes), version: "1").text).processes.first?.name.count == 4096)
    }

    @Test func coloursAreOnlyWhereWanted() throws {
        let report = try GoldenTests.report(try FixtureTree("leak-6.1"))
        #expect(AuditText(report, isColoured: true).text.hasPrefix("\u{1b}[1;31mFINDINGS\u{1b}[0m: "))
        #expect(!AuditText(report, isColoured: false).text.contains("\u{1b}"))
    }

    /// Every figure of the text is in the document, too.
    @Test(arguments: GoldenTests.saved) func figuresOfTheTextAreInTheDocument(_ name: String) throws {
        let report = try GoldenTests.report(try FixtureTree(name))
        let document = try ReportDocument(AuditJSON(report, version: "1").text)
        for row in report.pools {
            let found = try #require(document.pool(node: row.pool.node.rawValue, row.pool.size.bytes))
            #expect(found.nr == row.counts?.nrHugepages)
            #expect(found.heads == row.heads)
            #expect(found.unexplained == row.unexplained)
            if let nr = found.nr, let free = found.free, let mapped = found.mapped, let held = found.held,
                let poisoned = found.poisoned, let unexplained = found.unexplained
            {
                #expect(Int64(nr) == Int64(free + mapped + held + poisoned) + unexplained)
            }
        }
        #expect(document.findings.map(\.id) == report.findings.map(\.id.rawValue))
        #expect(document.verdict.summary == report.verdict.summary)
    }

    /// What could not be had is null and never left out or 0.
    @Test func missingFiguresAreNull() throws {
        let json = try AuditJSON(GoldenTests.report(try .withoutFrames()), version: "1").text
        #expect(json.contains("\"mapped\" : null"))
        #expect(json.contains("\"unexplained\" : null"))
        let document = try ReportDocument(json)
        #expect(document.taken.view == "partial")
        #expect(document.verdict.level == "partial")
        #expect(document.pools.allSatisfy { $0.mapped == nil && $0.heads == nil && $0.nr != nil })
    }
}
