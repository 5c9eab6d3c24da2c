import Audit
import Foundation
import Observations
import PageModel
import Reporting
import TestSupport
import Testing

/// A command that came and went, and what it left behind, all of the name `bytes`.
private func difference(named bytes: [UInt8]) -> AuditDifference {
    let size = InventedMachine.size
    var machine = InventedMachine()
    let before = AuditReport(judging: machine.observation)
    var file = InventedMachine.file("", inode: 1, [2, 1], since: 1_700_000_000)
    let name = ForeignText(bytes)
    (file.name, file.path, file.owner) = (name, ForeignText("/huge/".utf8 + bytes), name)
    var process = InventedMachine.process(42, "", [3])
    (process.name, process.command, process.user, process.cgroup) = (name, name, name, name)
    (machine.files, machine.processes, machine.nameless) = ([file], [process], [0, 4])
    var usage = PoolUsage()
    usage.add([Pool(node: NodeID(0), size: size): 0, Pool(node: NodeID(1), size: size): 0])
    usage.add(afterEnd: [Pool(node: NodeID(0), size: size): 7, Pool(node: NodeID(1), size: size): 5])
    let run = CommandRun(
        arguments: [ForeignText("prog"), name], ending: .killed(signal: 9), durationSeconds: 1.256, usage: usage)
    return AuditDifference(from: before, to: AuditReport(judging: machine.observation), run: run)
}

@Suite struct DifferenceRenderingTests {
    private let plain = difference(named: Array("plain".utf8))

    @Test(arguments: hostileNames) func textShowsNamesEscaped(_ bytes: [UInt8], _ shown: String) {
        let text = DifferenceText(difference(named: bytes), isColoured: false).text
        #expect(text.contains("held by file \(shown)\n"))
        #expect(text.contains("mapped by process 42 \(shown)\n"))
        #expect(text.contains("while \"prog \(shown)\" ran"))
        #expect(text.unicodeScalars.allSatisfy { $0 == "\n" || !$0.properties.isBidiControl && $0.value >= 0x20 })
        let lines = DifferenceText(plain, isColoured: false).text.split(separator: "\n").count
        #expect(text.split(separator: "\n").count == lines)
    }

    @Test func textHasAllFigures() {
        let lines = DifferenceText(plain, isColoured: false).text.split(separator: "\n").map(String.init)
        #expect(lines[0].hasPrefix("FINDINGS: 14 MiB left behind while \"prog plain\" ran: "))
        let rows = lines.map { $0.split(separator: " ").joined(separator: " ") }
        #expect(
            rows.contains("NODE SIZE BEFORE PEAK AT END AFTER NR FREE MAPPED HELD POISONED UNEXPLAINED"))
        #expect(rows.contains("0 2 MiB 0 7 7 5 0 -5 +3 +2 0 0"))
        #expect(rows.contains("1 2 MiB 0 5 5 5 0 -5 0 +1 0 +4"))
        for line in [
            "+3 x 2 MiB on node 0, 1: held by file plain", "+6 MiB: mapped by process 42 plain",
            "prog plain: killed by signal 9, 1.26 s",
        ] {
            #expect(lines.contains(line), "\(line)")
        }
        #expect(lines.contains { $0.hasPrefix("  To mend: rm -- /huge/plain ") })
    }

    /// Where a holder has grown, and not all that it has; where pages are given back nobody knows afterwards.
    @Test(arguments: [([2, 0], [2, 3], "+3 x 2 MiB on node 1: held by"), ([2, 3], [2, 1], "-2 x 2 MiB: held by")])
    func nodesOfAChange(before: [UInt64], after: [UInt64], line: String) {
        let reports = [before, after].map { pages in
            var machine = InventedMachine()
            // What is unexplained makes the report a long one.
            machine.files = [InventedMachine.file("/huge/a", inode: 1, pages)]
            machine.nameless = pages == after ? [1] : []
            return AuditReport(judging: machine.observation)
        }
        let text = DifferenceText(AuditDifference(from: reports[0], to: reports[1]), isColoured: false).text
        #expect(text.contains("\n\(line) file /huge/a\n"), "\(text)")
    }

    /// One line says all where nothing is left, and what is only worth a note has one more.
    @Test func aCleanRunIsOneLine() {
        var machine = InventedMachine()
        let before = AuditReport(judging: machine.observation)
        let clean = AuditDifference(from: before, to: before)
        #expect(
            DifferenceText(clean, isColoured: true).text
                == "\u{1b}[1;32mCLEAN\u{1b}[0m: Nothing was left behind between the two audits.\n")
        machine.processes = [InventedMachine.process(42, "daemon", [3])]
        let note = AuditDifference(from: before, to: AuditReport(judging: machine.observation))
        let lines = DifferenceText(note, isColoured: false).text.split(separator: "\n")
        #expect(lines.count == 2)
        #expect(lines[1].hasPrefix("note process-remains: Process 42 (daemon) maps 6 MiB"))
    }

    @Test func aThousandChangesFitAScreen() {
        var machine = InventedMachine()
        let before = AuditReport(judging: machine.observation)
        machine.files = (0..<80).map { InventedMachine.file("/huge/\($0)x", inode: $0, [1]) }
        let text = DifferenceText(
            AuditDifference(from: before, to: AuditReport(judging: machine.observation)), isColoured: false
        ).text
        #expect(text.contains("and 70 more holders: --format json lists all"))
        #expect(text.split(separator: "\n").count < 60)
    }

    @Test(arguments: hostileNames) func documentKeepsNamesAsData(_ bytes: [UInt8], _: String) throws {
        let json = try DifferenceJSON(difference(named: bytes), version: "1").text
        let document = try DifferenceDocument(json)
        let name = String(decoding: bytes, as: UTF8.self)
        #expect(document.command?.arguments == ["prog", name])
        #expect(document.holders.map(\.name) == [name])
        #expect(document.processes.map(\.name) == [name])
        #expect(!json.unicodeScalars.contains { $0.value < 0x20 && $0 != "\n" })
    }

    @Test func documentHasAllFigures() throws {
        let document = try DifferenceDocument(DifferenceJSON(plain, version: "1").text)
        #expect(document.schema == "hugeaudit.diff/1")
        #expect(document.command?.status == 137)
        #expect(document.command?.signal == 9)
        #expect(document.command?.samples == 2)
        let row = try #require(document.pool(node: 1, InventedMachine.size.bytes))
        #expect([row.nr, row.free, row.mapped, row.held, row.poisoned, row.unexplained] == [0, -5, 0, 1, 0, 4])
        #expect([row.usedBefore, row.peak, row.atExit, row.usedAfter] == [0, 5, 5, 5])
        #expect(document.holders.map(\.change) == [3])
        #expect(document.processes.map(\.change) == [6 << 20])
        #expect(document.findings.map(\.id) == plain.findings.map(\.id.rawValue))
        #expect(document.verdict.summary == plain.verdict.summary)
    }

    /// With a command and without, with what is new and what is gone.
    @Test func documentsFitTheSchema() throws {
        let documents = [
            try DifferenceJSON(plain, version: "1").text,
            try DifferenceJSON(AuditDifference(from: plain.after, to: plain.before), version: "1").text,
        ]
        try expectFit(documents, "hugeaudit.diff/1", spoilt: ["\"change\"", "\"atExit\"", "\"command\""])
    }
}

/// The documents are as the schema says, and it notices a key that is missing.
func expectFit(_ documents: [String], _ schema: String, spoilt keys: [String]) throws {
    do {
        for document in documents {
            #expect(try SchemaCheck.complaints(about: document, against: schema) == "")
        }
        for key in keys {
            let wrong = documents[0].replacing(key, with: "\"other\"")
            #expect(try SchemaCheck.complaints(about: wrong, against: schema) != "", "\(key)")
        }
    } catch let reason as TestSupport.Holder.Unavailable { try Test.cancel("\(reason)") }
}
