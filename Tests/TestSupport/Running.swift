import Foundation
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
    let errorFile = temporaryPath("errors")
    try Data().write(to: URL(fileURLWithPath: errorFile))
    defer { try? FileManager.default.removeItem(atPath: errorFile) }
    let output = Pipe()
    process.standardOutput = output
    process.standardError = try FileHandle(forWritingTo: URL(fileURLWithPath: errorFile))
    try process.run()
    let text = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return Outcome(
        status: process.terminationStatus, output: String(decoding: text, as: UTF8.self),
        errors: (try? String(contentsOfFile: errorFile, encoding: .utf8)) ?? "")
}

/// A shell line, for pipes and redirections.
public func shell(_ line: String) throws -> Outcome { try run("/bin/bash", ["-c", line]) }

/// A path in the folder for temporary files that nobody else uses.
public func temporaryPath(_ word: String) -> String { "/tmp/hugeaudit-\(word)-\(UUID().uuidString)" }

/// A program that this package builds: beside the test runner itself.
public func product(_ name: String) -> String {
    let runner = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
    return FilePath(runner).removingLastComponent().appending(name).string
}

/// The content of a small file, without its last newline.
public func content(_ path: String) throws -> String {
    try String(contentsOfFile: path, encoding: .utf8).trimmingCharacters(in: .newlines)
}
