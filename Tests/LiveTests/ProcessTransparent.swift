import Foundation
import PageModel
import TestSupport
import Testing

/// What is said of transparent huge pages: whether they can be there, why not, and what is in them.
extension Live {
    private static let folder = "/sys/kernel/mm/transparent_hugepage"

    /// By the kernel's own word, and by our rules alone where smaps is not read, under settings of every kind.
    @Test(arguments: ["always", "madvise", "never"]) static func eligibilityAsTheKernelHasIt(_ enabled: String) throws {
        try skippingWhatCannotBeHad {
            let mixture = try Mixture([
                "thp", "thp-part", "thp-forgotten", "base", "zero-huge", "file", "shm", "shm-thp",
            ])
            for shared in ["never", "advise", "always", "deny"] {
                let settings = try MachineChange.settings([
                    ("\(folder)/enabled", enabled), ("\(folder)/shmem_enabled", shared),
                    ("\(folder)/hugepages-64kB/enabled", "never"),
                ])
                defer { settings.undo() }
                let said = try SmapsWitness.mappings(of: mixture.pid)
                try expectEligible(said, try LiveProcess(mixture.pid).report, "\(enabled), \(shared)")
                let withoutSmaps = try LiveProcess(mixture.pid, "--gentle").report
                try expectEligible(said, withoutSmaps, "\(enabled), \(shared), without smaps", isByRules: true)
            }
        }
    }

    private static func expectEligible(
        _ said: [UInt64: SmapsWitness], _ report: ProcessDocument, _ settings: String, isByRules: Bool = false
    ) throws {
        var judged = 0
        for mapping in report.mappings ?? [] {
            guard let transparent = mapping.transparent, let witness = said[mapping.first] else { continue }
            guard let isEligible = witness.isEligible else {
                throw Holder.Unavailable(description: "this kernel does not say THPeligible")
            }
            let word = transparent.eligibility
            // Advice that nobody read is not known, and a filesystem's mind is not either.
            if isByRules, ["unknown", "file"].contains(word) || witness.flags.contains("nh") { continue }
            #expect((word == "eligible") == isEligible, "\(settings): \(mapping.start) \(mapping.name): \(word)")
            if !isByRules { #expect((word == "disabled-by-advice") == witness.flags.contains("nh")) }
            if !isByRules, word == "not-advised" { #expect(!witness.flags.contains("hg")) }
            judged += 1
        }
        #expect(judged > 10)
    }

    /// Pages that were asked for while the settings forbade them, and then while they allow them.
    @Test static func askedForAndNotHad() throws {
        try skippingWhatCannotBeHad {
            let still = try MachineChange.settings([
                ("\(folder)/khugepaged/scan_sleep_millisecs", "600000"), ("\(folder)/enabled", "never"),
            ])
            defer { still.undo() }
            let holder = try Holder(["big", "--thp", "\(16 << 20)", "--base", "4096"])
            defer { holder.stop() }
            let part = try #require(holder.ready.parts["thp"])
            for (word, remedy) in [("never", "echo madvise > \(folder)/enabled"), ("madvise", "compact_memory")] {
                let settings = try MachineChange.settings([("\(folder)/enabled", word)])
                defer { settings.undo() }
                let process = try LiveProcess(holder.pids[0])
                #expect(process.status == 1)
                #expect(process.report.findings.map(\.id) == ["fallback-to-base"])
                let finding = try #require(process.report.findings.first)
                #expect(finding.severity == "warning" && finding.pages == 8 && finding.pageSize == 2 << 20)
                #expect(finding.remedy.contains(remedy))
                let mapping = try #require(process.report.mappings?.first { $0.first == part.lowerBound })
                #expect(mapping.hugeBytes == 0 && mapping.possibleHugeBytes == (word == "never" ? 0 : 16 << 20))
                #expect(mapping.transparent?.eligibility == (word == "never" ? "never" : "eligible"))
            }
        }
    }

    /// Pages become huge ones, and base pages again: each time told as they are.
    @Test static func collapsedAndSplit() throws {
        try skippingWhatCannotBeHad {
            let settings = try MachineChange.settings([("\(folder)/enabled", "madvise")])
            defer { settings.undo() }
            let holder = try Holder(["collapse", "--pages", "3"])
            defer { holder.stop() }
            let start = try #require(holder.ready["address"].flatMap { UInt64($0.dropFirst(2), radix: 16) })
            for kind in ["base", "thp", "base"] {
                let process = try LiveProcess(holder.pids[0])
                #expect(process.status == 0, "\(process.report.findings)")
                let mapping = try #require(process.report.mappings?.first { $0.first == start })
                let places = mapping.placements
                #expect(places.bytes() == 6 << 20 && places.allSatisfy { $0.content == "anonymous" })
                #expect(places.map(\.kind) == [kind], "\(places)")
                #expect(places.map(\.pages) == [kind == "thp" ? 3 : 1536])
                if kind == "thp" || places.map(\.pages) == [1536] { try? holder.step() }
            }
        }
    }

    /// Only where it is asked for; nothing that the process has changes by looking.
    @Test static func zerosInHugePages() throws {
        try skippingWhatCannotBeHad {
            let settings = try MachineChange.settings([("\(folder)/enabled", "madvise")])
            defer { settings.undo() }
            let holder = try Holder(["bloat", "--pages", "8"])
            defer { holder.stop() }
            let pid = holder.pids[0]
            guard holder.remarks.isEmpty else { throw Holder.Unavailable(description: holder.remarks) }
            #expect(try LiveProcess(pid).report.findings.isEmpty)
            let before = try KilobyteFields(pid, "smaps_rollup")
            let process = try LiveProcess(pid, "--inspect-content")
            let after = try KilobyteFields(pid, "smaps_rollup")
            #expect(after["Rss"] == before["Rss"] && after["AnonHugePages"] == before["AnonHugePages"])
            #expect(process.status == 1)
            #expect(process.report.findings.map(\.id) == ["thp-bloat"])
            let finding = try #require(process.report.findings.first)
            #expect(finding.severity == "warning")
            #expect(finding.evidence.map(\.says) == ["4088 of 4096 base pages in the sample are zero-filled"])
        }
    }
}
