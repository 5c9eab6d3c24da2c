import FoundationEssentials
import Glibc
public import KernelFiles
public import Observations
import PageModel
import SystemPackage

/// A saved machine in one text file of `Tests/Fixtures`, written out as a folder for as long as this object lives.
///
/// After comment lines that say what the machine is and what is true of it, a file is a series of parts:
/// `== dir PATH`, `== text PATH` with the content as it is, `== hex PATH` with the content in hexadecimal, and
/// `== words PATH` with lines `FIRST COUNT STEP VALUE [VALUESTEP]`: COUNT words, each STEP after the last.
public final class FixtureTree: Sendable {
    public let root: KernelRoot
    /// Where it was written out.
    public var folder: String { root.directory.string }
    /// What the comment says is true, for each node and size: the judge of every figure.
    public let truth: [Pool: Truth]

    /// Unit: huge pages.
    public struct Truth: Hashable, Sendable {
        public var nr: UInt64
        public var free: UInt64
        public var surplus: UInt64
        public var mapped: UInt64
        public var unmapped: UInt64
        public var poisoned: UInt64
    }

    /// One file or folder of the tree.
    public struct Part {
        public enum Kind: String {
            case dir
            case text
            case hex
            case words
        }
        public var kind: Kind
        public var path: String
        public var body: String
    }

    /// - Parameter edit: makes another machine of the saved one, where none could be had to save.
    public init(_ name: String, edit: (inout [Part]) -> Void = { _ in }) throws {
        let file = FilePath(#filePath).removingLastComponent().removingLastComponent().appending(
            "Fixtures/\(name).tree")
        let text = try String(contentsOfFile: file.string, encoding: .utf8)
        let pieces = ("\n" + text).components(separatedBy: "\n== ")
        truth = Self.truth(in: pieces[0])
        var parts = try pieces.dropFirst().map { piece in
            let (head, body) = Self.halves(piece, at: "\n")
            let (kind, path) = Self.halves(head, at: " ")
            guard let kind = Part.Kind(rawValue: kind) else { throw FixtureError("\(name): == \(head)") }
            return Part(kind: kind, path: path, body: body.isEmpty ? "" : body + "\n")
        }
        edit(&parts)
        root = KernelRoot(FilePath(try Self.temporaryFolder()))
        for part in parts { try Self.write(part, below: root.directory) }
    }

    deinit { try? FileManager.default.removeItem(atPath: root.directory.string) }

    private static func halves(_ text: String, at separator: Character) -> (String, String) {
        guard let middle = text.firstIndex(of: separator) else { return (text, "") }
        return (String(text[..<middle]), String(text[text.index(after: middle)...]))
    }

    /// Lines such as `#   node1 2048kB: nr 8 free 5 surplus 0 mapped 3 in-use-unmapped 0 poisoned 0`.
    private static func truth(in comment: String) -> [Pool: Truth] {
        var truth: [Pool: Truth] = [:]
        for line in comment.split(separator: "\n") {
            let words = line.split(whereSeparator: { $0 == " " || $0 == "#" })
            guard words.count >= 14, words[0].hasPrefix("node"), let node = Int(words[0].dropFirst(4)),
                let kilobytes = UInt64(words[1].dropLast(3)), let size = PageSize(bytes: kilobytes * 1024)
            else { continue }
            let figure = { (name: Substring) in
                words.firstIndex(of: name).flatMap { UInt64(words[$0 + 1]) } ?? UInt64.max
            }
            truth[Pool(node: NodeID(node), size: size)] = Truth(
                nr: figure("nr"), free: figure("free"), surplus: figure("surplus"), mapped: figure("mapped"),
                unmapped: figure("in-use-unmapped"), poisoned: figure("poisoned"))
        }
        return truth
    }

    private static func temporaryFolder() throws -> String {
        var template = Array("/tmp/hugeaudit-fixture-XXXXXX".utf8CString)
        guard let path = mkdtemp(&template) else { throw Errno(rawValue: errno) }
        return String(cString: path)
    }

    private static func write(_ part: Part, below root: FilePath) throws {
        let path = root.appending(part.path)
        let folder = part.kind == .dir ? path : path.removingLastComponent()
        try FileManager.default.createDirectory(atPath: folder.string, withIntermediateDirectories: true)
        switch part.kind {
        case .dir: return
        case .text: try write(Array(part.body.utf8), to: path)
        case .hex:
            let digits = Array(part.body.filter(\.isHexDigit))
            let bytes = stride(from: 0, to: digits.count - 1, by: 2).compactMap {
                UInt8(String(digits[$0...($0 + 1)]), radix: 16)
            }
            try write(bytes, to: path)
        case .words: try writeWords(part.body, to: path)
        }
    }

    private static func write(_ bytes: [UInt8], to path: FilePath) throws {
        let file = try open(path)
        defer { try? file.close() }
        try file.writeAll(bytes)
    }

    private static func open(_ path: FilePath) throws -> FileDescriptor {
        try .open(path, .writeOnly, options: [.create, .truncate], permissions: .ownerReadWrite)
    }

    /// A file with holes where nothing was saved: large offsets cost no disk.
    private static func writeWords(_ body: String, to path: FilePath) throws {
        let file = try open(path)
        defer { try? file.close() }
        for line in body.split(separator: "\n") where !line.hasPrefix("#") {
            let numbers = line.split(separator: " ").map(parsedNumber)
            guard numbers.count >= 4 else { throw FixtureError("\(path): \(line)") }
            for index in 0..<numbers[1] {
                var word = numbers[3] &+ index &* (numbers.count > 4 ? numbers[4] : 0)
                let offset = Int64(numbers[0] + index * numbers[2]) * 8
                _ = try withUnsafeBytes(of: &word) { try file.writeAll(toAbsoluteOffset: offset, $0) }
            }
        }
    }

    static func parsedNumber(_ text: Substring) -> UInt64 {
        (text.hasPrefix("0x") ? UInt64(text.dropFirst(2), radix: 16) : UInt64(text)) ?? 0
    }
}

/// A fixture is not in the form that `FixtureTree` describes.
struct FixtureError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = "not a fixture tree: \(description)" }
}
