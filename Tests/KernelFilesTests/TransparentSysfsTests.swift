import KernelFiles
import Observations
import PageModel
import SystemPackage
import Testing

@testable import KernelFiles

private let folder = "sys/kernel/mm/transparent_hugepage"

private let choices: [(String, String)] = [
    ("[always] madvise never\n", "always"),
    ("always [madvise] never\n", "madvise"),
    ("always within_size advise never deny [force]", "force"),
    ("always [within_size] advise never deny force", "within_size"),
    ("always [inherit] madvise never\n", "inherit"),
]

@Test(arguments: choices) func choiceInForce(text: String, word: String) throws {
    #expect(try choice(parsing: bytes(text)) == word)
}

private let refused = [
    "", "always madvise never\n", "[always] [never]", "[]", "[always", "always]", "[Always]", "[\u{1b}]", "[a b]",
    "[a]\u{0}",
]

@Test(arguments: refused) func choiceRefuses(text: String) throws {
    let error = try #require(formatError { () throws(FormatError) in try choice(parsing: bytes(text)) })
    #expect((error.line, error.expected) == (1, "choices with one in brackets, such as [always] madvise never"))
}

/// As 6.18 has it: 8 KiB is for shared memory only.
@Test func settingsOfSysfs() throws {
    let tree = try ScratchTree([
        "\(folder)/enabled": bytes("always [madvise] never\n"),
        "\(folder)/shmem_enabled": bytes("always within_size [advise] never deny force\n"),
        "\(folder)/hpage_pmd_size": bytes("2097152\n"), "\(folder)/defrag": bytes("[always] never\n"),
        "\(folder)/hugepages-2048kB/enabled": bytes("always [inherit] madvise never\n"),
        "\(folder)/hugepages-64kB/enabled": bytes("[always] inherit madvise never\n"),
        "\(folder)/hugepages-8kB/shmem_enabled": bytes("always inherit within_size advise [never]\n"),
        "\(folder)/khugepaged/defrag": bytes("1\n"),
    ])
    let settings = try tree.root.transparentSettings()
    let large = try #require(PageSize(bytes: 2 << 20))
    let small = try #require(PageSize(bytes: 64 << 10))
    #expect((settings.enabled, settings.shmemEnabled) == ("madvise", "advise"))
    #expect(settings.pmdSize == large)
    #expect(settings.sizes == [large: "inherit", small: "always"])
}

@Test func kernelWithoutTransparentHugePages() throws {
    #expect(try ScratchTree().root.transparentSettings() == TransparentSettings())
    #expect(try ScratchTree(folders: [folder]).root.transparentSettings() == TransparentSettings())
}

private let damaged: [(String, String, String)] = [
    ("enabled", "always", "choices with one in brackets, such as [always] madvise never"),
    ("shmem_enabled", "", "choices with one in brackets, such as [always] madvise never"),
    ("hugepages-64kB/enabled", "x\n", "choices with one in brackets, such as [always] madvise never"),
    ("hpage_pmd_size", "2097153\n", "a page size in bytes"),
    ("hpage_pmd_size", "-1\n", "a page size in bytes"),
]

@Test(arguments: damaged) func settingsRefuse(file: String, text: String, expected: String) throws {
    let tree = try ScratchTree(["\(folder)/\(file)": bytes(text)])
    let error = try #require(fileError { () throws(KernelFileError) in try tree.root.transparentSettings() })
    #expect(error.path == tree.root.path("\(folder)/\(file)"))
    guard case .malformed(let reason) = error.problem else { throw error }
    #expect((reason.line, reason.expected) == (1, expected))
}

@Test func folderOfNoSizeIsNamed() throws {
    let tree = try ScratchTree(folders: ["\(folder)/hugepages-3000kB"])
    let error = try #require(fileError { () throws(KernelFileError) in try tree.root.transparentSettings() })
    #expect(
        error.reason == "line 1 is \"hugepages-3000kB\", expected a folder named hugepages-SIZEkB with a power of two")
}

@Test func liveSettings() throws {
    let root = KernelRoot.live
    let settings = try root.transparentSettings()
    #expect((settings.enabled != nil) == root.exists("\(folder)/enabled"))
    guard let word = settings.enabled else { return }
    #expect(["always", "madvise", "never"].contains(word))
    let pmd = try #require(settings.pmdSize)
    #expect(settings.sizes.isEmpty || settings.sizes[pmd] != nil)
}
