import Observations
import PageModel
import Testing

@testable import KernelFiles

/// `SIZE NODE PAGES`, with `-` for the default size and for the whole machine.
private func shown(_ request: RequestedPages) -> String {
    let size = request.size.map { "\($0)".replacing(" ", with: "") } ?? "-"
    return "\(size) \(request.node?.description ?? "-") \(request.pages)"
}

private let lines: [(String, [String])] = [
    ("quiet console=ttyS0", []),
    ("hugepages=8", ["- - 8"]),
    ("hugepagesz=1G hugepages=4 hugepagesz=2M hugepages=512", ["1GiB - 4", "2MiB - 512"]),
    ("hugepagesz=1G hugepages=0:8,1:16\n", ["1GiB 0 8", "1GiB 1 16"]),
    ("hugepages=0:8,1:16", ["- 0 8", "- 1 16"]),
    // The count before any size is that of the default size, the one behind default_hugepagesz= belongs to it.
    ("hugepages=3 default_hugepagesz=1G", ["- - 3"]),
    ("default_hugepagesz=1G hugepages=3", ["1GiB - 3"]),
    ("default_hugepagesz=1G hugepagesz=2M hugepages=3", ["2MiB - 3"]),
    ("default_hugepagesz=1G hugepagesz=1G hugepages=3", ["1GiB - 3"]),
    ("default_hugepagesz=1G hugepages=2 hugepagesz=1G hugepages=3", ["1GiB - 2"]),
    ("default-hugepagesz=1G hugepages=2", ["1GiB - 2"]),
    // It replaces one that names that size, once the kernel knows that it is the default.
    ("hugepages=3 hugepagesz=2M hugepages=8", ["2MiB - 8", "- - 3"]),
    ("hugepages=0 hugepagesz=2M hugepages=8", ["- - 0", "2MiB - 8"]),
    ("hugepages=3 hugepagesz=2M hugepages=8 default_hugepagesz=2M", ["2MiB - 8", "- - 3"]),
    ("hugepages=3 default_hugepagesz=2M hugepages=5", ["- - 3", "2MiB - 5"]),
    // What is said twice is taken once.
    ("hugepages=8 hugepages=16", ["- - 8"]),
    ("hugepagesz=2M hugepages=8 hugepages=16", ["2MiB - 8"]),
    ("hugepagesz=2M hugepages=8 hugepagesz=2M hugepages=16", ["2MiB - 8"]),
    ("hugepagesz=2M hugepages=8 hugepagesz=2M hugepages=16 hugepagesz=1G hugepages=1", ["2MiB - 8", "1GiB - 1"]),
    // After a size that is none the count is ignored.
    ("hugepagesz=3M hugepages=8", []), ("hugepagesz= hugepages=8", []), ("hugepagesz=2K hugepages=8", []),
    ("hugepagesz=2M hugepages=0", ["2MiB - 0"]),
    // Sizes as memparse reads them.
    ("hugepagesz=2048k hugepages=1", ["2MiB - 1"]), ("hugepagesz=2MB hugepages=1", ["2MiB - 1"]),
    ("hugepagesz=2097152 hugepages=1", ["2MiB - 1"]), ("hugepagesz=0x200000 hugepages=1", ["2MiB - 1"]),
    ("hugepagesz=010000000 hugepages=1", ["2MiB - 1"]), ("hugepagesz=16g hugepages=1", ["16GiB - 1"]),
    ("hugepagesz=99999999999999999999G hugepages=1", []), ("hugepagesz=17179869184G hugepages=1", []),
    // Counts as far as the kernel understands them.
    ("hugepages=", []), ("hugepages=x", []), ("hugepages=-8", []), ("hugepages=x hugepages=8", ["- - 8"]),
    ("hugepages= hugepages=8", []), ("hugepages=0:8, hugepages=1:4", ["- 0 8"]),
    ("hugepages=0:8,x hugepages=9", ["- 0 8", "- - 9"]),
    ("hugepages=8x", ["- - 8"]), ("hugepages", []),
    ("hugepages=0:8,x", ["- 0 8"]), ("hugepages=0:8,16", ["- 0 8"]), ("hugepages=0:8;1:4", ["- 0 8"]),
    ("hugepages=0:,1:4", []), ("hugepages=:8", []), ("hugepages=8,0:4", ["- - 8"]),
    ("hugepages=99999999999999999999", []), ("hugepages=18446744073709551615:1", []),
    ("hugepages=9223372036854775807:18446744073709551615", ["- 9223372036854775807 18446744073709551615"]),
    // Words and quotes.
    (#""hugepages=8""#, ["- - 8"]), (#"hugepages="8""#, ["- - 8"]), (#"a="b hugepages=8""#, []),
    (#"a="b c" hugepages=8"#, ["- - 8"]), (#"hugepages=""#, []), (#"""#, []), ("\thugepages=8\n", ["- - 8"]),
    ("x.hugepages=8 xhugepages=9 hugepagesx=4", []), ("=8 hugepages=2", ["- - 2"]),
    ("a -- hugepages=8", []), ("a --b hugepages=8", ["- - 8"]), ("", []),
]

@Test(arguments: lines) func kernelCommandLine(text: String, requests: [String]) {
    #expect(KernelCommandLine(parsing: bytes(text)).requests.map(shown) == requests)
}

@Test func textOfARequestIsItsArgument() {
    let line = KernelCommandLine(parsing: bytes("a hugepagesz=1G hugepages=0:8,1:16 b"))
    #expect(Set(line.requests.map(\.text)) == [ForeignText("hugepages=0:8,1:16")])
}

@Test func defaultSizeIsTheFirst() {
    let line = KernelCommandLine(parsing: bytes("default_hugepagesz=1G default_hugepagesz=2M hugepages=8"))
    #expect(line.defaultSize == PageSize(bytes: 1 << 30))
    #expect(line.requests.isEmpty)
}
