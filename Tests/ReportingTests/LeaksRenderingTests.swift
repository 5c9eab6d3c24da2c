import Audit
import Foundation
import Observations
import PageModel
import Reporting
import TestSupport
import Testing

private func report(_ change: (inout InventedMachine) -> Void) -> LeakReport {
    var machine = InventedMachine(nodes: 1)
    change(&machine)
    return LeakReport(AuditReport(judging: machine.observation))
}

/// A file and a memfd, both of that name and made by a user of that name, and a page without any.
private func report(named bytes: [UInt8]) -> LeakReport {
    report { machine in
        let files = [
            InventedMachine.file("", inode: 1, [2], since: 1_700_000_000),
            InventedMachine.file("", inode: 2, [3], kind: .memfd, openIn: [7]),
        ]
        machine.files = files.map { file in
            var file = file
            let name = ForeignText(bytes)
            (file.name, file.owner) = (name, name)
            file.path = file.path.map { _ in ForeignText("/huge/".utf8 + bytes) }
            return file
        }
        machine.nameless = [1]
    }
}

@Suite struct LeaksRenderingTests {
    private let plain = report(named: Array("plain".utf8))

    @Test(arguments: hostileNames) func textShowsNamesEscaped(_ bytes: [UInt8], _ shown: String) {
        let text = LeaksText(report(named: bytes), isColoured: false).text
        #expect(text.contains("orphan-file: \(shown): 4 MiB, no mapper, no descriptor\n"))
        #expect(text.contains("made by \(shown)\n"))
        #expect(text.unicodeScalars.allSatisfy { $0 == "\n" || !$0.properties.isBidiControl && $0.value >= 0x20 })
        let lines = LeaksText(plain, isColoured: false).text.split(separator: "\n").count
        #expect(text.split(separator: "\n").count == lines)
    }

    @Test func textIsAsAPersonReadsIt() {
        let text = LeaksText(plain, isColoured: false).text
        #expect(
            text.hasPrefix(
                """
                FINDINGS: 10 MiB in 1 file and 1 memfd, mapped by nobody; 1 page of 2 MiB (2 MiB) on node 0 that \
                nothing known holds.

                warning memfd-unmapped: plain: 6 MiB, no mapper, open in process 7
                  node 0: 3 x 2 MiB; since 1970-01-01T00:00:00Z, made by plain
                  To mend: kill 7  #
                """))
        #expect(
            text.contains(
                """


                warning orphan-file: plain: 4 MiB, no mapper, no descriptor
                  node 0: 2 x 2 MiB; since 2023-11-14T22:13:20Z, made by plain
                  To mend: rm -- /huge/plain  # frees 4 MiB; no process that was seen has it open or maps it; look first whose folders the path leads through

                warning unexplained-pages: 1 x 2 MiB (2 MiB) on node 0: no mapper, and no holder was found
                  To mend: 
                """))
        #expect(LeaksText(plain, isColoured: true).text.hasPrefix("\u{1b}[1;31mFINDINGS\u{1b}[0m: "))
    }

    /// Four thousand files alike are one line, and one command removes them.
    @Test func manyFilesAlikeAreOneLine() {
        let many = report { machine in
            machine.files = (0..<90).map { InventedMachine.file("/huge/rtemap_\($0)", inode: $0, [1]) }
        }
        let text = LeaksText(many, isColoured: false).text
        #expect(text.contains("orphan-file: /huge/rtemap_*: 90 files, 180 MiB, no mapper, no descriptor\n"))
        #expect(text.contains("To mend: rm -- /huge/rtemap_{0..89}  # frees 180 MiB; "))
        #expect(text.split(separator: "\n").count < 10)
    }

    @Test func manyFilesUnlikeAreCutOff() {
        let many = report { machine in
            machine.files = (0..<90).map { InventedMachine.file("/huge/\($0)x", inode: $0, [1]) }
        }
        #expect(LeaksText(many, isColoured: false).text.contains("and 50 more: --format json lists all\n"))
    }

    @Test(arguments: hostileNames) func documentKeepsNamesAsData(_ bytes: [UInt8], _: String) throws {
        let json = try LeaksJSON(report(named: bytes), version: "1").text
        let name = String(decoding: bytes, as: UTF8.self)
        #expect(try LeaksDocument(json).groups.map(\.name) == [name, name])
        #expect(!json.unicodeScalars.contains { $0.value < 0x20 && $0 != "\n" })
    }

    @Test func documentHasAllFigures() throws {
        let document = try LeaksDocument(LeaksJSON(plain, version: "1").text)
        #expect(document.schema == "hugeaudit.leaks/1")
        #expect(document.groups.map(\.kind) == ["memfd", "file"])
        #expect(document.groups.map(\.pages) == [3, 2])
        #expect(document.groups.map(\.bytes) == [6 << 20, 4 << 20])
        #expect(document.groups.map(\.pids) == [[7], []])
        #expect(document.groups.map(\.count) == [1, 1])
        #expect(document.groups.map(\.since) == ["1970-01-01T00:00:00Z", "2023-11-14T22:13:20Z"])
        #expect(document.unexplained.map(\.pages) == [1])
        #expect(document.findings.count == 3)
        #expect(document.verdict.summary == plain.verdict.summary)
    }

    @Test func documentsFitTheSchema() throws {
        let documents = try [plain, report { _ in }].map { try LeaksJSON($0, version: "1").text }
        try expectFit(documents, "hugeaudit.leaks/1", spoilt: ["\"count\"", "\"since\"", "\"unexplained\""])
    }
}
