public import Foundation
import SystemPackage

/// What a program printed and how it ended.
public struct Outcome: Sendable {
    public let status: Int32
    public let output: String
    public let errors: String

    /// The words of each line of the output.
    public var table: [[Substring]] {
        output.split(separator: "\n").map { $0.split(whereSeparator: \.isWhitespace) }
    }
}

/// Runs a program to its end. It reads nothing.
public func run(
    _ program: String, _ arguments: [String] = [], environment: [String: String] = [:]
) throws -> Outcome {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    process.standardInput = FileHandle.nullDevice
    let errors = try namelessFile()
    let output = Pipe()
    process.standardOutput = output
    process.standardError = errors
    try process.run()
    let text = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    try errors.seek(toOffset: 0)
    return Outcome(
        status: process.terminationStatus, output: String(decoding: text, as: UTF8.self),
        errors: String(decoding: try errors.readToEnd() ?? Data(), as: UTF8.self))
}

/// A shell line, for pipes and redirections.
public func shell(_ line: String) throws -> Outcome { try run("/bin/bash", ["-c", line]) }

/// A path in the folder for temporary files that nobody else uses.
public func temporaryPath(_ word: String) -> String { "/tmp/hugeaudit-\(word)-\(UUID().uuidString)" }

/// A temporary file without a name, which ends with its descriptor; `/proc/PID/fd/N` leads to it. All who have it open
/// write at its end.
public func namelessFile() throws -> FileHandle {
    var path = Array("/tmp/hugeaudit-XXXXXX".utf8CString)
    let descriptor = mkstemp(&path)
    guard descriptor >= 0 else { throw Errno(rawValue: errno) }
    unlink(path)
    _ = fcntl(descriptor, F_SETFL, O_APPEND)
    return FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
}

/// A program that this package builds: beside the test runner itself.
public func product(_ name: String) -> String {
    let runner = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
    return FilePath(runner).removingLastComponent().appending(name).string
}

/// The content of a small file, without its last newline.
public func content(_ path: String) throws -> String {
    try String(contentsOfFile: path, encoding: .utf8).trimmingCharacters(in: .newlines)
}
