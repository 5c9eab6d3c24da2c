import Observations
import PageModel
import Testing

@testable import KernelFiles

private func buffer(_ number: UInt64, of process: Int32) -> PinSuspect {
    PinSuspect(PID(process), descriptor: 3, .ioUring(buffer: number << 21..<(number + 1) << 21, isMapped: false))
}

/// One process cannot fill the list, and all together cannot make it longer; what is left out is counted.
@Test func suspectsAreBounded() {
    var list = SuspectList()
    for number in 0..<1000 { list.add(buffer(UInt64(number), of: 1)) }
    #expect(list.all.count == SuspectList.mostOfProcess)
    #expect(list.leftOut == UInt64(1000 - SuspectList.mostOfProcess))
    for process in 2..<10_002 { list.add(buffer(0, of: Int32(process))) }
    #expect(list.all.count == SuspectList.most)
    #expect(list.leftOut == UInt64(11_000 - SuspectList.most))
}

/// Pipes are many: some stand for all, and they take no room from what says more.
@Test func hintsAreBounded() {
    var list = SuspectList()
    for process in 0..<1000 {
        for _ in 0..<2 { list.add(hint: PinSuspect(PID(Int32(process)), descriptor: 4, .pipe)) }
    }
    #expect((list.all.count, list.leftOut) == (SuspectList.mostHints, 0))
    list.add(buffer(0, of: 1))
    #expect(list.all.count == SuspectList.mostHints + 1)
}

@Test func ringBehindTwoDescriptorsCountsOnce() throws {
    let ring = try DescriptorInfo(parsing: bytes("UserBufs:\t1\n    0: 0x200000/2097152\n"))
    let other = try DescriptorInfo(parsing: bytes("UserBufs:\t1\n    0: 0x400000/2097152\n"))
    var rings = ProcessRings(of: PID(1))
    #expect([ring, ring, other].map { rings.insert($0) } == [true, false, true])
    #expect(rings.read == 3)
}

/// Against the plain question of every pair.
@Test func overlapsOfRanges() {
    let ranges: [Range<UInt64>] = [4..<8, 8..<10, 20..<30]
    let union = RangeUnion(ranges)
    for start in UInt64(0)..<35 {
        for end in start + 1..<36 {
            #expect(union.overlaps(start..<end) == ranges.contains { $0.overlaps(start..<end) })
        }
    }
}
