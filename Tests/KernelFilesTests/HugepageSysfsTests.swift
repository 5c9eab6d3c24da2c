import KernelFiles
import Observations
import PageModel
import SystemPackage
import TestSupport
import Testing

@testable import KernelFiles

private let folders: [(String, UInt64)] = [
    ("hugepages-2048kB", 2 << 20),
    ("hugepages-1048576kB", 1 << 30),
    ("hugepages-64kB", 64 << 10),
    ("hugepages-16777216kB", 16 << 30),
    ("hugepages-4kB", 4096),
]

@Test(arguments: folders) func sizeOfFolder(name: String, bytes: UInt64) throws {
    let size = try #require(PageSize(hugepagesFolder: name))
    #expect(size.bytes == bytes)
    #expect(size.hugepagesFolder == name)
}

@Test(arguments: [
    "", "hugepages-", "hugepages-kB", "hugepages-2048", "hugepages-2048KB", "hugepages-2048kB ", "hugepages-3000kB",
    "hugepages-2kB", "hugepages-0kB", "hugepages--2048kB", "2048kB", "hugepages-02048kB",
    "hugepages-18446744073709551615kB", "hugepages-18446744073709551616kB", "hugepages-18014398509481984kB",
]) func noSizeInName(name: String) {
    #expect(PageSize(hugepagesFolder: name) == nil)
}

private let demoteSizes: [(String, UInt64?)] = [
    ("2048kB\n", 2 << 20),
    ("64kB", 64 << 10),
    ("2048\n", nil),
    ("2048 kB\n", nil),
    ("3000kB\n", nil),
    ("", nil),
    ("-2048kB", nil),
    ("18446744073709551615kB", nil),
]

@Test(arguments: demoteSizes) func demoteSize(text: String, bytes: UInt64?) throws {
    let error = formatError { () throws(FormatError) in
        #expect(try PageSize(parsingDemoteSize: KernelFilesTests.bytes(text)).bytes == bytes)
    }
    #expect((error == nil) == (bytes != nil))
    if let error { #expect((error.line, error.expected) == (1, "a page size such as 2048kB")) }
}

private let folder = "sys/kernel/mm/hugepages/hugepages-2048kB"
private let required = [
    "nr_hugepages": "40\n", "free_hugepages": "33\n", "surplus_hugepages": "2\n", "resv_hugepages": "1\n",
]

private func pool(_ files: [String: String]) throws -> ScratchTree {
    let files = files.map { ("\(folder)/\($0)", bytes($1)) }
    return try ScratchTree(Dictionary(uniqueKeysWithValues: files), folders: [folder])
}

private func twoMiB() throws -> PageSize { try #require(PageSize(bytes: 2 << 20)) }

@Test func countersWithoutOptionalFiles() throws {
    let tree = try pool(required)
    let global = try tree.root.globalHugepages(of: twoMiB())
    #expect(global.counts == NodeHugepages(nrHugepages: 40, freeHugepages: 33, surplusHugepages: 2))
    #expect(global.reservedHugepages == 1)
    #expect(global.nrOvercommitHugepages == nil)
    #expect(global.nrHugepagesMempolicy == nil)
    #expect(global.demoteSize == nil)
}

@Test func countersWithEveryFile() throws {
    let optional = ["nr_overcommit_hugepages": "8\n", "nr_hugepages_mempolicy": "40\n", "demote_size": "64kB\n"]
    let tree = try pool(required.merging(optional) { $1 })
    let global = try tree.root.globalHugepages(of: twoMiB())
    #expect(global.nrOvercommitHugepages == 8)
    #expect(global.nrHugepagesMempolicy == 40)
    #expect(global.demoteSize == PageSize(bytes: 64 << 10))
}

private let reservations: [(String, Int64)] = [
    ("0\n", 0),
    ("7\n", 7),
    ("18446744073709551615\n", -1),  // a private page pinned after munmap, on 6.12 and newer
    ("18446744073709551613\n", -3),
    ("9223372036854775807\n", .max),
    ("9223372036854775808\n", .min),
]

@Test(arguments: reservations) func reservation(text: String, pages: Int64) throws {
    let tree = try pool(required.merging(["resv_hugepages": text]) { $1 })
    #expect(try tree.root.globalHugepages(of: twoMiB()).reservedHugepages == pages)
}

private let refused: [(String, String, String)] = [
    ("nr_hugepages", "", "a count of pages, at most 2^52"),
    ("nr_hugepages", "-1\n", "a count of pages, at most 2^52"),
    ("free_hugepages", "18446744073709551615\n", "a count of pages, at most 2^52"),
    ("surplus_hugepages", "4503599627370497\n", "a count of pages, at most 2^52"),
    ("nr_overcommit_hugepages", "1 2\n", "a count of pages, at most 2^52"),
    ("nr_hugepages_mempolicy", "x\n", "a count of pages, at most 2^52"),
    ("resv_hugepages", "18446744073709551616\n", "a count of reserved pages"),
    ("resv_hugepages", "-1\n", "a count of reserved pages"),
    ("demote_size", "2048\n", "a page size such as 2048kB"),
]

@Test(arguments: refused) func counterRefuses(file: String, text: String, expected: String) throws {
    let tree = try pool(required.merging([file: text]) { $1 })
    let size = try twoMiB()
    let error = try #require(fileError { () throws(KernelFileError) in try tree.root.globalHugepages(of: size) })
    #expect(error.path == tree.root.path("\(folder)/\(file)"))
    guard case .malformed(let format) = error.problem else { throw error }
    #expect((format.line, format.expected) == (1, expected))
}

@Test(arguments: required.keys.sorted()) func requiredCounterIsMissing(file: String) throws {
    let tree = try pool(required.filter { $0.key != file })
    let size = try twoMiB()
    let error = try #require(fileError { () throws(KernelFileError) in try tree.root.globalHugepages(of: size) })
    #expect(error.path == tree.root.path("\(folder)/\(file)"))
    #expect(error.problem == .system(action: "open", .noSuchFileOrDirectory))
}

@Test func unknownFolderIsNamed() throws {
    let tree = try ScratchTree(folders: [folder, "sys/kernel/mm/hugepages/hugepages-3000kB"])
    let error = try #require(fileError { () throws(KernelFileError) in try tree.root.hugepageSizes() })
    #expect(error.description.contains("sys/kernel/mm/hugepages: line 1 is \"hugepages-3000kB\", expected a folder"))
}

@Test func fixtureAgreesWithItsTruth() throws {
    let tree = try FixtureTree("four-nodes-6.1")
    let sizes = try tree.root.hugepageSizes()
    #expect(sizes.map(\.bytes) == [2 << 20, 1 << 30])
    for (pool, truth) in tree.truth {
        let counts = NodeHugepages(nrHugepages: truth.nr, freeHugepages: truth.free, surplusHugepages: truth.surplus)
        #expect(try tree.root.nodeHugepages(of: pool, isOptional: false) == counts)
    }
    #expect(tree.truth.count == 8)
    #expect(try tree.root.globalHugepages(of: sizes[1]).demoteSize == sizes[0])
    let missing = Pool(node: NodeID(4), size: sizes[0])
    #expect(try tree.root.nodeHugepages(of: missing, isOptional: true) == nil)
    #expect(throws: KernelFileError.self) { try tree.root.nodeHugepages(of: missing, isOptional: false) }
}

@Test func underflowOfTheFixture() throws {
    let tree = try FixtureTree("underflow-7.2")
    #expect(try tree.root.globalHugepages(of: twoMiB()).reservedHugepages == -1)
}
