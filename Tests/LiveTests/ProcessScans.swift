import Foundation
import TestSupport
import Testing

@testable import KernelFiles

/// The PAGEMAP_SCAN calls of a program, in the order of each of its threads.
private struct Scans {
    struct Call: Equatable {
        let addresses: Range<UInt64>
        /// Where the kernel ended, which can be before the end of `addresses`.
        let reached: UInt64
        /// How many the kernel may find until it ends; 0 for any number. Unit: base pages.
        let mostPages: UInt64
        /// How many stretches with pages the kernel told; negative where it refused.
        let regions: Int32
    }
    let outcome: Outcome
    let byThread: [[Call]]

    private static let library = Result<String, any Error> {
        let path = product("scans.so")
        let source = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Support/scans.c").path
        let built = try shell("gcc -O1 -shared -fPIC -o '\(path)' '\(source)'")
        guard built.status == 0 else { throw Holder.Unavailable(description: "scans.c: \(built.errors)") }
        return path
    }

    init(of program: String, _ arguments: [String]) throws {
        let log = temporaryPath("scans")
        defer { try? FileManager.default.removeItem(atPath: log) }
        outcome = try run(program, arguments, environment: ["LD_PRELOAD": try Self.library.get(), "SCANS": log])
        var calls: [Substring: [Call]] = [:]
        for line in ((try? content(log)) ?? "").split(separator: "\n") {
            let words = line.split(separator: " ")
            let numbers = try words.dropFirst().map { try #require(UInt64($0, radix: 16), "\(line)") }
            try #require(numbers.count == 5 && numbers[0] < numbers[1], "\(line)")
            let regions = Int32(bitPattern: UInt32(truncatingIfNeeded: numbers[4]))
            calls[words[0], default: []].append(
                Call(
                    addresses: numbers[0]..<numbers[1], reached: numbers[3], mostPages: numbers[2], regions: regions))
        }
        byThread = Array(calls.values)
    }
}

extension Live {
    private static let scanned = [
        (["dense-space", "--pages", "393216"], ["process"]),
        (["dense-space", "--pages", "393216"], ["process", "--gentle"]),
        (["sparse-space", "--pages", "4096"], ["process"]),
        (["sparse-space", "--pages", "4096"], ["process", "--flags"]),
        (["sparse-space", "--pages", "4096"], ["track", "--count", "2", "--interval", "10ms"]),
    ]

    /// The kernel holds the process's lock for a scan: it ends after 1 GiB of pages, begins each mapping with 1 GiB of
    /// addresses, and goes at most twice as far as the last time, 64 GiB at most.
    @Test(arguments: scanned) static func scansOfPageTablesAreBounded(_ kind: [String], _ command: [String]) throws {
        try skippingWhatCannotBeHad {
            let holder = try Holder(kind)
            let scans = try Scans(of: product("hugeaudit"), command + ["\(holder.pids[0])"])
            #expect([0, 1].contains(scans.outcome.status), "\(scans.outcome.errors)")
            let calls = scans.byThread.joined()
            guard try KernelRelease.running.hasScan else {
                throw Holder.Unavailable(description: "this kernel has no PAGEMAP_SCAN")
            }
            for (name, space) in holder.ready.parts {
                let answered = calls.filter { $0.regions >= 0 }.sorted {
                    $0.addresses.lowerBound < $1.addresses.lowerBound
                }
                let end = answered.reduce(space.lowerBound) { end, call in
                    call.addresses.lowerBound <= end ? max(end, call.reached) : end
                }
                #expect(end >= space.upperBound, "nobody has scanned \(name) from there on")
            }
            for calls in scans.byThread {
                var most: UInt64 = 1 << 30
                var last: Range<UInt64>?
                let tooFar = calls.first { call in
                    let (start, end) = (call.addresses.lowerBound, call.addresses.upperBound)
                    let goesOn = last.map { $0.lowerBound < start && start <= $0.upperBound } ?? false
                    most = goesOn ? min(2 * most, 1 << 36) : 1 << 30
                    last = call.addresses
                    let isCut = (1...UInt64(1 << 30) / 4096).contains(call.mostPages)
                    return end - start > most || !isCut && end - start > 1 << 30
                }
                #expect(tooFar == nil, "\(calls.prefix(8))")
            }
        }
    }
}
