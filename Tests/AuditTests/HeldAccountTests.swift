import Observations
import PageModel
import Testing

@testable import Audit

private let size = PageSize(bytes: 2 << 20)!
private let internalDevice = DeviceNumber(major: 0, minor: 15)

/// A machine of nodes with `used` pages in use, of which `anonymous` are in no page table and belong to no file. Of those of
/// node 0 some are mapped and some poisoned.
private func pass(
    used: [UInt64], anonymous: [UInt64] = [], mapped: UInt64 = 0, poisoned: UInt64 = 0, search: HolderSearch?
) -> HugetlbPass {
    var census = HugetlbCensus()
    var nodes: [Pool: NodeHugepages] = [:]
    for (node, used) in used.enumerated() {
        let id = NodeID(node)
        let pinned = node < anonymous.count ? anonymous[node] : 0
        let (mapped, poisoned) = node == 0 ? (mapped, poisoned) : (0, 0)
        census.add(mapped, of: .init(node: id, size: size, head: [.huge, .compoundHead, .mmap], isReached: true))
        census.add(
            poisoned, of: .init(node: id, size: size, head: [.huge, .compoundHead, .hwpoison], isReached: false))
        census.add(
            100 - pinned - mapped - poisoned,
            of: .init(node: id, size: size, head: [.huge, .compoundHead], isReached: false))
        census.add(
            pinned, of: .init(node: id, size: size, head: [.huge, .compoundHead, .anon], isReached: false))
        nodes[Pool(node: id, size: size)] = NodeHugepages(
            nrHugepages: 100, freeHugepages: 100 - used, surplusHugepages: 0)
    }
    let ledger = Ledger(global: [:], nodes: nodes)
    return HugetlbPass(
        before: ledger, walk: HugetlbWalk(), search: search, census: census, after: ledger, unread: [], at: 0)
}

private func account(
    used: [UInt64], anonymous: [UInt64] = [], mapped: UInt64 = 0, poisoned: UInt64 = 0, _ search: HolderSearch
) -> PassAccount {
    let pass = pass(used: used, anonymous: anonymous, mapped: mapped, poisoned: poisoned, search: search)
    return PassAccount(pass, nodes: used.indices.map { NodeID($0) })
}

private func file(_ inode: UInt64, pages: UInt64, kind: HugetlbFile.Kind = .memfd) -> HugetlbFile {
    HugetlbFile(
        identity: .init(device: internalDevice, inode: inode), kind: kind, name: ForeignText("/memfd:\(inode)"),
        size: size, length: size.bytes * pages, pages: pages, owner: ForeignText("root"))
}

private func placed(_ inode: UInt64, on nodes: [UInt64], mapped: UInt64 = 0) -> HugetlbFile {
    var file = file(inode, pages: nodes.reduce(mapped, +))
    file.frames = .init(
        mapped: mapped,
        unmapped: nodes.enumerated().filter { $0.element > 0 }
            .map { Placement(node: NodeID($0.offset), size: size, pages: $0.element) })
    return file
}

private func search(
    _ files: [HugetlbFile], _ suspects: [PinSuspect] = [], depth: HolderSearch.Depth = .files
) -> HolderSearch {
    var search = HolderSearch(depth: depth)
    (search.files, search.suspects) = (files, suspects)
    return search
}

private func ring(_ process: Int32, pages: UInt64, isMapped: Bool = false) -> PinSuspect {
    let start: UInt64 = 0x7f00_0000_0000
    return PinSuspect(
        PID(process), descriptor: 5, .ioUring(buffer: start..<start + size.bytes * pages, isMapped: isMapped))
}

@Suite struct HeldAccountTests {
    /// A file's place is where its frames are; what others map of it is none of the holder's.
    @Test func placedFilesCloseTheEquation() {
        let account = account(used: [7, 5], search([placed(1, on: [4, 5]), placed(2, on: [3, 0], mapped: 9)]))
        #expect(account.rows.map(\.held) == [7, 5])
        #expect(account.rows.map(\.unexplained) == [0, 0])
        #expect(account.isClosed)
        #expect(account.held?.holders.map(\.pages) == [9, 3])
    }

    /// One that could not be placed accounts for all that is left, or for what one node has left, and else for no node.
    @Test(
        arguments: [
            ([6, 3], 9, [6, 3], [0, 0], 0), ([6, 0], 4, [4, 0], [2, 0], 0), ([6, 3], 4, [nil, nil], [nil, nil], 5),
        ] as [([UInt64], UInt64, [UInt64?], [Int64?], UInt64)])
    func filesWithoutAPlace(
        used: [UInt64], pages: UInt64, held: [UInt64?], unexplained: [Int64?], unlocated: UInt64
    ) {
        let account = account(used: used, search([file(1, pages: pages)]))
        #expect(account.rows.map(\.held) == held)
        #expect(account.rows.map(\.unexplained) == unexplained)
        #expect(account.held?.unlocated[size] ?? 0 == unlocated)
        #expect(account.isClosed == (unlocated == 0 && unexplained.allSatisfy { $0 == 0 }))
    }

    /// Of a file without a place, pages can be poisoned or mapped unseen: it holds no more than is left.
    @Test func filesWithoutAPlaceHoldNoMoreThanIsLeft() {
        let account = account(used: [3], search([file(1, pages: 4)]))
        #expect(account.held?.holders.map(\.pages) == [3])
        #expect(account.rows.map(\.unexplained) == [0])
    }

    /// Anonymous pages that nobody maps are of no file, wherever files lie that have no place.
    @Test func pinsAreNotTakenForPagesOfFiles() {
        let files = [file(1, pages: 5), file(2, pages: 3)]
        let account = account(
            used: [3, 5, 2], anonymous: [0, 0, 2], search(files, [ring(9, pages: 2)], depth: .suspects))
        #expect(account.rows.map(\.held) == [3, 5, 2])
        #expect(account.held?.holders.map(\.kind) == [.memfd, .memfd, .ioUring])
        #expect(account.held?.holders.last?.nodes == [Placement(node: NodeID(2), size: size, pages: 2)])
    }

    /// A segment that nobody looked at is believed only where pages lack a name, and not in place of a file's.
    @Test(arguments: [(10, 0, true), (4, 0, false), (10, 3, false)] as [(UInt64, UInt64, Bool)])
    func guesses(used: UInt64, anonymous: UInt64, isTaken: Bool) {
        let segment = HugetlbFile.Segment(key: 1, id: 7, creator: PID(1), lastUser: PID(1), attached: 0)
        var guess = file(7, pages: 6, kind: .systemV(segment))
        guess.isProven = false
        let account = account(used: [used], anonymous: [anonymous], search([guess, placed(1, on: [4])]))
        #expect(account.held?.holders.contains { $0.kind == .sharedMemory } == isTaken)
        #expect(account.rows.map(\.unexplained) == [isTaken ? 0 : Int64(used - 4)])
    }

    /// Anonymous pages without a mapping are a buffer's that has none either, no more than it is long, then the kernel's.
    @Test func pinsGoToLostBuffers() {
        let suspects = [ring(9, pages: 3), ring(8, pages: 50, isMapped: true)]
        let account = account(used: [5], anonymous: [5], search([], suspects, depth: .suspects))
        #expect(account.held?.holders.map(\.kind) == [.ioUring, .kernel])
        #expect(account.held?.holders.map(\.pages) == [3, 2])
        #expect(account.held?.holders[0].processes == [PID(9)])
        #expect(account.held?.holders[0].nodes == [Placement(node: NodeID(0), size: size, pages: 3)])
        #expect(account.rows[0].suspected == 5)
        #expect(account.rows[0].unexplained == 0)
    }

    /// Which of several processes keeps a page with its buffers cannot be told: none is named in a command, unless all are
    /// full.
    @Test(arguments: [(1000, 1, false), (3, 2, true)] as [(UInt64, UInt64, Bool)])
    func pinsOfSeveralRings(first: UInt64, second: UInt64, isEach: Bool) {
        let search = search([], [ring(100, pages: first), ring(200, pages: second)], depth: .suspects)
        let account = account(used: [5], anonymous: [5], search)
        let holders = account.held?.holders ?? []
        #expect(holders.map(\.processes) == (isEach ? [[PID(100)], [PID(200)]] : [[PID(100), PID(200)]]))
        #expect(holders.map(\.pages) == (isEach ? [3, 2] : [5]))
        #expect(holders.map { $0.remedy(search).hasPrefix("kill ") } == holders.map { _ in isEach })
    }

    /// A pipe says nothing about these pages: its process is told, and not to be killed.
    @Test func aSingleSuspectMayBeInnocent() {
        let search = search([], [PinSuspect(PID(7), descriptor: 3, .pipe)], depth: .suspects)
        let holder = account(used: [2], anonymous: [2], search).held?.holders.first
        #expect(holder?.remedy(search) == "Find out whether process 7 () keeps them; ending it then frees 4 MiB")
    }

    /// Of pages on several nodes it cannot be told which a buffer keeps, unless it keeps all.
    @Test(arguments: [(4, nil), (6, [4, 2])] as [(UInt64, [UInt64]?)])
    func pinsOnSeveralNodes(length: UInt64, nodes: [UInt64]?) {
        let account = account(
            used: [4, 2], anonymous: [4, 2], search([], [ring(9, pages: length)], depth: .suspects))
        let holder = account.held?.holders.first { $0.kind == .ioUring }
        #expect(holder?.pages == length)
        #expect(holder?.nodes?.map(\.pages) == nodes)
        #expect(account.rows.map(\.unexplained) == [0, 0])
    }

    /// Pages of files that nobody has can be under way over a socket, if there is one; if not, they have no name.
    @Test(arguments: [true, false]) func descriptorsUnderWay(isThere: Bool) {
        let sockets = [PinSuspect(PID(4), descriptor: 3, .socket(inFlight: 1))]
        let account = account(
            used: [9, 2], search([placed(1, on: [4, 0])], isThere ? sockets : [], depth: .suspects))
        #expect(account.rows.map(\.unexplained) == (isThere ? [0, 0] : [5, 2]))
        let holder = account.held?.holders.first { $0.kind == .socket }
        #expect(holder?.nodes?.map(\.pages) == (isThere ? [5, 2] : nil))
        #expect(holder?.processes == (isThere ? [PID(4)] : nil))
    }

    /// A poisoned page of a file, deleted or not, is one of `poisoned`, and neither of what the file holds nor of what has no
    /// name. It stays in the file's total.
    @Test(arguments: [HugetlbFile.Kind.linked, .deleted]) func poisonedPagesAreNotHeld(kind: HugetlbFile.Kind) {
        var file = file(1, pages: 5, kind: kind)
        file.frames = .init(mapped: 1, unmapped: [Placement(node: NodeID(0), size: size, pages: 3)], poisoned: 1)
        let account = account(used: [5], mapped: 1, poisoned: 1, search([file]))
        #expect(account.rows.map(\.held) == [3])
        #expect(account.rows.map(\.poisoned) == [1])
        #expect(account.rows.map(\.mapped) == [1])
        #expect(account.rows.map(\.unexplained) == [0])
        #expect(account.held?.holders.map(\.pages) == [3])
        #expect(account.held?.holders.first?.file?.pages == 5)
    }

    /// Where nobody looked at the file's pages, its poisoned one is not counted a second time as held, but where the file can
    /// as well have none.
    @Test(arguments: [(5, 3), (9, 4)] as [(UInt64, UInt64)])
    func poisonedPagesOfFilesWithoutAPlace(used: UInt64, held: UInt64) {
        var file = file(1, pages: 5, kind: .deleted)
        file.seenMapped = 1
        let account = account(used: [used], mapped: 1, poisoned: 1, search([file]))
        #expect(account.rows.map(\.poisoned) == [1])
        #expect(account.rows.map(\.held) == [held])
        #expect(account.rows.map(\.unexplained) == [Int64(used) - 2 - Int64(held)])
    }

    /// More held than in use is a contradiction, and not hidden.
    @Test func tooMuchHeldIsNegative() {
        #expect(account(used: [3], search([placed(1, on: [5])])).rows.map(\.unexplained) == [-2])
    }
}

@Suite struct HolderGroupTests {
    private func linked(_ name: String, since: Double, uses: [HugetlbFile.Use] = []) -> Holder {
        var file = file(UInt64(since), pages: 2, kind: .linked)
        (file.name, file.path, file.modifiedAt) = (ForeignText(name), ForeignText(name), since)
        (file.uses, file.descriptors) = (uses, UInt64(uses.count))
        return Holder(file, pages: 2, nodes: [Placement(node: NodeID(0), size: size, pages: 2)])
    }

    /// Files whose names differ in a number are one group, the oldest group first; others and those in use stand alone.
    @Test func namesThatDifferInANumber() {
        let holders = [
            linked("/huge/rtemap_10", since: 5), linked("/huge/rtemap_2", since: 3), linked("/huge/rtemap_7", since: 9),
            linked("/huge/other", since: 4), linked("/huge/pair1", since: 1), linked("/huge/pair2", since: 2),
            linked("/huge/rtemap_8", since: 6, uses: [.init(PID(3), .descriptor(4))]),
        ]
        let groups = HolderGroup.groups(of: holders)
        #expect(
            groups.map(\.name.repaired) == [
                "/huge/pair1", "/huge/pair2", "/huge/rtemap_*", "/huge/other", "/huge/rtemap_8",
            ])
        #expect(groups.map(\.finding) == [.orphanFile, .orphanFile, .orphanFile, .orphanFile, .fileUnmapped])
        #expect(groups[2].pages == 6)
        #expect(groups[2].nodes?.map(\.pages) == [6])
    }

    /// Many are named by bash's own expansion of numbers: exactly these, and no other that a pattern would fit.
    @Test func manyFilesAreRemovedByTheirNumbers() {
        func remedy(_ holders: [Holder]) -> String {
            let remedy = HolderGroup.groups(of: holders)[0].remedy(search(holders.compactMap(\.file)))
            return String(remedy.prefix { $0 != "#" })
        }
        #expect(remedy([linked("/huge/a b_7", since: 1)]) == "rm -- '/huge/a b_7'  ")
        #expect(remedy((0..<20).map { linked("/huge/a b_\($0)", since: 1) }) == "rm -- '/huge/a b_'{0..19}  ")
        let gaps = [0, 1, 2, 4, 9, 10].map { linked("/huge/f\($0)", since: 1) }
        #expect(remedy(gaps) == "rm -- /huge/f{{0..2},4,{9..10}}  ")
        let padded = ["07", "008", "0"].map { linked("/huge/f\($0)", since: 1) }
        #expect(remedy(padded) == "rm -- /huge/f0 /huge/f008 /huge/f07  ")
        let many = (0..<4100).map { linked("/huge/rtemap_\($0)", since: 1) }
        #expect(remedy(many) == "printf '%s\\0' /huge/rtemap_{0..4099} | xargs -0 rm --  ")
    }

    /// A report of one node counts what a holder has there; where its pages are is not known, it counts all.
    @Test func aHolderIsLimitedToTheNodesThatAreMeant() {
        let scope = Scope(nodes: [NodeID(1)])
        let both = account(used: [4, 1], search([placed(1, on: [4, 1])])).held?.holders[0]
        #expect(both.flatMap(scope.limited)?.pages == 1)
        #expect(both.flatMap(scope.limited)?.nodes == [Placement(node: NodeID(1), size: size, pages: 1)])
        #expect(both.flatMap(Scope(nodes: [NodeID(7)]).limited) == nil)
        let unplaced = account(used: [3], search([file(1, pages: 3)])).held?.holders[0]
        #expect(unplaced.flatMap(scope.limited)?.pages == 3)
    }

    /// A path that others can change leads where they like: through folders below the mount, or another namespace.
    @Test(
        arguments: [
            ("/huge", nil, "/huge/a", true), ("/huge", nil, "/huge/of/a", false), ("/huge", 7, "/huge/a", false),
            ("/huge", 7, "/proc/7/root/huge/a", false), ("/other", nil, "/huge/a", false),
        ] as [(String, Int32?, String, Bool)])
    func pathsOfOthers(mount: String, through: Int32?, path: String, isOurs: Bool) {
        let holder = linked(path, since: 1)
        var search = search([holder.file].compactMap { $0 })
        search.mounts = [
            HugetlbMount(
                device: internalDevice, folder: ForeignText(mount), through: through.map { PID($0) }, size: size,
                minimum: 0)
        ]
        #expect(holder.remedy(search).contains("look first whose folders the path leads through") == !isOurs)
    }

    /// A command frees what it names, and says what is left.
    @Test func segmentsAreNamedAsFarAsTheyGo() {
        let holders = (0..<Int32(20)).map { id in
            let segment = HugetlbFile.Segment(key: 0, id: id, creator: PID(1), lastUser: PID(1), attached: 0)
            var file = file(UInt64(id), pages: 1, kind: .systemV(segment))
            file.name = ForeignText("SYSV key 0x0 id \(id)")
            return Holder(file, pages: 1, nodes: nil)
        }
        let remedy = HolderGroup.groups(of: holders)[0].remedy(search([]))
        #expect(remedy.contains("; ipcrm -m 5  # frees 32 MiB; "))
        #expect(remedy.hasSuffix("; 4 more are left: audit again"))
    }

    /// What cannot be named in one command is not said to be freed by it.
    @Test func whatIsNotRemovedIsSaid() {
        let odd = (0..<100).map { linked("/huge/f\($0 * 2)", since: 1) }
        let remedy = HolderGroup.groups(of: odd)[0].remedy(search(odd.compactMap(\.file)))
        #expect(remedy.contains("# frees 256 MiB; "))
        #expect(remedy.hasSuffix("; 36 more are left: audit again"))
        var one = file(1, pages: 2, kind: .linked)
        (one.path, one.otherPaths, one.links) = (ForeignText("/huge/one"), [ForeignText("/huge/-rf")], 5)
        let both = Holder(one, pages: 2, nodes: nil).remedy(search([one]))
        #expect(both.hasPrefix("rm -- /huge/-rf /huge/one  # frees 4 MiB; "))
        #expect(both.hasSuffix("; there are 3 further names of the same: audit again"))
    }

    /// Whose the processes are that keep it, where their cgroups tell.
    @Test func evidenceNamesTheContainer() {
        let id = String(repeating: "ab", count: 32)
        var search = search([])
        search.identities[PID(3)] = ProcessIdentity(
            name: ForeignText("qemu"), command: ForeignText(""), user: ForeignText("root"),
            cgroup: ForeignText("/system.slice/docker-\(id).scope"))
        let holder = linked("/huge/vm", since: 1, uses: [.init(PID(3), .descriptor(4)), .init(PID(5), .descriptor(4))])
        let evidence = GroupFinding(HolderGroup.groups(of: [holder])[0], search).evidence
        #expect(
            evidence.filter { $0.path.hasSuffix("/cgroup") } == [
                Evidence(.holders, "/proc/3/cgroup", "it is of container abababababab (docker)")
            ])
    }
}
