import Foundation

/// The JSON Lines of `hugeaudit track`, by the names that other programs rely on. Decoding fails where one is missing.
public struct TrackDocument {
    public struct Count: Decodable, Equatable {
        public let pages: UInt64
        public let bytes: UInt64
        public let hugePages: UInt64
    }
    public struct Flow: Decodable, Equatable {
        public let kind: String
        public let from: Int?
        public let to: Int?
        public let pages: UInt64
        public let bytes: UInt64
        public let hugePages: UInt64
    }
    public struct Range: Decodable, Equatable {
        public let start: String
        public let end: String
        public let kind: String
        public let from: Int?
        public let to: Int?
    }
    public struct Node: Decodable, Equatable {
        public let node: Int?
        public let pages: UInt64
        public let bytes: UInt64
        public let hugePages: UInt64
    }
    public struct Sample: Decodable, Equatable {
        public let schema: String
        public let pid: Int32
        public let sample: UInt64
        public let resident: Count
        public let nodes: [Node]
        public let changes: [Flow]?
        public let ranges: [Range]?
        public let rangesLeftOut: UInt64?
    }
    public struct Summary: Decodable, Equatable {
        public struct Taken: Decodable, Equatable {
            public let seconds: Double
            public let samples: UInt64
            public let longestSampleSeconds: Double
        }
        public let schema: String
        public let pid: Int32
        public let name: String
        public let taken: Taken
        public let ending: String
        public let changes: [Flow]?
        public let totals: [String: Count]?
    }
    private struct Kind: Decodable { let kind: String }

    public private(set) var samples: [Sample] = []
    public let summary: Summary

    /// Throws, too, where the last line is no summary.
    public init(_ lines: String) throws {
        var documents = lines.split(separator: "\n").map { Data($0.utf8) }
        let last = documents.popLast() ?? Data()
        summary = try Self.decoded(last, "summary")
        samples = try documents.map { try Self.decoded($0, "sample") }
    }

    private static func decoded<Line: Decodable>(_ line: Data, _ kind: String) throws -> Line {
        guard try JSONDecoder().decode(Kind.self, from: line).kind == kind else {
            throw DecodingError.dataCorrupted(.init(codingPath: [], debugDescription: "a line is no \(kind)"))
        }
        return try JSONDecoder().decode(Line.self, from: line)
    }
}
