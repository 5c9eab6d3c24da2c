let twoMiB: UInt64 = 2 << 20
let oneGiB: UInt64 = 1 << 30

/// What is true of the pages of one size, stated before the audit is asked. A node that is not named has none.
struct Truth {
    var pageSize = twoMiB
    /// Pages that some page table leads to, by node.
    var mapped: [Int: UInt64] = [:]
    /// Who keeps pages that nobody maps.
    var held: [Held] = []
    var poisoned: [Int: UInt64] = [:]
    var unexplained: [Int: UInt64] = [:]
    /// What each of these processes maps, by node.
    var processes: [Int32: [Int: UInt64]] = [:]
    /// Nil where only their sum is checked against the kernel's count.
    var reservations: [Reserved]?
    /// Besides those that follow from `held`.
    var findings: [Told] = []

    /// A name of a finding, and its number of pages.
    struct Told: Equatable {
        let id: String
        let pages: UInt64
        init(_ id: String, _ pages: UInt64) { (self.id, self.pages) = (id, pages) }
    }

    struct Reserved: Equatable {
        let kind: String
        let pages: UInt64
        init(_ kind: String, _ pages: UInt64) { (self.kind, self.pages) = (kind, pages) }
    }

    static func mapped(_ pages: [Int: UInt64], by process: Int32? = nil) -> Self {
        Truth(mapped: pages, processes: process.map { [$0: pages] } ?? [:])
    }

    static func held(_ held: Held...) -> Self { Truth(held: held) }

    /// All that is not free, by node.
    var used: [Int: UInt64] {
        ([mapped, poisoned, unexplained] + held.map(\.pages)).reduce(into: [:]) { $0.merge($1, uniquingKeysWith: +) }
    }

    func held(on node: Int) -> UInt64 { held.reduce(0) { $0 + ($1.pages[node] ?? 0) } }

    var allFindings: [Told] { held.map { Told($0.finding, $0.count) } + findings }
}

/// One row of `holders[]`, and the finding by which it is told.
struct Held {
    var kind: String
    /// A part of its name, its path or its inode.
    var name = ""
    /// By node.
    var pages: [Int: UInt64]
    /// Who has it open; of a suspicion, who must be among the suspects.
    var pids: [Int32] = []
    var finding: String
    /// False where this kernel does not let see on which nodes they are.
    var isPlaced = true
    /// Words of what is to be done about it.
    var remedy = ""

    var count: UInt64 { pages.values.reduce(0, +) }
    /// No file says so: it follows from what else there is.
    var isSuspicion: Bool { ["ioUring", "socket", "kernel"].contains(kind) }

    /// A file with a name. With `rest`, others of its pages are mapped.
    static func file(_ path: String, _ pages: [Int: UInt64], open pids: [Int32] = [], rest: Bool = false) -> Self {
        let finding = rest ? "partly-mapped" : pids.isEmpty ? "orphan-file" : "file-unmapped"
        return Held(
            kind: "file", name: path, pages: pages, pids: pids, finding: finding, remedy: pids.isEmpty ? path : "")
    }

    static func deletedFile(_ path: String, _ pages: [Int: UInt64], open pids: [Int32]) -> Self {
        Held(
            kind: "deletedFile", name: path, pages: pages, pids: pids, finding: "deleted-file-held",
            remedy: pids.map { "\($0)" }.joined(separator: " "))
    }

    static func memfd(_ pages: [Int: UInt64], open pids: [Int32], rest: Bool = false) -> Self {
        Held(
            kind: "memfd", name: "/memfd:holder", pages: pages, pids: pids,
            finding: rest ? "partly-mapped" : "memfd-unmapped")
    }

    /// A System V segment to which nobody is attached.
    static func segment(_ id: Int32, _ pages: [Int: UInt64]) -> Self {
        Held(kind: "sharedMemory", name: "id \(id)", pages: pages, finding: "orphan-shm", remedy: "ipcrm -m \(id) ")
    }

    /// Anonymous shared memory of a process that has no page table entry for it.
    static func shared(_ pages: [Int: UInt64], by process: Int32) -> Self {
        Held(kind: "sharedMemory", name: "/anon_hugepage", pages: pages, pids: [process], finding: "partly-mapped")
    }

    static func ring(_ pages: [Int: UInt64], of process: Int32) -> Self { kept("ioUring", pages, by: process) }
    static func socket(_ pages: [Int: UInt64], to process: Int32) -> Self { kept("socket", pages, by: process) }
    static func kernel(_ pages: [Int: UInt64], by process: Int32) -> Self { kept("kernel", pages, by: process) }

    private static func kept(_ kind: String, _ pages: [Int: UInt64], by process: Int32) -> Self {
        Held(kind: kind, pages: pages, pids: [process], finding: "kernel-held")
    }
}
