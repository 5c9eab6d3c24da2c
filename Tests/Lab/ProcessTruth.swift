/// What is true of a process, stated before it is looked at.
struct ProcessTruth {
    var stretches: [Stretch]
    /// All that there are; nil where they are not to be compared.
    var findings: [Told]? = []
    var devices: [String] = []

    struct Told {
        var id: String
        var severity: String
        var node: Int?
        /// Nil where none are told.
        var pages: UInt64?
        var pageSize: UInt64?
        /// A few pages of the program itself may be among them: they are where it started, and where others read it first.
        var mayBeMore = false
        /// A part of its message.
        var says = ""

        func saying(_ words: String) -> Self {
            var told = self
            told.says = words
            return told
        }
    }
}

/// Memory in a row, of one mapping or of several.
struct Stretch {
    let addresses: Range<UInt64>
    /// As numa_maps prints it; nil where it is not to be compared.
    var policy: String?
    /// All its pages in RAM but for the zero pages.
    var pages: [Pages]
    /// By node. Unit: bytes.
    var misplaced: [Int: UInt64] = [:]

    struct Pages: Equatable {
        var node: Int
        var kind: String
        var size: UInt64
        var content = "anonymous"
        var bytes: UInt64
    }
}

/// What memory is made of, as `--memory` of the holder has it.
enum Memory: String, CaseIterable {
    case base, thp, hugetlb

    var pageSize: UInt64 { self == .base ? basePage : twoMiB }

    /// - Parameter pages: by node.
    func pages(_ pages: [Int: UInt64]) -> [Stretch.Pages] {
        pages.map { Stretch.Pages(node: $0, kind: rawValue, size: pageSize, bytes: $1 * pageSize) }
    }
}

let basePage: UInt64 = 4096
