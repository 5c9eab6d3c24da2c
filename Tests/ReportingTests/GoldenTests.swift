import Audit
import Foundation
import KernelFiles
import Observations
import PageModel
import Reporting
import TestSupport
import Testing

/// The reports on saved machines, as a person read them before they were committed. `UPDATE_GOLDEN=1 swift test` writes
/// them anew, and the difference is the review.
struct GoldenTests {
    static let saved = [
        "four-nodes-5.10", "four-nodes-6.1", "four-nodes-6.12", "four-nodes-7.2", "gigantic-6.1", "leak-6.1",
        "memoryless-5.10", "memoryless-6.1", "poisoned-5.10", "poisoned-7.2", "straddle-6.1", "surplus-6.1",
        "underflow-7.2",
    ]
    private static let derived: [String: @Sendable () throws -> FixtureTree] = [
        "node-gaps": { try .nodeGaps() },
        "no-hotplug": { try .withoutMemoryBlocks("straddle-6.1") },
        "hidden-frames": { try .hiddenFrames() },
        "no-frames": { try .withoutFrames() },
    ]

    @Test(arguments: saved + derived.keys.sorted()) func reportIsTheGoldenOne(_ name: String) throws {
        let tree = try Self.derived[name]?() ?? FixtureTree(name)
        let report = try Self.report(tree)
        let place = tree.folder
        try expect(AuditText(report, isColoured: false).text.replacing(place, with: ""), equals: "\(name).txt")
        try expect(AuditJSON(report, version: "0.0.0").text.replacing(place, with: ""), equals: "\(name).json")
    }

    /// Every golden document is as the schema says, and the schema notices what is not.
    @Test func documentsFitTheSchema() throws {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "Golden")
        let files = try FileManager.default.contentsOfDirectory(atPath: folder.path)
            .filter { $0.hasSuffix(".json") && !$0.hasPrefix("process") }
        do {
            #expect(try SchemaCheck.complaints(about: files.map { folder.appending(path: $0).path }).isEmpty)
            let document = try String(contentsOf: folder.appending(path: "leak-6.1.json"), encoding: .utf8)
            let spoilt = [("\"nr\" : 8", "\"nr\" : \"8\""), ("\"heads\"", "\"head\""), ("\"findings\",", "\"fine\",")]
            for (right, wrong) in spoilt {
                #expect(
                    !(try SchemaCheck.complaints(about: document.replacing(right, with: wrong)).isEmpty), "\(wrong)")
            }
        } catch let reason as TestSupport.Holder.Unavailable { try Test.cancel("\(reason)") }
        #expect(files.count >= Self.saved.count)
    }

    /// As a live audit would be taken, with the clock stopped.
    static func report(_ tree: FixtureTree) throws -> AuditReport {
        let machine = try HugetlbMachine(tree.root)
        var observation = machine.observe { Settling($0, nodes: machine.nodes, host: machine.host).next }
        (observation.takenAt, observation.durationSeconds) = (1_800_000_000, 0.0125)
        for index in observation.passes.indices { observation.passes[index].census?.durationSeconds = 0.0025 }
        return AuditReport(judging: observation)
    }
}

/// The text is what the file in `Golden` has.
func expect(_ text: String, equals file: String) throws {
    let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "Golden/\(file)")
    if ProcessInfo.processInfo.environment["UPDATE_GOLDEN"] != nil {
        try text.write(to: path, atomically: true, encoding: .utf8)
    }
    #expect(try text == String(contentsOf: path, encoding: .utf8), "\(file)")
}
