/// One thing that must be true of the tool, played in a guest.
struct Scenario: Sendable {
    let name: String
    /// What it shows, in a few words.
    let what: String
    let topology: Topology
    /// Played on the newest kernel in the default set, too.
    let isCore: Bool
    /// What it leaves cannot be undone: no other scenario may follow in the same guest.
    let spoilsGuest: Bool
    /// Older kernels have no such thing.
    let since: KernelVersion?
    let play: @Sendable (Stage) throws -> Void

    init(
        _ name: String, _ what: String, on topology: Topology = .fourNodes, core: Bool = false,
        spoilsGuest: Bool = false, since: KernelVersion? = nil,
        play: @escaping @Sendable (Stage) throws -> Void
    ) {
        (self.name, self.what, self.topology, isCore) = (name, what, topology, core)
        (self.spoilsGuest, self.since, self.play) = (spoilsGuest, since, play)
    }

    static let all =
        pools + files + memfds + segments + pins + sharing + reservations + placement + gigantic + trouble
        + topologies + shortfalls + tracks + policies + distances + processMemory + processMotion
}

/// How a scenario came out.
enum Verdict: Sendable, Equatable {
    case passed
    /// A line for each thing that is not true, and the console's last lines.
    case failed([String])
    case skipped(String)
    /// The kernel is older than what it shows.
    case tooOld(String)
}

/// One scenario on one kernel.
struct Result: Sendable {
    let scenario: String
    let kernel: String
    let verdict: Verdict
    var audits = 0
    var seconds = 0.0
}
