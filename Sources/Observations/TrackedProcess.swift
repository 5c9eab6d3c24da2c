public import PageModel

/// A process that is followed.
public struct TrackedProcess: Hashable, Sendable {
    public let host: HostObservation
    public let pid: PID
    public let name: ForeignText
    public init(host: HostObservation, pid: PID, name: ForeignText) {
        (self.host, self.pid, self.name) = (host, pid, name)
    }
}
