import Audit
import Foundation
import Observations
import PageModel
import Reporting
import TestSupport
import Testing

private func report(_ change: (inout ProcessObservation) -> Void = { _ in }) -> ProcessReport {
    var observation = database()
    change(&observation)
    return ProcessReport(judging: observation)
}

private func text(_ report: ProcessReport) -> String { ProcessText(report, isColoured: false).text }

/// Lines of a table with single spaces between the words.
private func rows(_ text: String) -> [String] {
    text.split(separator: "\n").map { $0.split(separator: " ").joined(separator: " ") }
}

@Suite struct ProcessRenderingTests {
    @Test(arguments: hostileNames) func textShowsNamesEscaped(_ bytes: [UInt8], _ shown: String) {
        let text = text(ProcessReport(judging: database(named: ForeignText(bytes))))
        #expect(text.contains("Process 4711 \(shown), user \(shown), in postgresql.service\n"))
        #expect(text.contains("devices: \(shown) on node 0\n"))
        #expect(text.contains(" " + ForeignText("/dev/hugepages/".utf8 + bytes).escaped(limit: 32) + "\n"))
        #expect(text.unicodeScalars.allSatisfy { $0 == "\n" || !$0.properties.isBidiControl && $0.value >= 0x20 })
        #expect(text.split(separator: "\n").count == rows(ProcessRenderingTests.plain).count)
    }

    private static let plain = text(report())

    @Test func fourThousandLettersBreakNoLine() {
        let long = ForeignText([UInt8](repeating: UInt8(ascii: "x"), count: 4096))
        let text = text(ProcessReport(judging: database(named: long)))
        #expect(text.split(separator: "\n").allSatisfy { $0.count < 400 })
        #expect(text.contains("…"))
    }

    @Test func tablesFitAScreen() {
        let tables = Self.plain.split(separator: "\n").prefix { !$0.hasPrefix("frames:") }.dropFirst()
        #expect(tables.allSatisfy { $0.count <= 120 }, "\(Self.plain)")
    }

    @Test func tableAddsUp() {
        let rows = rows(Self.plain)
        #expect(rows.contains("NODE 1 GiB 2 MiB THP mTHP BASE TOTAL"))
        #expect(rows.contains("0 1 GiB 4 MiB 5 MiB 256 KiB 6.0 MiB 1.0 GiB"))
        #expect(rows.contains("1 0 2 MiB 0 0 256 KiB 2.2 MiB"))
        #expect(rows.contains("all 1 GiB 6 MiB 5 MiB 256 KiB 6.2 MiB 1.0 GiB"))
        #expect(rows.contains("mTHP: 128 KiB of 128 KiB, 128 KiB of 64 KiB"))
        #expect(rows.contains("THP: 4 of 5 MiB mapped whole, by one table entry each"))
        #expect(rows.contains("swapped 3 MiB, zero pages 8 KiB"))
    }

    @Test func placementIsOneLine() {
        #expect(
            rows(Self.plain).contains(
                "CPUs allowed 0-1 (node 0); threads last ran on 0-1 (node 0); memory allowed on nodes 0-1"))
    }

    /// What is on no known node has a row of its own, and what has no known kind a column.
    @Test func whatIsNotKnownIsSaid() {
        let hidden = report { $0.mappings[1].pages.hidden = 1 << 20 }
        #expect(rows(text(hidden)).contains("NODE 1 GiB 2 MiB THP mTHP BASE UNKNOWN TOTAL"))
        #expect(rows(text(hidden)).contains("? 0 0 0 0 0 1 MiB 1 MiB"))
        let plain = report { process in
            process.isClassified = false
            process.mappings = [process.mappings[0]]
            var pages = PageTally()
            pages.add(
                PageAmount(node: NodeID(1), kind: nil, size: .fourKiB, content: nil, pages: 3, bytes: 12288))
            process.mappings[0].pages = pages
        }
        #expect(rows(text(plain)).contains("NODE UNKNOWN TOTAL"))
        #expect(rows(text(plain)).contains("1 12 KiB 12 KiB"))
        #expect(!text(plain).contains("unique"))
        #expect(!text(plain).contains("frames:"))
    }

    @Test(arguments: [ProcessCourse.withoutMemory, .refused, .ended]) func withoutMemoryThereAreNoTables(
        _ course: ProcessCourse
    ) {
        var process = emptyProcess(2, named: ForeignText("kthreadd"))
        process.course = course
        let text = text(ProcessReport(judging: process))
        #expect(!text.contains("NODE"))
        #expect(!text.contains("ADDRESS"))
        #expect(text.contains("Process 2 kthreadd, "))
    }

    /// Who it is can be told of one without memory, too, and why it has none.
    @Test(
        arguments: [
            (.kernelThread, "kernelThread", ", a kernel thread"), (.zombie, "zombie", ", a zombie"), (nil, nil, ""),
        ]
            as [(WithoutMemory?, String?, String)])
    func kindsWithoutMemory(_ kind: WithoutMemory?, word: String?, shown: String) throws {
        var process = emptyProcess(2, named: ForeignText("kthreadd"))
        (process.course, process.withoutMemoryAs, process.user) = (.withoutMemory, kind, ForeignText("root"))
        let report = ProcessReport(judging: process)
        #expect(text(report).contains("\nProcess 2 kthreadd, user root, in postgresql.service\(shown)\n"))
        #expect(try ProcessDocument(ProcessJSON(report, version: "1").text).withoutMemoryAs == word)
        process.user = ForeignText("")
        #expect(text(ProcessReport(judging: process)).contains("\nProcess 2 kthreadd, in postgresql.service"))
    }

    /// What smaps alone would tell is not told as if it had been read.
    @Test func adviceThatWasNotRead() throws {
        let line = "\nwhat it asked for by madvise(2) was not read: --smaps reads it\n"
        let unread = report { process in
            process.isSmapsLeftOut = true
            for index in process.mappings.indices {
                (process.mappings[index].vmFlags, process.mappings[index].isEligible) = (nil, nil)
            }
        }
        let shown = text(unread)
        #expect(shown.contains("shmem_enabled never\(line)") && !text(report()).contains(line))
        #expect(
            rows(shown).contains {
                $0.hasPrefix("555556000000 16 MiB 9.2 MiB 5 MiB default ") && $0.hasSuffix(" ? [heap]")
            })
        let document = try ProcessDocument(ProcessJSON(unread, version: "1").text)
        let heap = try #require(document.mappings?[1])
        #expect(
            heap.transparent?.eligibility == "unknown" && heap.hugeBytes == 5 << 20 && heap.possibleHugeBytes == nil)
    }

    @Test func flagWordsAreListed() {
        let text = text(
            report {
                $0.frames.byFlags = [PageFlags(rawValue: 0x5868): 512, PageFlags(rawValue: 1 << 43 | 0x28818): 263_680]
            })
        let rows = rows(text)
        #expect(rows.contains("0x0000080000028818 263680 1.0 GiB uptodate,dirty,mmap,compound_head,huge,bit43"))
        #expect(rows.contains("FLAGS PAGES MEMORY NAMES"))
        #expect(rows.contains("0x0000000000005868 512 2 MiB uptodate,lru,active,mmap,anon,swapbacked"))
    }

    @Test func findingsAreLast() {
        let text = text(
            report {
                $0.frames.contradictionCount = 3
                $0.frames.contradictions = [
                    .init(.tailWithoutHead, address: 0x7f00_0000_0000, frame: PFN(99), flags: [.compoundTail])
                ]
            })
        #expect(text.contains("; 1024 words read, 3 contradict the others\n"))
        let one = report { $0.frames.contradictionCount = 1 }
        #expect(ProcessText(one, isColoured: false).text.contains(" read, 1 contradicts the others\n"))
        #expect(text.contains("\nerror compound-mismatch: "))
        #expect(text.hasPrefix("FINDINGS: "))
    }

    @Test func coloursAreOnlyWhereWanted() {
        #expect(ProcessText(report(), isColoured: true).text.hasPrefix("\u{1b}["))
        #expect(!Self.plain.contains("\u{1b}"))
    }

    @Test(arguments: hostileNames) func documentKeepsNamesAsData(_ bytes: [UInt8], _: String) throws {
        let json = try ProcessJSON(ProcessReport(judging: database(named: ForeignText(bytes))), version: "1").text
        let document = try ProcessDocument(json)
        let name = String(decoding: bytes, as: UTF8.self)
        let names = [document.name, document.command, document.user, document.devices[0].name]
        #expect(names == [name, name, name, name])
        #expect(document.mappings?[0].name == "/opt/\(name)")
        #expect(!json.unicodeScalars.contains { $0.value < 0x20 && $0 != "\n" })
    }

    @Test func documentHasAllFigures() throws {
        let report = report()
        let document = try ProcessDocument(ProcessJSON(report, version: "1").text)
        #expect(document.schema == "hugeaudit.process/1")
        #expect(document.placements.map(\.bytes) == report.placements.map(\.bytes))
        #expect(document.placements.map(\.kind) == report.placements.map(\.kind?.rawValue))
        #expect(document.residentBytes == report.pages.resident)
        #expect(document.uniqueBytes == report.pages.unique)
        #expect(document.sharedBytes == 6 << 20)
        // 1 GiB, 14.25 MiB and 276 KiB.
        #expect(document.proportionalBytes == 1_088_966_656)
        #expect(document.hugetlbUniqueBytes == 1_075_838_976)
        #expect(document.hugetlbSharedBytes == 4 << 20)
        #expect(document.swappedBytes == 3 << 20)
        #expect(document.pmdMappedBytes == 4 << 20)
        #expect(document.frames?.headTailMismatch == 0)
        #expect(document.frames?.rows == nil)
        #expect(document.cpusAllowed == "0-1")
        #expect(document.findings.map(\.id) == report.findings.map(\.id.rawValue))
        #expect(document.verdict.summary == report.verdict.summary)
        let mapping = try #require(document.mappings?[2])
        #expect([mapping.start, mapping.end] == ["0x7f0000000000", "0x7f0000800000"])
        #expect(mapping.policy == "bind:0")
        #expect(mapping.policyNodes == [0])
        #expect(mapping.misplaced.map(\.node) == [1])
        #expect(mapping.misplaced.map(\.bytes) == [2 << 20])
        #expect(mapping.placements.map(\.content) == ["shared", "shared"])
        #expect(mapping.transparent == nil)
    }

    /// What could not be had is null and never left out or 0.
    @Test func missingFiguresAreNull() throws {
        let refused = report { process in
            (process.course, process.mappings) = (.refused, [])
            (process.hugetlbBytes, process.residentBytes) = (nil, nil)
            process.unread = [
                Unread(
                    .pageTables, what: "its page tables", path: ForeignText("/proc/4711/pagemap"), reason: "no",
                    remedy: "be root")
            ]
        }
        let json = try ProcessJSON(refused, version: "1").text
        let document = try ProcessDocument(json)
        #expect(document.taken.view == "partial")
        for key in ["residentBytes", "uniqueBytes", "swappedBytes", "pmdMappedBytes", "hugetlbBytes", "frames"] {
            #expect(json.contains("\"\(key)\" : null"), "\(key)")
        }
        let old = report { $0.mappings[1].pages.mappedByPMD = nil }
        #expect(try ProcessDocument(ProcessJSON(old, version: "1").text).pmdMappedBytes == nil)
        #expect(!text(old).contains("mapped whole"))
    }

    /// What is not counted by node is not told of some nodes as if it were of these.
    @Test func figuresOfSomeNodes() throws {
        let whole = report {
            $0.frames.byFlags = [[.huge, .mmap]: 4]
            $0.content = ContentSample()
            $0.content?.basePages = 512
        }
        #expect(text(whole).contains("\ncontent: "))
        let part = whole.limited(to: [NodeID(1)])
        let shown = text(part)
        #expect(shown.contains("\nonly node 1: what is unique, shared or swapped is not counted by node\n"))
        for word in ["unique 1", "shared 6", "proportional", "swapped 3", "zero pages", "frames:", "FLAGS", "content:"]
        {
            #expect(!shown.contains(word) && !word.isEmpty, "\(word)")
        }
        #expect(rows(shown).contains("1 2 MiB 0 0 256 KiB 2.2 MiB"))
        let json = try ProcessJSON(part, version: "1").text
        for key in [
            "uniqueBytes", "sharedBytes", "proportionalBytes", "hugetlbUniqueBytes", "hugetlbSharedBytes",
            "pmdMappedBytes", "swappedBytes", "zeroBytes", "movingBytes", "reservedBytes", "hiddenBytes",
            "hugetlbBytes", "rssBytes", "frames", "content", "possibleHugeBytes",
        ] {
            #expect(json.contains("\"\(key)\" : null"), "\(key)")
            #expect(json.matches(of: try Regex("\"\(key)\" : [^n\\n]")).isEmpty || key == "content", "\(key)")
        }
        let document = try ProcessDocument(json)
        #expect(document.residentBytes == 9 << 18)
        #expect(document.mappings?.map(\.hugeBytes) == [0, 2 << 20])
        #expect(document.mappings?.map(\.kind) == ["base", "hugetlb"])
        let csv = ProcessCSV([part]).text.split(separator: "\n")
        #expect(csv.count == 3 && csv.dropFirst().allSatisfy { $0.contains("\",1,") })
    }

    /// That nothing was looked into is said, and so is what was left out.
    @Test func contentThatWasNotSeen() {
        let nothing = text(report { $0.content = ContentSample() })
        #expect(nothing.contains("\ncontent: no transparent huge page was looked into\n"))
        #expect(nothing.contains(": what 5 MiB in transparent huge pages holds"))
        let some = report {
            var sample = ContentSample()
            (sample.candidates, sample.hugePages, sample.basePages) = (2, 2, 1024)
            $0.content = sample
        }
        #expect(
            text(some).contains(
                "\ncontent: 0 % zero-filled in a sample of 2 of 2 huge pages; 1 MiB more, mapped in parts, was not looked into\n"
            ))
    }

    @Test func documentsFitTheSchema() throws {
        let variants = [
            report { $0.content = ContentSample() }.limited(to: [NodeID(1)]),
            report(), report { $0.isClassified = false }, report { $0.frames.byFlags = [[.huge, .mmap]: 4] },
            report { $0.content = ContentSample() }, ProcessReport(judging: emptyProcess(2, named: ForeignText(""))),
            report { ($0.course, $0.withoutMemoryAs) = (.withoutMemory, .zombie) },
        ]
        let documents = try variants.map { try ProcessJSON($0, version: "1").text }
        try expectFit(documents, "hugeaudit.process/1", spoilt: ["\"pid\"", "\"pageSize\"", "\"misplaced\""])
    }
}
