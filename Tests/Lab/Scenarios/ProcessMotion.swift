import TestSupport

extension Scenario {
    /// Processes whose pages move, and processes that end, become others or fork while they are looked at.
    static let processMotion = [
        Scenario("pages-moved", "pages that move from node to node while their process runs") { stage in
            try stage.beginProcesses()
            for memory in Memory.allCases {
                let holder = try stage.hold("migrate --memory \(memory) --pages 4 --node 2,1,3 --cpu 0 --rule default")
                for node in [2, 1, 3] {
                    let severity = node == 1 ? "warning" : "note"
                    try stage.expect(
                        ProcessTruth(
                            stretches: [holder.stretch(memory, "default", [node: 4])],
                            findings: [.away(memory, node: node, 4, severity)].compactMap { $0 }),
                        of: holder)
                    if node != 3 { try holder.step() }
                }
                try holder.quit()
            }
        },
        Scenario("pages-moving", "looks at pages that move without a rest") { stage in
            try stage.beginProcesses()
            let holder = try stage.hold("migrating --memory base --pages 256 --node 2,1,3 --cpu 0")
            for _ in 0..<4 {
                let look = try stage.look(at: holder)
                let process = look.process
                let kinds = Set(process.findings.map(\.id)).subtracting(["policy-violated"])
                stage.expect(kinds.isEmpty && process.course == "complete", "\(process.course) \(process.findings)")
                let within = (process.mappings ?? []).filter { $0.start == "0x" + String(holder.address, radix: 16) }
                let bytes = within.reduce(0) { $0 + $1.residentBytes }
                let isAll = bytes <= 256 * basePage && bytes + (process.movingBytes ?? 0) >= 256 * basePage
                stage.expect(isAll, "\(bytes) bytes of \(256 * basePage), \(process.movingBytes as Any) moving")
            }
        },
        racing("exit", "a process that ends", "exit", course: "ended"),
        racing("exec", "a process that becomes another program", "exec", course: "replaced"),
        racing("fork", "a process that forks", "fork-later", course: "complete"),
        Scenario("process-storm", "looks at all processes while some come, fork and end without a rest") { stage in
            try stage.beginProcesses()
            let storm = try stage.hold("fork-storm --children 4 --touch 3")
            for _ in 0..<3 {
                let answer = try stage.guest.order("hugeaudit process --all --format json 2>&1", seconds: 90)
                let list = try ProcessListDocument(answer.output)
                let bad = list.processes.flatMap(\.findings).filter { $0.severity == "error" }
                stage.expect(bad.isEmpty, "\(bad)")
                stage.expect([0, 1, 3].contains(answer.status), "exit status \(answer.status)")
                let own = list.processes.first { $0.pid == storm.pid }
                stage.expect(own?.course == "complete", "\(storm.pid): \(own as Any)")
            }
            try storm.quit()
        },
    ]

    /// The holder's change comes when its page tables are open and before the look at it is over.
    private static func racing(_ name: String, _ what: String, _ kind: String, course: String) -> Scenario {
        Scenario("process-" + name, "\(what) while it is looked at") { stage in
            try stage.beginProcesses()
            var tries = 0
            var isCaught = false
            while !isCaught {
                tries += 1
                guard tries <= 10 else { throw Failure("never caught in the middle") }
                let holder = try stage.hold("\(kind) --memory base --pages 4096 --cpu 0")
                let answer = try stage.guest.order(
                    "race \(holder.pid) \(holder.name) \(course == "ended" ? "end" : "")", seconds: 90)
                let parts = answer.output.split(separator: /(?m)^@@/, omittingEmptySubsequences: false)
                guard parts.count == 3 else { throw Failure("no answer of a race: \(answer.output.prefix(500))") }
                guard parts[0].contains("caught") else { continue }
                let process = try ProcessDocument(String(parts[1]))
                // It may have come to the end of the page tables already, and not have closed them yet.
                isCaught = process.course != "complete" || course == "complete"
                guard isCaught else { continue }
                stage.expect(process.course == course, "course \(process.course)")
                let told = process.findings.map { "\($0.id) \($0.severity)" }
                let isWhole = course == "complete"
                stage.expect(told == (isWhole ? [] : ["partial-view note"]), "\(process.findings)")
                let status = parts[2].split(separator: "\n").last
                stage.expect(status == (isWhole ? "0" : "3"), "exit status \(status as Any)")
            }
        }
    }
}
