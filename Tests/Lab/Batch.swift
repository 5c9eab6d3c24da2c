import Foundation
import Synchronization

/// The scenarios of one topology on one kernel: they share a guest, one after the other.
struct Batch: Sendable {
    let kernel: Kernel
    let topology: Topology
    let scenarios: [Scenario]

    /// Those that spoil a guest come last in theirs. No batch is so long that others would have to wait for it alone.
    static func all(_ scenarios: [Scenario], on kernel: Kernel) -> [Batch] {
        let topologies = scenarios.map(\.topology).reduce(into: [Topology]()) { if !$0.contains($1) { $0.append($1) } }
        return topologies.flatMap { topology in
            let own = scenarios.filter { $0.topology == topology }
            let ordered = own.filter { !$0.spoilsGuest } + own.filter(\.spoilsGuest)
            return stride(from: 0, to: ordered.count, by: atMost).map { start in
                Batch(kernel: kernel, topology: topology, scenarios: Array(ordered[start...].prefix(atMost)))
            }
        }
    }

    private static let atMost = 24

    /// Plays all of them, each to its end. A scenario that fails or spoils its guest leaves none to the next.
    /// - Parameter done: told of each as it ends.
    func play(initramfs: String, done: (Result) -> Void) {
        var guest: Guest?
        var failure: (any Error)?
        for scenario in scenarios {
            let result: Result
            do {
                if let failure { throw failure }
                let stage = Stage(try guest ?? boot(initramfs))
                guest = stage.guest
                result = Self.play(scenario, on: stage)
            } catch {
                // What does not boot is not waited for again.
                failure = error
                result = Result(scenario: scenario.name, kernel: kernel.name, verdict: .failed(["\(error)"]))
            }
            if case .failed = result.verdict { guest = nil }
            if scenario.spoilsGuest { guest = nil }
            done(result)
        }
    }

    /// An old kernel may hang at its start under emulation while the host is busy: it gets a second try.
    private func boot(_ initramfs: String) throws -> Guest {
        do { return try Guest(kernel, topology, initramfs: initramfs) } catch {
            say("again  \(kernel.name)  \(topology.name): \(error)")
            return try Guest(kernel, topology, initramfs: initramfs)
        }
    }

    /// Plays one, and clears the stage.
    static func play(_ scenario: Scenario, on stage: Stage) -> Result {
        if let since = scenario.since, stage.kernel < since {
            let verdict = Verdict.tooOld("not before Linux \(since.major).\(since.minor)")
            return Result(scenario: scenario.name, kernel: stage.guest.kernel.name, verdict: verdict)
        }
        let start = ContinuousClock.now
        var failures: [String] = []
        var skip: String?
        do {
            do {
                try scenario.play(stage)
            } catch let reason as Skip {
                skip = reason.description
            }
            try stage.clear()
            if !scenario.spoilsGuest { try stage.expectAllFree() }
        } catch {
            failures = ["\(error)"]
        }
        failures = stage.failures + failures
        let verdict: Verdict =
            failures.isEmpty
            ? skip.map { .skipped($0) } ?? .passed : .failed(failures + ["console:\n" + stage.guest.consoleTail()])
        return Result(
            scenario: scenario.name, kernel: stage.guest.kernel.name, verdict: verdict, audits: stage.audits,
            seconds: start.duration(to: .now) / .seconds(1))
    }
}

/// Plays batches, some at a time, and returns what came out, in no order.
func playAll(_ batches: [Batch], atOnce: Int, initramfs: String, done: @Sendable (Result) -> Void) -> [Result] {
    let waiting = Mutex(ArraySlice(batches))
    let results = Mutex<[Result]>([])
    DispatchQueue.concurrentPerform(iterations: atOnce) { _ in
        while let batch = waiting.withLock({ $0.popFirst() }) {
            batch.play(initramfs: initramfs) { result in
                done(result)
                results.withLock { $0.append(result) }
            }
        }
    }
    return results.withLock { $0 }
}
