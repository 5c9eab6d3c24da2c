import Audit
import Foundation
import TestSupport
import Testing

/// What the schemas that ship with the tool have in common.
@Suite struct SchemaTests {
    /// The value at the keys of `path`, or nothing comparable.
    private static func part(_ schema: String, _ path: String...) throws -> NSObject? {
        var value =
            try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: SchemaCheck.file(of: schema))))
            as? NSObject
        for key in path {
            if let list = value as? NSArray, let index = Int(key) {
                value = list[index] as? NSObject
            } else {
                value = (value as? NSDictionary)?[key] as? NSObject
            }
        }
        return value
    }

    /// A part that several documents have is described in the same words.
    @Test(
        arguments: [
            ("hugeaudit.leaks/1", ["tool", "host", "taken", "unread", "verdict", "findings"]),
            ("hugeaudit.diff/1", ["tool", "host", "verdict"]),
            ("hugeaudit.process/1", ["tool", "host", "unread", "verdict", "findings"]),
            ("hugeaudit.processes/1", ["tool", "host", "verdict"]),
        ]) func partsAreDescribedAlike(_ schema: String, _ parts: [String]) throws
    {
        for part in parts {
            let described = try #require(try Self.part("hugeaudit.report/1", "properties", part))
            #expect(try Self.part(schema, "properties", part) == described, "\(part)")
        }
    }

    @Test func theSummaryOfTrackIsDescribedAlike() throws {
        for part in ["tool", "host"] {
            let described = try #require(try Self.part("hugeaudit.report/1", "properties", part))
            #expect(try Self.part("hugeaudit.track/1", "oneOf", "1", "properties", part) == described, "\(part)")
        }
    }

    @Test func rowsThatChangeAreThoseOfTheReport() throws {
        for part in ["holders", "processes", "reservations"] {
            let row = try #require(try Self.part("hugeaudit.report/1", "properties", part, "items"))
            #expect(try Self.part("hugeaudit.diff/1", "properties", part, "items", "allOf", "0") == row, "\(part)")
        }
        let finding = try #require(try Self.part("hugeaudit.report/1", "properties", "findings", "items"))
        #expect(try Self.part("hugeaudit.diff/1", "properties", "findings", "items") == finding)
    }

    /// One of several processes is described as a single one.
    @Test func processesAreDescribedAlike() throws {
        let single = try #require(try Self.part("hugeaudit.process/1", "properties") as? [String: NSObject])
        let several = try #require(
            try Self.part("hugeaudit.processes/1", "properties", "processes", "items", "properties")
                as? [String: NSObject])
        #expect(Set(single.keys).subtracting(several.keys) == ["schema", "tool", "host"])
        for (name, described) in several where name != "mappings" { #expect(single[name] == described, "\(name)") }
        let mapping = try #require(try Self.part("hugeaudit.process/1", "properties", "mappings", "items"))
        #expect((several["mappings"] as? [String: NSObject])?["items"] == mapping)
    }

    @Test(arguments: ["hugeaudit.report/1", "hugeaudit.leaks/1", "hugeaudit.diff/1", "hugeaudit.process/1"])
    func everyFindingIsNamed(_ schema: String) throws {
        let names = try Self.part(schema, "properties", "findings", "items", "properties", "id", "examples")
        #expect(names as? [String] == Finding.ID.allCases.map(\.rawValue).sorted())
    }
}
