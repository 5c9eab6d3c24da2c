import Audit
import Foundation
import Observations
import PageModel
import Reporting
import TestSupport
import Testing

private func csv(named name: String) -> String {
    ProcessCSV([ProcessReport(judging: database(named: ForeignText(name)))]).text
}

@Suite struct ProcessCSVTests {
    @Test func rowsAreMappingsByWhatIsAlike() {
        let lines = csv(named: "postgres").split(separator: "\n").map(String.init)
        #expect(
            lines.prefix(3) == [
                "pid,name,start,end,mapping,permissions,policy,node,kind,pageSize,content,pages,bytes",
                #"4711,"postgres",0x555555554000,0x555555954000,"/opt/postgres","r-xp","default",0,base,4096,file,512,2097152"#,
                #"4711,"postgres",0x555556000000,0x555557000000,"[heap]","rw-p","default",0,thp,2097152,anonymous,3,5242880"#,
            ])
        #expect(lines.count == 11)
    }

    @Test func sumsHaveNoAddresses() {
        let lines = ProcessCSV(sumsOf: [ProcessReport(judging: database())]).text.split(separator: "\n")
        #expect(lines[0] == "pid,name,node,kind,pageSize,content,pages,bytes")
        #expect(lines[1] == #"4711,"postgres",0,hugetlb,1073741824,shared,1,1073741824"#)
        #expect(lines.contains(#"4711,"postgres",1,base,4096,anonymous,64,262144"#))
    }

    /// Another program's reader finds each name as it was, in its own field.
    @Test(
        arguments: [
            "a,b", "say \"no\"", "two\nlines", "=cmd|' /C calc'!A0", "+1", "-1", "@x", ",\",\"\"\n\"", "größe 大", "",
            "tab\tand\rreturn", " blank ", "'quoted'",
        ]) func namesAreData(_ name: String) throws
    {
        #expect(try Self.fields(csv(named: name), column: 1) == Array(repeating: name, count: 10))
        #expect(try Self.fields(csv(named: name), column: 4).first == "/opt/\(name)")
    }

    /// What RFC 4180 has no place for does not reach a terminal either.
    @Test func controlCharactersAreReplaced() throws {
        let text = csv(named: "\u{1b}[31m\0\u{7f}\u{9b}x")
        let isClean = text.unicodeScalars.allSatisfy { $0 == "\n" || $0.properties.generalCategory != .control }
        #expect(isClean)
        #expect(try Self.fields(text, column: 1).first == "\u{fffd}[31m\u{fffd}\u{fffd}\u{fffd}x")
    }

    /// A column without its title, as Python's reader has it; each row must be as long as the first.
    private static func fields(_ text: String, column: Int) throws -> [String] {
        let file = temporaryPath("csv")
        defer { try? FileManager.default.removeItem(atPath: file) }
        try text.write(toFile: file, atomically: true, encoding: .utf8)
        let program = """
            import csv, json, sys
            rows = list(csv.reader(open(sys.argv[1], newline='', encoding='utf-8'), strict=True))
            assert {len(row) for row in rows} == {13}, rows
            print(json.dumps([row[int(sys.argv[2])] for row in rows[1:]]))
            """
        let outcome = try run("/usr/bin/python3", ["-c", program, file, "\(column)"])
        #expect(outcome.status == 0, "\(outcome.errors)")
        return try JSONDecoder().decode([String].self, from: Data(outcome.output.utf8))
    }
}
