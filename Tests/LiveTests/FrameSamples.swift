import Audit
import Foundation
import KernelFiles
import Observations
import PageModel
import TestSupport
import Testing

/// A holder whose frames are looked at between its steps.
private final class Followed {
    let holder: TestSupport.Holder
    private var sampler: FrameSampler
    private var report: TrackReport
    /// Where its memory is. Unit: base pages.
    private let pages: Range<UInt64>

    init(_ arguments: [String], bytes: UInt64) throws {
        let holder = try TestSupport.Holder(arguments)
        let sampler = try FrameSampler(ProcessMachine(.live), holder.pids[0], isGentle: false)
        let address = try #require(holder.ready["address"].flatMap { UInt64($0.dropFirst(2), radix: 16) })
        report = TrackReport(sampler.process, map: sampler.map)
        self.sampler = sampler
        self.holder = holder
        pages = address / 4096..<(address + bytes) / 4096
        #expect(report.add(try self.sampler.sample()) != nil)
    }

    /// Makes a step, and what became of its pages, by kind; what else the process did is no matter.
    func step() throws -> [PageFlow.Kind: UInt64] {
        try holder.step()
        let change = try #require(report.add(try sampler.sample())?.change)
        #expect(change.stretchCount <= UInt64(FrameChange.mostStretches))
        return change.stretches.reduce(into: [:]) { kinds, stretch in
            let part = stretch.pages.clamped(to: pages)
            if !part.isEmpty { kinds[stretch.flow.kind, default: 0] += UInt64(part.count) }
        }
    }

    /// How many huge pages of that kind were counted so far, of the whole process.
    func hugePages(_ kind: PageFlow.Kind) -> UInt64 { report.flows.sum(kind).hugePages }

    func course() throws -> ProcessCourse {
        // An ending process is there for a moment.
        for _ in 0..<200 {
            let course = try sampler.sample().course
            if course != .complete { return course }
            usleep(10_000)
        }
        return .complete
    }
}

extension Live {
    @Test static func framesOfPagesThatComeAndGo() throws {
        try skippingWhatCannotBeHad {
            let followed = try Followed(["turns", "--memory", "base", "--pages", "20"], bytes: 20 * 4096)
            #expect(try followed.step() == [.came: 10])
            #expect(try followed.step() == [.went: 10])
        }
    }

    @Test static func framesOfHugetlbPagesThatComeAndGo() throws {
        try skippingWhatCannotBeHad {
            let pool = try HugePool(twoMiB, pages: 8)
            let followed = try Followed(["turns", "--pages", "6"], bytes: 6 * twoMiB.bytes)
            #expect(try followed.step() == [.came: 3 * 512])
            #expect(followed.hugePages(.came) == 3)
            #expect(try followed.step() == [.went: 3 * 512])
            #expect(followed.hugePages(.went) == 3)
            #expect(pool.count("nr_hugepages") >= 8)
        }
    }

    @Test static func framesOfPagesThatGoToSwapAndComeBack() throws {
        try skippingWhatCannotBeHad {
            let swap = try MachineChange.swap()
            defer { swap.undo() }
            let followed = try Followed(["swapping", "--memory", "base", "--pages", "600"], bytes: 600 * 4096)
            defer { followed.holder.stop() }
            #expect(try followed.step() == [.swappedOut: 300])
            #expect(try followed.step() == [.swappedIn: 300])
        }
    }

    /// MADV_COLLAPSE, of Linux 6.1, and MADV_FREE of parts.
    @Test static func framesOfPagesThatAreCollapsedAndSplit() throws {
        try skippingWhatCannotBeHad {
            let followed = try Followed(["collapse", "--pages", "3"], bytes: 3 * twoMiB.bytes)
            #expect(try followed.step() == [.collapsed: 3 * 512])
            #expect(followed.hugePages(.collapsed) == 3)
            let kinds = try followed.step()
            #expect(kinds[.split] == 3 * 512, "\(kinds)")
            #expect(followed.hugePages(.split) == 3)
        }
    }

    /// A scan ends where it has found a GiB of pages: in the second sample that is in the middle of a huge page.
    @Test static func hugePagesInWhichAScanEnds() throws {
        try skippingWhatCannotBeHad {
            let settings = try MachineChange.settings([("/sys/kernel/mm/transparent_hugepage/enabled", "madvise")])
            defer { settings.undo() }
            let followed = try Followed(["behind-zeros"], bytes: 2 * twoMiB.bytes)
            #expect(try followed.step().isEmpty)
        }
    }

    @Test(arguments: [("exec", ProcessCourse.replaced), ("exit", .ended)])
    static func framesOfAProcessThatIsNoMore(_ kind: String, _ course: ProcessCourse) throws {
        try skippingWhatCannotBeHad {
            let followed = try Followed([kind, "--memory", "base", "--pages", "4"], bytes: 4 * 4096)
            try followed.holder.step()
            #expect(try followed.course() == course)
        }
    }

    @Test static func aProcessThatCannotBeFollowed() throws {
        let machine = ProcessMachine(.live)
        for (pid, reason) in [(Int32.max, "notThere"), (2, "withoutMemory")] {
            do {
                _ = try FrameSampler(machine, PID(pid), isGentle: true)
                Issue.record("process \(pid) was followed")
            } catch { #expect("\(error)" == reason) }
        }
    }

    /// They are everybody's.
    @Test static func zeroPagesHaveNoFrames() throws {
        try skippingWhatCannotBeHad {
            let holder = try TestSupport.Holder(["mixture", "--parts", "zero"])
            let part = try #require(holder.ready["zero"]).dropFirst(2).split(separator: "+")
            let start = try #require(UInt64(part[0], radix: 16)) / 4096
            let pages = start..<start + (UInt64(part[1]) ?? 0) / 4096
            var sampler = try FrameSampler(ProcessMachine(.live), holder.pids[0], isGentle: false)
            #expect(try sampler.sample().runs.allSatisfy { $0.end <= pages.lowerBound || $0.start >= pages.upperBound })
        }
    }
}
