/// A command that was run between two audits, and how it ended.
public struct CommandRun: Hashable, Sendable {
    public enum Ending: Hashable, Sendable {
        case exited(status: Int32)
        case killed(signal: Int32)
    }
    /// The command's own name first.
    public var arguments: [ForeignText]
    public var ending: Ending
    public var durationSeconds: Double
    public var usage: PoolUsage

    public init(arguments: [ForeignText], ending: Ending, durationSeconds: Double, usage: PoolUsage) {
        (self.arguments, self.ending) = (arguments, ending)
        (self.durationSeconds, self.usage) = (durationSeconds, usage)
    }

    /// The command in a sentence, and in one line whatever is in it.
    public var shown: String { ForeignText(arguments.map(\.bytes).joined(separator: " ".utf8)).escaped(limit: 60) }

    /// As a shell tells it: 128 and the signal's number for a command that was killed.
    public var status: Int32 {
        switch ending {
        case .exited(let status): status
        case .killed(let signal): 128 &+ signal
        }
    }

    /// Nil where it ended by itself.
    public var signal: Int32? {
        switch ending {
        case .exited: nil
        case .killed(let signal): signal
        }
    }
}
