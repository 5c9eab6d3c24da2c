import Foundation

/// The JSON of an audit, by the names that other programs rely on. Decoding fails where one is missing.
public struct ReportDocument: Decodable, Equatable {
    public struct Taken: Decodable, Equatable {
        public let at: String
        public let durationSeconds: Double
        public let passes: Int
        public let settled: Bool
        public let view: String
        public let comparedWithLibnuma: UInt64
    }
    public struct Verdict: Decodable, Equatable {
        public let level: String
        public let summary: String
    }
    public struct Unread: Decodable, Equatable {
        public let what: String
        public let path: String
        public let reason: String
        public let remedy: String
    }
    public struct Node: Decodable, Equatable {
        public let node: Int
        public let memoryBytes: UInt64
        public let freeBytes: UInt64
        public let cpus: String
        public let distances: [Int]
    }
    public struct Pool: Decodable, Equatable {
        public let node: Int
        public let pageSize: UInt64
        public let nr: UInt64?
        public let free: UInt64?
        public let surplus: UInt64?
        public let mapped: UInt64?
        public let held: UInt64?
        public let poisoned: UInt64?
        public let unexplained: Int64?
        public let heads: UInt64?
    }
    public struct Total: Decodable, Equatable {
        public let pageSize: UInt64
        public let nr: UInt64?
        public let free: UInt64?
        public let reserved: Int64?
        public let surplus: UInt64?
        public let overcommit: UInt64?
        public let available: UInt64?
        public let mapped: UInt64?
        public let held: UInt64?
        public let poisoned: UInt64?
        public let unexplained: Int64?
    }
    public struct Placement: Decodable, Equatable {
        public let node: Int?
        public let pageSize: UInt64
        public let kind: String
        public let pages: UInt64
    }
    public struct Container: Decodable, Equatable {
        public let id: String
        public let runtime: String?
    }
    public struct Process: Decodable, Equatable {
        public let pid: Int32
        public let siblings: [Int32]
        public let name: String
        public let command: String
        public let user: String
        public let cgroup: String
        public let unit: String?
        public let container: Container?
        public let pod: String?
        public let hugetlbBytes: UInt64?
        public let placements: [Placement]
    }
    public struct Holder: Decodable, Equatable {
        public struct Place: Decodable, Equatable {
            public let node: Int
            public let pages: UInt64
        }
        public let kind: String
        public let name: String
        public let pageSize: UInt64
        public let pages: UInt64
        public let nodes: [Place]?
        public let pids: [Int32]
        public let inode: UInt64?
        public let since: String?
        /// In the file, mapped or not.
        public let total: UInt64?
        public let path: String?
        public let user: String?
    }
    public struct Reservation: Decodable, Equatable {
        public let kind: String
        public let name: String
        public let pid: Int32?
        public let pageSize: UInt64
        public let pages: UInt64
    }
    public struct Finding: Decodable, Equatable {
        public struct Evidence: Decodable, Equatable {
            public let witness: String
            public let path: String
            public let says: String
        }
        public let id: String
        public let severity: String
        public let node: Int?
        public let pageSize: UInt64?
        public let pages: UInt64?
        public let bytes: UInt64?
        public let message: String
        public let evidence: [Evidence]
        public let remedy: String
    }
    public let schema: String
    public let taken: Taken
    public let unread: [Unread]
    public let verdict: Verdict
    public let nodes: [Node]
    public let pools: [Pool]
    public let totals: [Total]
    public let processes: [Process]
    public let holders: [Holder]
    public let reservations: [Reservation]
    public let findings: [Finding]

    public init(_ json: String) throws { self = try JSONDecoder().decode(Self.self, from: Data(json.utf8)) }

    /// The row of one node and size.
    public func pool(node: Int = 0, _ bytes: UInt64) -> Pool? {
        pools.first { $0.node == node && $0.pageSize == bytes }
    }
}
