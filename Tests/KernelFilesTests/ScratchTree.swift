import FoundationEssentials
import Glibc
import KernelFiles
import Observations
import SystemPackage

@testable import KernelFiles

/// A root with only the files that one test writes, for as long as this object lives.
final class ScratchTree {
    let root: KernelRoot

    init(_ files: [String: [UInt8]] = [:], folders: [String] = []) throws {
        var template = Array("/tmp/hugeaudit-scratch-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Errno(rawValue: errno) }
        root = KernelRoot(FilePath(platformString: template))
        for folder in folders { try make(folder) }
        for (path, content) in files { try write(path, content) }
    }

    deinit { try? FileManager.default.removeItem(atPath: root.directory.string) }

    func make(_ folder: String) throws {
        try FileManager.default.createDirectory(
            atPath: root.path(folder).string, withIntermediateDirectories: true)
    }

    func write(_ path: String, _ content: [UInt8]) throws {
        let path = root.path(path)
        try FileManager.default.createDirectory(
            atPath: path.removingLastComponent().string, withIntermediateDirectories: true)
        let options: FileDescriptor.OpenOptions = [.create, .truncate]
        let file = try FileDescriptor.open(path, .writeOnly, options: options, permissions: .ownerReadWrite)
        defer { try? file.close() }
        try file.writeAll(content)
    }

    /// A symbolic link that says `text`.
    func link(_ path: String, to text: String) throws {
        let path = root.path(path)
        try FileManager.default.createDirectory(
            atPath: path.removingLastComponent().string, withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(atPath: path.string, withDestinationPath: text)
    }
}

/// The bytes of a string, as a kernel file holds them.
func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

/// The words as they lie in a file.
func bytes(words: [UInt64]) -> [UInt8] { words.flatMap { word in withUnsafeBytes(of: word) { Array($0) } } }

/// One line, as its reader hands it to a parser.
func line(_ text: String) -> TextLine { TextLine(bytes(text)[...], number: 1) }

/// The error that `parse` throws; nil where it gives a value.
func formatError<Value>(_ parse: () throws(FormatError) -> Value) -> FormatError? {
    do {
        _ = try parse()
        return nil
    } catch { return error }
}

/// The error that a reader throws; nil where it gives a value.
func fileError<Value>(_ read: () throws(KernelFileError) -> Value) -> KernelFileError? {
    do {
        _ = try read()
        return nil
    } catch { return error }
}
