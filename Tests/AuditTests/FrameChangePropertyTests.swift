import Audit
import Observations
import PageModel
import TestSupport
import Testing

/// Runs, and what becomes of them, held against a model that knows every page by itself.
@Suite struct FrameChangePropertyTests {
    private static let base = PageSize.fourKiB
    private static let huge = PageSize(bytes: 16 << 10)!
    private static let map = NodeMap(
        blocks: [
            (frames: 64..<128, nodes: [NodeID(0)]), (frames: 128..<200, nodes: [NodeID(1)]),
            (frames: 208..<400, nodes: [NodeID(2)]),
        ], zones: [])

    /// What is at one address.
    private enum Page: Equatable {
        case nothing
        case swapped
        case base(UInt64)
        /// A frame, and the first page of the huge page.
        case huge(UInt64, UInt64)

        var frame: UInt64? {
            switch self {
            case .nothing, .swapped: nil
            case .base(let frame), .huge(let frame, _): frame
            }
        }
        var hugePage: UInt64? { if case .huge(_, let first) = self { first } else { nil } }
    }

    /// An address space of that many pages, in the hands of a kernel that does what it likes.
    private struct Space {
        var pages = [Page](repeating: .nothing, count: 96)

        mutating func change(_ dice: inout Dice) {
            for _ in 0...dice.upTo(6) {
                let start = dice.upTo(pages.count - 1)
                let part = start..<min(pages.count, start + 1 + dice.upTo(11))
                let frame = UInt64(48 + dice.upTo(340))
                switch dice.upTo(6) {
                case 0: for page in part { set(page, .nothing) }
                case 1: for page in part { set(page, .swapped) }
                case 2: for page in part { set(page, .base(frame + UInt64(page - start))) }
                case 3: for page in part { set(page, .base(frame + 20 - UInt64(page - start))) }
                case 4: for page in part { set(page, .base(frame)) }
                case 5: for page in part { split(page) }
                default:
                    let first = start / 4 * 4
                    for page in first..<first + 4 {
                        pages[page] = .huge(frame / 4 * 4 + UInt64(page - first), UInt64(first))
                    }
                }
            }
        }

        /// A page of a huge page goes its own way only when that was split.
        private mutating func set(_ page: Int, _ value: Page) {
            split(page)
            pages[page] = value
        }

        private mutating func split(_ page: Int) {
            guard let first = pages[page].hugePage else { return }
            for page in Int(first)..<Int(first) + 4 { if let frame = pages[page].frame { pages[page] = .base(frame) } }
        }

        /// Page by page, which the sample joins; huge ones whole.
        var sample: FrameSample {
            var sample = FrameSample(takenAt: 0, secondsIn: 0)
            for (number, page) in pages.enumerated() {
                let start = UInt64(number)
                switch page {
                case .nothing: break
                case .swapped: sample.append(.swapped(start: start, pages: 1))
                case .base(let frame): sample.append(PageRun(start: start, pages: 1, frame: PFN(frame)))
                case .huge(let frame, let first) where first == start:
                    sample.append(PageRun(start: start, pages: 4, frame: PFN(frame), hugePages: huge))
                case .huge: break
                }
            }
            return sample
        }
    }

    private static func flows(_ old: [Page], _ new: [Page]) -> [PageFlow: PageCount] {
        var flows: [PageFlow: PageCount] = [:]
        var counted: Set<[UInt64]> = []
        for (was, now) in zip(old, new) {
            let kind: PageFlow.Kind
            switch (was, now) {
            case (.base, .huge): kind = .collapsed
            case (.huge, .base): kind = .split
            case (.swapped, .base), (.swapped, .huge): kind = .swappedIn
            case (.base, .swapped), (.huge, .swapped): kind = .swappedOut
            case (.nothing, .base), (.nothing, .huge): kind = .came
            case (.base, .nothing), (.huge, .nothing): kind = .went
            default:
                guard was.frame != now.frame else { continue }
                kind = .moved
            }
            let flow = PageFlow(
                kind, from: was.frame.flatMap { map[PFN($0)] }, to: now.frame.flatMap { map[PFN($0)] })
            flows[flow, default: PageCount()].pages += 1
            let hugePage = [.split, .swappedOut, .went].contains(kind) ? was.hugePage : now.hugePage
            let number = UInt64(PageFlow.Kind.allCases.firstIndex(of: kind) ?? 0)
            if let hugePage, counted.insert([number, hugePage]).inserted {
                flows[flow, default: PageCount()].hugePages += 1
            }
        }
        return flows
    }

    @Test(arguments: 0..<40) func asTheModelSays(_ seed: Int) {
        var dice = Dice(seed: UInt64(seed))
        var space = Space()
        for _ in 0..<50 {
            let before = space
            space.change(&dice)
            let (old, new) = (before.sample, space.sample)
            let change = FrameChange(from: old, to: new, base: Self.base, map: Self.map)
            #expect(change.flows == Self.flows(before.pages, space.pages), "\(old.runs) became \(new.runs)")
            let listed = change.stretches.reduce(0) { $0 + UInt64($1.pages.count) }
            #expect(listed == change.flows.values.reduce(0) { $0 + $1.pages })
        }
    }
}
