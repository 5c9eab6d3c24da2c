public import PageModel

/// Neighbouring pages of a process that are in neighbouring frames, all in parts of huge pages of one size or none; or that
/// are all in swap. 24 bytes, as there can be millions.
public struct PageRun: Hashable, Sendable {
    /// How the frames go on from page to page.
    public enum Step: Int8, Hashable, Sendable {
        case down = -1
        /// All pages are one frame, which KSM merged.
        case same = 0
        case up = 1
    }

    private enum State: UInt8 {
        case present
        case swapped
        case moving
    }

    /// The page that it begins with. Unit: base pages of the process's address space.
    public let start: UInt64
    private let firstFrame: UInt64
    private let count: UInt32
    private let state: State
    public let step: Step
    /// The binary logarithm of the huge page's bytes; 0 for base pages.
    private let sizeShift: UInt8

    /// More pages need another run. Unit: base pages.
    public static let most: UInt64 = 1 << 31

    /// Pages in RAM.
    /// - Parameters:
    ///   - pages: no more than `most`.
    ///   - size: of the huge pages that it is made of; nil for base pages. The first one begins with the run.
    public init(start: UInt64, pages: UInt64, frame: PFN, step: Step = .up, hugePages size: PageSize? = nil) {
        (self.start, firstFrame, count, self.step) = (start, frame.rawValue, UInt32(clamping: pages), step)
        (state, sizeShift) = (.present, UInt8(truncatingIfNeeded: size?.bytes.trailingZeroBitCount ?? 0))
    }

    private init(start: UInt64, pages: UInt64, _ state: State) {
        (self.start, firstFrame, count, step) = (start, 0, UInt32(clamping: pages), .same)
        (self.state, sizeShift) = (state, 0)
    }

    public static func swapped(start: UInt64, pages: UInt64) -> Self { Self(start: start, pages: pages, .swapped) }

    /// Pages that the kernel is about to move, and of which it does not say from where, as of hugetlb.
    public static func moving(start: UInt64, pages: UInt64) -> Self { Self(start: start, pages: pages, .moving) }

    /// Unit: base pages.
    public var pages: UInt64 { UInt64(count) }
    public var end: UInt64 { start &+ pages }
    public var isSwapped: Bool { state == .swapped }
    public var isMoving: Bool { state == .moving }
    /// Of `start`; nil for what is not in RAM.
    public var frame: PFN? { state == .present ? PFN(firstFrame) : nil }
    /// Nil for base pages.
    public var hugePageSize: PageSize? { sizeShift == 0 ? nil : PageSize(bytes: 1 << UInt64(sizeShift)) }

    /// The frame of one of its pages.
    public func frame(of page: UInt64) -> PFN {
        PFN(firstFrame &+ UInt64(bitPattern: Int64(step.rawValue)) &* (page &- start))
    }

    /// The part of it that is in `pages`, which it overlaps. Of huge pages that are cut the first begins with the part.
    public func clamped(to pages: Range<UInt64>) -> Self {
        let (low, high) = (max(start, pages.lowerBound), min(end, pages.upperBound))
        return Self(from: self, start: low, pages: high - low)
    }

    private init(from run: Self, start: UInt64, pages: UInt64) {
        (self.start, firstFrame, count) = (start, run.frame(of: start).rawValue, UInt32(clamping: pages))
        (state, step, sizeShift) = (run.state, run.step, run.sizeShift)
    }

    /// This run and the one that follows it as one; nil where they are not alike or do not go on.
    public func joined(with next: Self) -> Self? {
        guard next.start == end, next.state == state, next.sizeShift == sizeShift, pages + next.pages <= Self.most
        else {
            return nil
        }
        guard state == .present else { return Self(start: start, pages: pages + next.pages, state) }
        let distance = next.firstFrame &- frame(of: end - 1).rawValue
        guard let step = Step(rawValue: Int8(truncatingIfNeeded: Int64(bitPattern: distance))),
            UInt64(bitPattern: Int64(step.rawValue)) == distance, pages == 1 || self.step == step,
            next.pages == 1 || next.step == step, sizeShift == 0 || step == .up
        else { return nil }
        return Self(from: self, pages: pages + next.pages, step)
    }

    private init(from run: Self, pages: UInt64, _ step: Step) {
        (start, firstFrame, count) = (run.start, run.firstFrame, UInt32(clamping: pages))
        (state, self.step, sizeShift) = (run.state, step, run.sizeShift)
    }
}
