import Observations
import PageModel
import TestSupport
import Testing

@testable import Audit

private let size = PageSize(bytes: 2 << 20)!
private let mountDevice = DeviceNumber(major: 0, minor: 40)

private func file(
    _ inode: UInt64, length: UInt64, pages: UInt64, covered: UInt64 = 0, kind: HugetlbFile.Kind = .linked
) -> HugetlbFile {
    var file = HugetlbFile(
        identity: .init(device: mountDevice, inode: inode), kind: kind, name: ForeignText("f\(inode)"), size: size,
        length: length * size.bytes, pages: pages, owner: ForeignText("root"))
    file.covered = covered
    return file
}

private func mapping(_ process: Int32, inode: UInt64, pages: UInt64, touched: UInt64) -> PrivateMapping {
    PrivateMapping(
        process: PID(process), start: 0x4000_0000, file: .init(device: mountDevice, inode: inode), size: size,
        pages: pages, touched: touched, isNoReserve: nil)
}

private func account(
    reserved: Int64, files: [HugetlbFile] = [], mappings: [PrivateMapping] = [], minimum: UInt64 = 0,
    pinned: UInt64 = 0
) -> ReservationAccount {
    var search = HolderSearch(depth: .files)
    (search.files, search.privateMappings) = (files, mappings)
    if minimum > 0 {
        search.mounts = [
            HugetlbMount(
                device: mountDevice, folder: ForeignText("/huge"), through: nil, size: size, minimum: minimum)
        ]
    }
    let counts = NodeHugepages(nrHugepages: 100, freeHugepages: 50, surplusHugepages: 0)
    return ReservationAccount(
        search, global: [size: GlobalHugepages(counts: counts, reservedHugepages: reserved)], pinned: [size: pinned])
}

extension ReservationAccount {
    fileprivate var figures: [String] { reservations.map { "\($0.kind.rawValue) \($0.name.repaired) \($0.pages)" } }
}

@Suite struct ReservationTests {
    @Test func untouchedPagesOfPrivateMappings() {
        let account = account(reserved: 6, mappings: [mapping(3, inode: 1, pages: 10, touched: 4)])
        #expect(account.reservations.map(\.pages) == [6])
        #expect(account.reservations.map(\.process) == [PID(3)])
        #expect(account.unexplained.isEmpty)
    }

    /// A child has the mapping and not the promise, also of a part of it; others that map the same file have their own.
    @Test func forkCopiesNoReservation() {
        let copies = [mapping(3, inode: 1, pages: 10, touched: 4), mapping(4, inode: 1, pages: 3, touched: 0)]
        #expect(account(reserved: 9, mappings: copies).reservations.map(\.process) == [PID(3)])
        let shared = [file(1, length: 10, pages: 0)]
        #expect(account(reserved: 9, files: shared, mappings: copies).reservations.map(\.pages) == [6, 3])
    }

    /// What the kernel does not count is reserved no more: who made the mapping has ended and left it to a child.
    @Test(arguments: [(-2, []), (0, []), (3, [3]), (6, [6])] as [(Int64, [UInt64])])
    func noMoreThanIsCounted(counted: Int64, pages: [UInt64]) {
        let account = account(reserved: counted, mappings: [mapping(3, inode: 1, pages: 10, touched: 4)])
        #expect(account.reservations.map(\.pages) == pages)
        #expect(account.unexplained.isEmpty)
    }

    @Test func noReserveHasNone() {
        var mapping = mapping(3, inode: 1, pages: 10, touched: 4)
        mapping.isNoReserve = true
        #expect(account(reserved: 0, mappings: [mapping]).reservations.isEmpty)
    }

    /// What mappings cover of a file and it does not have; and what was mapped once, as far as it has holes.
    @Test func filesAndTheirInodes() {
        #expect(account(reserved: 5, files: [file(1, length: 8, pages: 3, covered: 8)]).figures == ["file f1 5"])
        #expect(account(reserved: 4, files: [file(1, length: 8, pages: 3)]).figures == ["file f1 4"])
        let two = [file(1, length: 8, pages: 3), file(2, length: 9, pages: 0)]
        #expect(account(reserved: 4, files: two).figures == ["file f1 or 1 other file with holes 4"])
        let all = account(reserved: 15, files: two)
        #expect(all.figures == ["file f2 9", "file f1 5"])
        #expect(all.unexplained == [size: 1])
    }

    /// When it is made, with its holes before those of files, or not at all; one that nobody looked at comes last.
    @Test func aSegmentIsReservedAsAWhole() {
        let origin = HugetlbFile.Segment(key: 1, id: 7, creator: PID(1), lastUser: PID(1), attached: 0)
        let segment = file(7, length: 4, pages: 1, kind: .systemV(origin))
        var guess = file(8, length: 6, pages: 0, kind: .systemV(origin))
        guess.isProven = false
        let memfd = file(9, length: 9, pages: 3, kind: .memfd)
        #expect(account(reserved: 3, files: [segment]).figures == ["sharedMemory f7 3"])
        #expect(account(reserved: 0, files: [segment, guess]).figures.isEmpty)
        #expect(account(reserved: 2, files: [segment]).unexplained == [size: 2])
        #expect(account(reserved: 6, files: [segment, memfd]).figures == ["sharedMemory f7 3", "file f9 3"])
        #expect(account(reserved: 6, files: [guess]).figures == ["sharedMemory f8 6"])
        #expect(account(reserved: 6, files: [guess, memfd]).figures == ["file f9 6"])
        #expect(account(reserved: 5, files: [guess]).unexplained == [size: 5])
    }

    /// What the mount's files have and were promised is part of what it reserves.
    @Test func aMountReservesItsMinimum() {
        #expect(account(reserved: 10, minimum: 10).figures == ["mount /huge 10"])
        let account = account(reserved: 7, files: [file(1, length: 5, pages: 3, covered: 5)], minimum: 10)
        #expect(account.figures == ["mount /huge 5", "file f1 2"])
        #expect(account.unexplained.isEmpty)
    }

    /// So is what is mapped privately of its files.
    @Test func aMountReservesForPrivateMappings() {
        let mapped = [mapping(3, inode: 1, pages: 4, touched: 1)]
        let account = account(reserved: 9, files: [file(1, length: 4, pages: 0)], mappings: mapped, minimum: 10)
        #expect(account.figures == ["mount /huge 6", "private  3"])
    }

    @Test func theRestIsUnexplained() {
        #expect(account(reserved: 9, mappings: [mapping(3, inode: 1, pages: 10, touched: 4)]).unexplained == [size: 3])
    }

    @Test(arguments: [
        (1, "1 page of 2 MiB (2 MiB) is reserved by no "), (3, "3 pages of 2 MiB (6 MiB) are reserved by no "),
    ])
    func onePageIsAndSomeAreReserved(pages: Int64, start: String) throws {
        let finding = audit { $0.reserved = pages }.findings.first { $0.id == .reservationUnexplained }
        #expect(try #require(finding).message.hasPrefix(start))
    }

    /// Each private page that only a pin keeps makes the kernel's count too small by one, down below zero.
    @Test(
        arguments: [
            (6, 0, 6), (4, 2, 6), (-2, 2, 0), (-2, 0, nil), (5, 9, 6),
        ] as [(Int64, UInt64, UInt64?)])
    func promisedInSpiteOfPins(counted: Int64, pinned: UInt64, promised: UInt64?) {
        let mappings = counted < 0 ? [] : [mapping(3, inode: 1, pages: 10, touched: 4)]
        #expect(
            account(reserved: counted, mappings: mappings, pinned: pinned).promised(
                size, counted: counted, pinned: pinned) == promised)
    }
}
