import Foundation

/// The JSON of `hugeaudit process`, by the names that other programs rely on. Decoding fails where one is missing.
public struct ProcessDocument: Decodable, Equatable {
    public struct Placement: Decodable, Equatable {
        public let node: Int?
        public let kind: String?
        public let pageSize: UInt64
        /// Nil also of sums over mappings.
        public let content: String?
        public let pages: UInt64
        public let bytes: UInt64
    }
    public struct Mapping: Decodable, Equatable {
        public struct Place: Decodable, Equatable {
            public let node: Int
            public let bytes: UInt64
        }
        public struct Transparent: Decodable, Equatable {
            public let eligibility: String
            public let reason: String
        }
        public let start: String
        public let end: String
        public let sizeBytes: UInt64
        public let name: String
        public let permissions: String
        public let kind: String?
        public let pageSize: UInt64?
        public let policy: String?
        public let policyNodes: [Int]?
        public let placements: [Placement]
        public let misplaced: [Place]
        public let transparent: Transparent?
        public let hugeBytes: UInt64?
        public let possibleHugeBytes: UInt64?
        public let residentBytes: UInt64
        public let uniqueBytes: UInt64?
        public let sharedBytes: UInt64?
        public let proportionalBytes: UInt64?
        public let swappedBytes: UInt64?
    }
    public struct Frames: Decodable, Equatable {
        public struct Row: Decodable, Equatable {
            public let flags: String
            public let names: [String]
            public let pages: UInt64
        }
        public let heads: UInt64
        public let tails: UInt64
        public let huge: UInt64
        public let thp: UInt64
        public let headTailMismatch: UInt64
        public let wordsRead: UInt64
        public let rows: [Row]?
    }
    public struct LastUse: Decodable, Equatable {
        public let cpu: Int
        public let threads: UInt64
    }
    public struct Device: Decodable, Equatable {
        public let name: String
        public let path: String
        public let node: Int?
    }
    public struct Taken: Decodable, Equatable {
        public let at: String?
        public let durationSeconds: Double
        public let view: String
        public let classified: Bool
        public let comparedWithLibnuma: UInt64
        public let longestReadSeconds: Double
    }
    /// Nil in a list of processes, which has it once.
    public let schema: String?
    public let taken: Taken
    public let unread: [ReportDocument.Unread]
    public let verdict: ReportDocument.Verdict
    public let pid: Int32
    public let name: String
    public let command: String
    public let user: String
    public let cgroup: String
    public let course: String
    public let withoutMemoryAs: String?
    public let placements: [Placement]
    /// Nil in a list of all processes.
    public let mappings: [Mapping]?
    public let frames: Frames?
    public let residentBytes: UInt64?
    public let uniqueBytes: UInt64?
    public let sharedBytes: UInt64?
    public let proportionalBytes: UInt64?
    public let hugetlbUniqueBytes: UInt64?
    public let hugetlbSharedBytes: UInt64?
    public let pmdMappedBytes: UInt64?
    public let swappedBytes: UInt64?
    public let zeroBytes: UInt64?
    public let movingBytes: UInt64?
    public let reservedBytes: UInt64?
    public let hiddenBytes: UInt64?
    public let hugetlbBytes: UInt64?
    public let rssBytes: UInt64?
    public let cpusAllowed: String
    public let cpusLastUsed: [LastUse]
    public let nodesOfAllowedCPUs: [Int]
    public let nodesOfUsedCPUs: [Int]
    public let nodesAllowed: [Int]
    public let devices: [Device]
    public let findings: [ReportDocument.Finding]

    public init(_ json: String) throws { self = try JSONDecoder().decode(Self.self, from: Data(json.utf8)) }
}

/// The JSON of `hugeaudit process` where it is about several.
public struct ProcessListDocument: Decodable, Equatable {
    public struct Taken: Decodable, Equatable {
        public let longestReadSeconds: Double
        public let view: String
    }
    public let schema: String
    public let taken: Taken
    public let verdict: ReportDocument.Verdict
    public let processes: [ProcessDocument]

    public init(_ json: String) throws { self = try JSONDecoder().decode(Self.self, from: Data(json.utf8)) }
}
