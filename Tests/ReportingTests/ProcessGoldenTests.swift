import Audit
import Reporting
import Testing

/// The reports on processes, as a person read them before they were committed.
@Suite struct ProcessGoldenTests {
    @Test func oneProcess() throws {
        let report = ProcessReport(judging: database())
        try expect(ProcessText(report, isColoured: false).text, equals: "process-database.txt")
        try expect(ProcessJSON(report, version: "0.0.0").text, equals: "process-database.json")
        try expect(ProcessCSV([report]).text, equals: "process-database.csv")
    }

    @Test func allProcesses() throws {
        let list = someProcesses()
        try expect(table(list), equals: "processes-all.txt")
        try expect(table(list, isByNode: true), equals: "processes-by-node.txt")
        try expect(ProcessCSV(sumsOf: list.processes).text, equals: "processes-all.csv")
    }
}
