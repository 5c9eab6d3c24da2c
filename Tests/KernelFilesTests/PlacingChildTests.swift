import CKernel
import Foundation
import SystemPackage
import Testing

@testable import KernelFiles

private func records(of bytes: [UInt8], inPiecesOf size: Int) throws -> [UInt64] {
    let (reading, writing) = try FileDescriptor.pipe()
    defer { try? reading.close() }
    Thread.detachNewThread {
        for start in stride(from: 0, to: bytes.count, by: size) {
            _ = try? writing.writeAll(bytes[start..<min(start + size, bytes.count)])
        }
        try? writing.close()
    }
    var values: [UInt64] = []
    #expect(PlacingChild.records(of: reading, until: .now + .seconds(600)) { values.append($0.value) })
    return values
}

/// Records arrive whole however they are cut; what is less than one at the end is none.
@Test(arguments: [1, 7, 16, 4096, 65536, 65537, 1 << 20]) func recordsInPieces(size: Int) throws {
    let count = UInt64(size == 1 ? 50 : 20_000)
    let sent = (0..<count).map { cplace_record(job: 0, kind: 5, value: $0) }
    let bytes = sent.withUnsafeBytes { Array($0) }
    #expect(try records(of: bytes, inPiecesOf: size) == Array(0..<count))
    #expect(try records(of: bytes.dropLast(9), inPiecesOf: size) == Array(0..<count - 1))
}

@Test func withoutAJobNothingIsStarted() {
    #expect(PlacingChild().run([]) { _ in Issue.record("nothing was asked") }.isEmpty)
    #expect(FramePlacer().place([]) { _, _ in Issue.record("nothing was asked") }.isEmpty)
}
