import Foundation
import PageModel
import TestSupport
import Testing

/// A process with pages of every kind, held against everybody else who counts them.
extension Live {
    @Test static func processAsNumaMapsHasIt() throws {
        try skippingWhatCannotBeHad {
            let mixture = try Mixture()
            let (said, process) = try Mixture.still({ try NumaMapsWitness(mixture.pid) }) {
                try LiveProcess(mixture.pid)
            }
            try mixture.expectCore(in: process.report)
            #expect(process.report.bytesByMapping == said.bytes)
            let huge = process.report.placements.filter { $0.kind == "hugetlb" }
            let pages = Dictionary(huge.map { ($0.pageSize / 1024, $0.pages) }, uniquingKeysWith: +)
            #expect(pages == said.hugePages && pages[2048] == 4)
            #expect(process.status == 0, "\(process.report.verdict)")
            #expect(process.report.findings.isEmpty)
            #expect(process.report.course == "complete" && process.report.taken.view == "full")
            #expect(process.report.taken.comparedWithLibnuma > 10)
        }
    }

    @Test static func processAsItsStatusHasIt() throws {
        try skippingWhatCannotBeHad {
            let mixture = try Mixture()
            let (said, process) = try Mixture.still({ try KilobyteFields(mixture.pid, "status") }) {
                try LiveProcess(mixture.pid).report
            }
            try mixture.expectCore(in: process)
            let ordinary = process.places.filter { $0.kind != "hugetlb" }
            #expect(ordinary.bytes { $0.content == "anonymous" } == said["RssAnon"])
            #expect(ordinary.bytes { $0.content == "shared" } == said["RssShmem"])
            #expect(ordinary.bytes { $0.content == "file" } + (process.reservedBytes ?? 0) == said["RssFile"])
            #expect(process.places.hugetlbBytes == said["HugetlbPages"])
            #expect(process.hugetlbBytes == said["HugetlbPages"])
            #expect(process.rssBytes == said["VmRSS"])
            #expect(process.swappedBytes == said["VmSwap"])
        }
    }

    /// Per node, with 1 GiB pages and without; the same where no frame is read.
    @Test(arguments: [[], ["--no-classify"], ["--gentle"], ["--flags"]])
    static func processAsNumastatHasIt(_ arguments: [String]) throws {
        try skippingWhatCannotBeHad {
            let mixture = try Mixture()
            let (said, report) = try Mixture.still({ try NumastatWitness(mixture.pid) }) {
                let words = ["process", "\(mixture.pid)", "--format", "json"] + arguments
                return try ProcessDocument(try run(product("hugeaudit"), words).output)
            }
            try mixture.expectCore(in: report)
            try said.expect(report.placements)
            let isClassified = arguments != ["--no-classify"]
            #expect(report.taken.classified == isClassified)
            #expect(report.placements.allSatisfy { $0.kind != nil } == isClassified)
            #expect((report.uniqueBytes != nil) == isClassified)
        }
    }

    /// Word by word, after what pagemap adds is taken away; with the zero pages and the kernel's own.
    @Test static func processAsPageTypesHasIt() throws {
        try skippingWhatCannotBeHad {
            let mixture = try Mixture()
            let (said, frames) = try Mixture.still({ try PageTypesWitness.rows(mixture.pid) }) {
                try LiveProcess(mixture.pid, "--flags").report
            }
            try mixture.expectCore(in: frames)
            let report = try #require(frames.frames)
            let rows = try PageTypesWitness.rows(try #require(report.rows))
            for (flags, pages) in said where rows[flags] != pages { #expect(rows[flags] == pages, "\(flags)") }
            #expect(rows.count == said.count)
            // A huge zero page is nobody's: it has rows, and none of its words is a head or a tail of this process.
            let sum = { (flag: PageFlags, others: PageFlags) in
                said.reduce(UInt64(0)) { sum, row in
                    let flags = PageFlags(rawValue: row.key)
                    return flags.contains(flag) && flags.isDisjoint(with: others) ? sum + row.value : sum
                }
            }
            #expect(report.heads == sum(.compoundHead, .zeroPage) && report.tails == sum(.compoundTail, .zeroPage))
            #expect(report.huge == sum(.huge, .zeroPage) && report.thp == sum(.thp, .zeroPage))
            #expect(frames.zeroBytes == sum(.zeroPage, []) * 4096)
            #expect(report.headTailMismatch == 0)
            // Most of a page that one entry maps is taken for what its beginning, middle and end say.
            let quick = try #require(try LiveProcess(mixture.pid).report.frames)
            #expect([quick.heads, quick.tails] == [report.heads, report.tails])
            #expect([quick.huge, quick.thp] == [report.huge, report.thp])
            #expect(quick.wordsRead < report.wordsRead && quick.rows == nil)
        }
    }

    /// Each size of large folio, whole or in part, anonymous or of a file. It leaves out folios of two pages.
    @Test static func processAsTHPMapsHasIt() throws {
        try skippingWhatCannotBeHad {
            let mixture = try Mixture()
            let (said, report) = try Mixture.still({ try THPMapsWitness(mixture.pid) }) {
                try LiveProcess(mixture.pid).report
            }
            try mixture.expectCore(in: report)
            for (word, contents) in [("anon", ["anonymous"]), ("file", ["shared", "file"])] {
                let folios = report.places.filter { place in
                    ["thp", "mthp"].contains(place.kind) && place.pageSize > 8192
                        && place.content.map(contents.contains) ?? false
                }
                let whole = said.whole[Substring(word)] ?? [:]
                let all = whole.values.reduce(said.partial[Substring(word)] ?? 0, +)
                #expect(folios.bytes() == all, "\(word)")
                for (size, places) in Dictionary(grouping: folios, by: \.pageSize) {
                    let bytes = places.bytes()
                    let isWhole = places.allSatisfy { $0.pages * $0.pageSize == $0.bytes }
                    #expect(whole[size] ?? 0 <= bytes, "\(word) \(size)")
                    if isWhole { #expect(whole[size] == bytes, "\(word) \(size)") }
                }
                #expect(Set(whole.keys).isSubset(of: folios.map(\.pageSize)))
            }
            try report.expectMappedByPMD(said.pmdMapped)
        }
    }

    /// RSS, PSS and USS, which leave hugetlb out; a program without libraries, as pages of these have other mappers at
    /// every moment.
    @Test static func processAsSmapsRollupHasIt() throws {
        try skippingWhatCannotBeHad {
            let mixture = try Mixture(isStatic: true)
            let (said, report) = try Mixture.still({ try KilobyteFields(mixture.pid, "smaps_rollup") }) {
                try LiveProcess(mixture.pid).report
            }
            try mixture.expectCore(in: report)
            try report.expectRollup(said, sharedInSwap: sharedInSwap(mixture))
            // Nothing of it has another mapper, though smaps at times takes a page of 1 GiB for shared: `hugetlb_pmd_shared`
            // (6.18, mm/hugetlb.c) asks the page table of a PUD entry what only that of a PMD entry knows.
            #expect(report.hugetlbUniqueBytes == said["Private_Hugetlb", "Shared_Hugetlb"])
            #expect(report.hugetlbSharedBytes == 0)
        }
    }

    /// Shared memory that is in swap is in no page table.
    private static func sharedInSwap(_ mixture: Mixture) -> UInt64 {
        mixture.parts["shm-swap"].map { $0.upperBound - $0.lowerBound } ?? 0
    }

    @Test static func mappingsAsSmapsHasThem() throws {
        try skippingWhatCannotBeHad {
            let mixture = try Mixture(isStatic: true)
            let (said, report) = try Mixture.still({ try SmapsWitness.mappings(of: mixture.pid) }) {
                try LiveProcess(mixture.pid).report
            }
            try mixture.expectCore(in: report)
            let mappings = (report.mappings ?? []).filter { $0.name != "[vdso]" && $0.name != "[vsyscall]" }
            #expect(mappings.count > 40)
            for mapping in mappings {
                let fields = try #require(said[mapping.first]).fields
                let isHugetlb = mapping.kind == "hugetlb"
                #expect(isHugetlb || mapping.residentBytes == fields["Rss"], "\(mapping.start)")
                #expect(mapping.sizeBytes == fields["Size"], "\(mapping.start)")
                // No hugetlb page has another mapper, which smaps does not always know.
                let own = fields["Private_Clean", "Private_Dirty", "Private_Hugetlb", "Shared_Hugetlb"]
                #expect(mapping.uniqueBytes == own, "\(mapping.start)")
                #expect(mapping.sharedBytes == fields["Shared_Clean", "Shared_Dirty"], "\(mapping.start)")
                let proportional = mapping.proportionalBytes.map { $0 / 1024 * 1024 }
                #expect(isHugetlb || proportional == fields["Pss"], "\(mapping.start)")
                let isSharedInSwap = mapping.first == mixture.parts["shm-swap"]?.lowerBound
                #expect(isSharedInSwap || mapping.swappedBytes == fields["Swap"], "\(mapping.start)")
                #expect(mapping.placements.bytes { $0.kind == "thp" } >= fields["AnonHugePages"], "\(mapping.start)")
            }
        }
    }
}
