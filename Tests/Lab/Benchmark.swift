import ArgumentParser
import Foundation

struct Benchmark: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Time the audit against a full read of kpageflags on a machine of eight nodes and 64 GiB.",
        discussion: """
            Prints the kernel's package, then a line for each round: the seconds of an audit and of \
            `dd if=/proc/kpageflags of=/dev/null bs=1M`, by the guest's clock.
            """)

    func run() throws {
        let initramfs = try Initramfs()
        let guest = try Guest(Kernel("6.1"), .large, initramfs: initramfs.path)
        let stage = Stage(guest)
        try stage.setPools(Dictionary(uniqueKeysWithValues: (0..<8).map { ($0, 64) }))
        _ = try stage.hold("private --spread " + (0..<8).map { "\($0):32" }.joined(separator: ","))
        say(guest.kernel.package)
        for round in 0...5 {
            let answer = try guest.order(
                """
                now() { read -r up idle </proc/uptime; echo $up; }
                now; hugeaudit audit --format json >/run/report
                now; dd if=/proc/kpageflags of=/dev/null bs=1M 2>/run/said
                now
                """, seconds: 300)
            let figures = answer.output.split(separator: "\n").compactMap { Double($0) }
            guard figures.count == 3 else { throw Failure("no figures: \(answer.output)") }
            // The first round only brings the programs into memory.
            if round > 0 {
                let (audit, read) = (figures[1] - figures[0], figures[2] - figures[1])
                say(String(format: "%.2f %.2f", audit, read))
            }
        }
    }
}

extension Topology {
    fileprivate static let large = Topology(
        "8 × 8 GiB", memory: Array(repeating: 8192, count: 8), cpus: [1, 1, 0, 0, 0, 0, 0, 0])
}
