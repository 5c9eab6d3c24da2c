import Foundation

/// The JSON of `hugeaudit run`, by the names that other programs rely on. Decoding fails where one is missing.
public struct DifferenceDocument: Decodable, Equatable {
    public struct Command: Decodable, Equatable {
        public let arguments: [String]
        public let status: Int32
        public let signal: Int32?
        public let durationSeconds: Double
        public let samples: UInt64
    }
    public struct Side: Decodable, Equatable {
        public let settled: Bool
        public let view: String
        public let verdict: ReportDocument.Verdict
    }
    public struct Pool: Decodable, Equatable {
        public let node: Int
        public let pageSize: UInt64
        public let nr: Int64?
        public let free: Int64?
        public let mapped: Int64?
        public let held: Int64?
        public let poisoned: Int64?
        public let unexplained: Int64?
        public let usedBefore: UInt64?
        public let peak: UInt64?
        public let atExit: UInt64?
        public let usedAfter: UInt64?
    }
    public struct Holder: Decodable, Equatable {
        public let change: Int64
        public let kind: String
        public let name: String
        public let pages: UInt64
        public let nodes: [ReportDocument.Holder.Place]?
        public let pids: [Int32]
    }
    public struct Process: Decodable, Equatable {
        public let change: Int64
        public let pid: Int32
        public let name: String
    }
    public struct Reservation: Decodable, Equatable {
        public let change: Int64
        public let kind: String
        public let pages: UInt64
    }
    public let schema: String
    public let command: Command?
    public let before: Side
    public let after: Side
    public let pools: [Pool]
    public let holders: [Holder]
    public let processes: [Process]
    public let reservations: [Reservation]
    public let verdict: ReportDocument.Verdict
    public let findings: [ReportDocument.Finding]

    public init(_ json: String) throws { self = try JSONDecoder().decode(Self.self, from: Data(json.utf8)) }

    /// The row of one node and size.
    public func pool(node: Int = 0, _ bytes: UInt64) -> Pool? {
        pools.first { $0.node == node && $0.pageSize == bytes }
    }
}
