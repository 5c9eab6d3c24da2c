import Foundation

/// The JSON of `hugeaudit leaks`, by the names that other programs rely on. Decoding fails where one is missing.
public struct LeaksDocument: Decodable, Equatable {
    public struct Group: Decodable, Equatable {
        public let kind: String
        public let name: String
        public let count: Int
        public let pageSize: UInt64
        public let pages: UInt64
        public let bytes: UInt64
        public let nodes: [ReportDocument.Holder.Place]?
        public let pids: [Int32]
        public let since: String?
        public let finding: String
        public let severity: String
        public let remedy: String
    }
    public struct Nameless: Decodable, Equatable {
        public let node: Int?
        public let pageSize: UInt64
        public let pages: UInt64
    }
    public let schema: String
    public let taken: ReportDocument.Taken
    public let unread: [ReportDocument.Unread]
    public let verdict: ReportDocument.Verdict
    public let groups: [Group]
    public let unexplained: [Nameless]
    public let findings: [ReportDocument.Finding]

    public init(_ json: String) throws { self = try JSONDecoder().decode(Self.self, from: Data(json.utf8)) }
}
