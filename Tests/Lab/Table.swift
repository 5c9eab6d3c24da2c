import Foundation

/// Scenario × kernel: how each came out, as Markdown.
struct Table {
    /// What was run.
    let command: String
    var results: [Result] = []
    var seconds = 0.0
    private var kernels: [(name: String, package: String)] = []
    private var absent: [(name: String, reason: String)] = []

    init(command: String) { self.command = command }

    mutating func add(_ kernel: Kernel) { kernels.append((kernel.name, kernel.package)) }

    mutating func skip(kernel name: String, _ reason: String) { absent.append((name, reason)) }

    var hasAbsent: Bool { !absent.isEmpty }

    /// Nothing failed, and nothing was skipped on the kernel that is always there.
    var isGood: Bool {
        results.allSatisfy { result in
            switch result.verdict {
            case .passed, .tooOld: true
            case .failed: false
            case .skipped: result.kernel != Kernel.always
            }
        } && !absent.contains { $0.name == Kernel.always }
    }

    var markdown: String {
        let names = kernels.map(\.name)
        let rows = Scenario.all.compactMap { scenario -> String? in
            let cells = names.map { cell(scenario.name, $0) }
            guard cells.contains(where: { !$0.isEmpty }) else { return nil }
            return "| `\(scenario.name)` | \(scenario.what) | \(scenario.topology.name) | "
                + cells.joined(separator: " | ") + " |"
        }
        let audits = results.reduce(0) { $0 + $1.audits }
        return """
            # Kernels

            \(Date.now.ISO8601Format().prefix(10)). Made by `\(command)` in \(Int(seconds)) s: \(counts). \
            \(audits) audits, each compared with what was made to be true before it and with the \
            counters of the guest's kernel.

            | scenario | what it shows | machine | \(names.joined(separator: " | ")) |
            |---|---|---|\(String(repeating: "---|", count: names.count))
            \(rows.joined(separator: "\n"))

            \((kernels.map { "- \($0.name): `\($0.package)`" } + absent.map { "- \($0.name): skipped: \($0.reason)" })
                .joined(separator: "\n"))
            \(reasons)
            """
    }

    private func cell(_ scenario: String, _ kernel: String) -> String {
        switch results.first(where: { $0.scenario == scenario && $0.kernel == kernel })?.verdict {
        case .passed: "pass"
        case .failed: "**FAIL**"
        case .skipped, .tooOld: "skip"
        case nil: ""
        }
    }

    private var counts: String {
        let failed = count { if case .failed = $0 { true } else { false } }
        let passed = count { $0 == .passed }
        let skipped = results.count - failed - passed
        return "\(passed) passed, \(failed) failed, \(skipped) skipped"
    }

    private func count(_ isMeant: (Verdict) -> Bool) -> Int { results.count { isMeant($0.verdict) } }

    /// Of the skips and failures.
    private var reasons: String {
        results.compactMap { result in
            switch result.verdict {
            case .passed: nil
            case .skipped(let reason), .tooOld(let reason):
                "- `\(result.scenario)` on \(result.kernel), skipped: \(reason)"
            case .failed(let failures):
                "- `\(result.scenario)` on \(result.kernel), failed: \(failures.first?.prefix { $0 != "\n" } ?? "")"
            }
        }.sorted().joined(separator: "\n")
    }
}

extension Result {
    /// For the log, as it ends.
    var line: String {
        let took = String(format: "%.1f s, %d audits", seconds, audits)
        switch verdict {
        case .passed: return "pass  \(kernel)  \(scenario)  (\(took))"
        case .skipped(let reason), .tooOld(let reason): return "skip  \(kernel)  \(scenario): \(reason)"
        case .failed(let failures):
            return "FAIL  \(kernel)  \(scenario)  (\(took))\n" + failures.map { "      " + $0 }.joined(separator: "\n")
        }
    }
}
