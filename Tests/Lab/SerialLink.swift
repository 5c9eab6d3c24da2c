import Foundation
import Glibc

/// What a guest answered to one order.
struct Answer: Sendable {
    let status: Int
    /// Standard output and standard error together.
    let output: String
}

/// The second serial port of a guest: orders there, checksummed frames back. `Guest/init` is the other end.
final class SerialLink {
    private let input: FileHandle
    private let output: FileHandle
    private var received: [UInt8] = []
    private var orders = 0

    /// - Parameters:
    ///   - input: the guest reads it.
    ///   - output: the guest writes it.
    init(input: FileHandle, output: FileHandle) { (self.input, self.output) = (input, output) }

    /// Waits for frame 0, by which the guest says that it is up.
    func awaitGuest(seconds: Double) throws { _ = try frame(0, until: .now + .seconds(seconds)) }

    /// Runs a text of sh in the guest to its end.
    func order(_ text: String, seconds: Double) throws -> Answer {
        orders += 1
        let line = "\(orders) \(Data(text.utf8).base64EncodedString())\n"
        try input.write(contentsOf: Data(line.utf8))
        return try frame(orders, until: .now + .seconds(seconds))
    }

    private func frame(_ number: Int, until deadline: ContinuousClock.Instant) throws -> Answer {
        let head = try line(until: deadline)
        let words = head.split(separator: " ")
        guard words.count == 5, words[0] == "@@frame", words[1] == "\(number)", let status = Int(words[2]),
            let count = Int(words[3]), let checksum = UInt32(words[4], radix: 16)
        else {
            throw Failure("frame \(number) was to come over the serial port, and not: \(head.prefix(200))")
        }
        let bytes = try take(count, until: deadline)
        _ = try take(1, until: deadline)
        guard crc32(bytes) == checksum else {
            throw Failure("the checksum of frame \(number) is not that of its \(count) bytes")
        }
        return Answer(status: status, output: String(decoding: bytes, as: UTF8.self))
    }

    private func line(until deadline: ContinuousClock.Instant) throws -> String {
        var searched = 0
        while true {
            if let end = received[searched...].firstIndex(of: UInt8(ascii: "\n")) {
                let line = String(decoding: received[..<end], as: UTF8.self)
                received.removeSubrange(...end)
                return line
            }
            searched = received.count
            try receive(until: deadline)
        }
    }

    private func take(_ count: Int, until deadline: ContinuousClock.Instant) throws -> [UInt8] {
        while received.count < count { try receive(until: deadline) }
        defer { received.removeFirst(count) }
        return Array(received.prefix(count))
    }

    private func receive(until deadline: ContinuousClock.Instant) throws {
        let left = ContinuousClock.now.duration(to: deadline)
        var ready = pollfd(fd: output.fileDescriptor, events: Int16(POLLIN), revents: 0)
        guard left > .zero, poll(&ready, 1, Int32(left / .milliseconds(1)) + 1) > 0 else {
            throw Failure("the guest did not answer in time")
        }
        let bytes = output.availableData
        guard !bytes.isEmpty else { throw Failure("the guest ended") }
        received += bytes
    }
}
