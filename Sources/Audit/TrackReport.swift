public import Observations
public import PageModel

/// Where the pages of a process went while it was followed.
public struct TrackReport: Sendable {
    /// Why it was followed no longer.
    public enum Ending: String, CaseIterable, Sendable {
        /// There were as many samples as were asked for, or so much time had passed.
        case done
        /// A signal.
        case interrupted
        /// The process ended.
        case ended
        /// The process became another program by execve(2).
        case replaced
    }

    public let process: TrackedProcess
    public let map: NodeMap
    public private(set) var samples: UInt64 = 0
    /// When the first and the last sample began. Unit: seconds since 1970, UTC; seconds.
    public private(set) var startedAt: Double?
    public private(set) var seconds = 0.0
    /// The longest that a sample took. Unit: seconds.
    public private(set) var longestSampleSeconds = 0.0
    /// The sums of all samples.
    public private(set) var flows: [PageFlow: PageCount] = [:]
    public private(set) var ending = Ending.done
    private var last: FrameSample?

    public init(_ process: TrackedProcess, map: NodeMap) { (self.process, self.map) = (process, map) }

    public var base: PageSize { process.host.basePageSize }
    /// Whether there were two samples, so that one could be held against the other.
    public var isCompared: Bool { samples > 1 }

    /// Nil for a sample that tells no more of this process: it has ended, or is another program.
    public mutating func add(_ sample: FrameSample) -> TrackStep? {
        switch sample.course {
        case .complete: break
        case .replaced:
            ending = .replaced
            return nil
        case .ended, .withoutMemory, .refused:
            ending = .ended
            return nil
        }
        var sample = sample
        let before = last ?? FrameSample(takenAt: sample.takenAt, secondsIn: 0)
        sample.settle(by: before)
        let change = last.map { FrameChange(from: $0, to: sample, base: base, map: map) }
        samples += 1
        (startedAt, seconds) = (startedAt ?? sample.takenAt, sample.secondsIn)
        longestSampleSeconds = max(longestSampleSeconds, sample.durationSeconds)
        for (flow, count) in change?.flows ?? [:] { flows[flow, default: PageCount()] += count }
        last = sample
        return TrackStep(number: samples, sample, change, base: base, map: map)
    }

    /// Ends by a signal, where nothing else has ended it.
    public mutating func interrupt() { if ending == .done { ending = .interrupted } }
}
