import Observations
import PageModel
import Testing

@testable import KernelFiles

private let machine = "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"
private let node = "/sys/devices/system/node/node1/hugepages/hugepages-1048576kB/nr_hugepages"
private let vm = "/proc/sys/vm/nr_hugepages"

/// `SIZE NODE PAGES`, with `-` for the default size and for the whole machine.
private func shown(_ request: RequestedPages) -> String {
    let size = request.size.map { "\($0)".replacing(" ", with: "") } ?? "-"
    return "\(size) \(request.node?.description ?? "-") \(request.pages)"
}

private let asking: [(String, [String])] = [
    ("echo 64 > \(machine)", ["2MiB - 64"]),
    ("echo 8 >\(node)", ["1GiB 1 8"]),
    ("  echo 8 >> \(vm) # all of them", ["- - 8"]),
    ("ExecStart=/bin/sh -c 'echo 8 > \(node)'", ["1GiB 1 8"]),
    ("ExecStart=-/usr/bin/bash -ec \"echo 8 > \(node); echo 4 >\(vm)\"", ["1GiB 1 8", "- - 4"]),
    ("/bin/sh -c \"sh -c 'echo 8 > \(vm)'\"", ["- - 8"]),
    ("echo \"8\" > '\(vm)'", ["- - 8"]), ("/bin/echo -n 8 1> \(vm)", ["- - 8"]), ("echo 8 >| \(vm)", ["- - 8"]),
    ("echo 8 2>/dev/null > \(vm) 2>&1", ["- - 8"]), ("echo 8 2>&1 > \(vm)", ["- - 8"]),
    ("[ -e \(vm) ] && echo 8 > \(vm) || exit 1", ["- - 8"]), ("if true; then echo 8 > \(vm); fi", ["- - 8"]),
    ("(echo 8 > \(vm))", ["- - 8"]), ("sudo echo 8 > \(vm)", ["- - 8"]),
    ("echo 8 | tee \(machine) \(node)", ["2MiB - 8", "1GiB 1 8"]), ("echo 8|sudo tee -a \(vm) >/dev/null", ["- - 8"]),
    ("sysctl -w vm.nr_hugepages=64", ["- - 64"]), ("/sbin/sysctl -q vm/nr_hugepages=64 vm.swappiness=1", ["- - 64"]),
    ("sysctl -w vm.nr_hugepages_mempolicy=64", ["- - 64"]),
    ("hugeadm --pool-pages-min 2MB:64", ["2MiB - 64"]), ("hugeadm --pool-pages-min=1G:2 -v", ["1GiB - 2"]),
    ("hugeadm --pool-pages-min DEFAULT:64 --pool-pages-min 1GB:1", ["- - 64", "1GiB - 1"]),
    ("echo 0 > \(vm)", ["- - 0"]),
]

@Test(arguments: asking) func shellLineThatAsks(text: String, requests: [String]) {
    let found = ShellRequests(line: bytes(text)[...]).requests
    #expect(found.map(shown) == requests)
    #expect(found.allSatisfy { $0.text == ForeignText(bytes(text)[...].trimmed) })
}

private let silent = [
    "echo $N > \(vm)", "echo $((4*2)) > \(vm)", "echo `nproc` > \(vm)", "echo 8 > $POOL/nr_hugepages", "echo > \(vm)",
    "echo 8 > /sys/devices/system/node/node$i/hugepages/hugepages-2048kB/nr_hugepages",
    "echo 8 > /sys/devices/system/node/node*/hugepages/hugepages-2048kB/nr_hugepages",
    "echo 8 > /sys/devices/system/node/node01/hugepages/hugepages-2048kB/nr_hugepages",
    "echo 8 > /sys/kernel/mm/hugepages/hugepages-2048kB/nr_overcommit_hugepages",
    "echo 8 > /sys/kernel/mm/hugepages/hugepages-3kB/nr_hugepages", "echo 8 > /tmp/proc/sys/vm/nr_hugepages",
    "echo 8 > sys/vm/nr_hugepages", "echo 8 4 > \(vm)", "echo -8 > \(vm)", "echo 8M > \(vm)", "echo 010 > \(vm)",
    "echo 99999999999999999999 > \(vm)", "# echo 8 > \(vm)", "echo 8 # > \(vm)", "echo 8 2> \(vm)", "echo 8> \(vm)",
    "echo 'echo 8 > \(vm)'", "echo usage: \"sysctl -w vm.nr_hugepages=8\"", "echo sysctl -w vm.nr_hugepages=8",
    "echo 8; tee \(vm)", "echo 8 | cat | tee \(vm)", "cat \(vm)", "cat < \(vm)", "tee \(vm)", "sysctl vm.nr_hugepages",
    "sysctl -w vm.nr_hugepages = 8", "sysctl -w xvm.nr_hugepages=8", "sysctl -w vm.nr_hugepages=$N",
    "hugeadm --pool-pages-min 2MB:+64", "hugeadm --pool-pages-min 2MB:512M", "hugeadm --pool-pages-min",
    "hugeadm --pool-pages-max 2MB:64", "hugeadm --pool-pages-min 3MB:64", "sh -c", "sh hugepages.sh -c",
    "'echo 8 > \(vm)", "\"", "\\", "> > >", "| | ;; && nr_hugepages", "", "echo 8 > \(vm)\u{0}",
]

@Test(arguments: silent) func shellLineThatAsksForNothingKnown(text: String) {
    #expect(ShellRequests(line: bytes(text)[...]).requests.isEmpty)
}

/// No line takes long, nor more than a few levels of shells.
@Test func hostileLines() {
    let deep = String(repeating: "sh -c ", count: 1000) + "'echo 8 > \(vm)'"
    #expect(ShellRequests(line: bytes(deep)[...]).requests.isEmpty)
    for part in ["hugepages ", "> hugepages", "|hugepages", "'hugepages'", ";hugepages ", "\\hugepages", "$(hugepages"]
    {
        let line = [UInt8](repeatElement(bytes(part), count: 20000).joined())
        #expect(ShellRequests(line: line[...]).requests.isEmpty)
    }
}

@Test func wordsAndFilesOfCommands() {
    let line = ShellLine(bytes(#"a 'b "c' d\ e > f;g "h\"i" >>j 2>k|l # m"#)[...])
    let shown = line.pipelines.map { pipeline in
        pipeline.map { command in
            (command.words + [[UInt8(ascii: ">")]] + command.outputs).map { String(decoding: $0, as: UTF8.self) }
        }
    }
    #expect(shown == [[["a", "b \"c", "d e", ">", "f"]], [["g", "h\"i", ">", "j"], ["l", ">"]]])
}
