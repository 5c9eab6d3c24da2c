import Audit
import Observations
import PageModel
import Testing

private let id = "4f797c539e6c745de61a93ca3ff892358ecbcaccd8414d5db545c38428142970"
private let uid = "5c3a1f9e-0d2b-4c88-9a51-7f60e2b1d3aa"
private let low = "5c3a1f9e_0d2b_4c88_9a51_7f60e2b1d3aa"
private let pods =
    "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod\(low).slice/cri-containerd-\(id).scope"

/// A word, a process (PID 4711 unless said) and whether the word means it.
private let words: [(word: String, name: String, cgroup: String, matches: Bool)] = [
    ("4711", "x", "/", true), ("471", "4711", "/", false), ("04711", "x", "/", true),
    ("99999999999", "x", "/", false), ("-4711", "x", "/", false),
    ("postgres", "postgres", "/", true), ("postgres", "postgres2", "/", false), ("Postgres", "postgres", "/", false),
    ("systemd-networkd", "systemd-network", "/", true), ("systemd-networ", "systemd-network", "/", false),
    ("post*", "postgres", "/", true), ("*", "", "/", true), ("p?stgres", "postgres", "/", true),
    ("[op]ostgres", "postgres", "/", true), ("post*x", "postgres", "/", false), ("*(sd-pam)", "(sd-pam)", "/", true),
    ("a\\*", "a*", "/", true), ("[", "[", "/", true), ("", "x", "/", false), ("", "", "/", true),
    ("/", "x", "/", true), ("/", "x", "/a/b", true),
    ("/a", "x", "/a", true), ("/a/", "x", "/a/b", true), ("/a", "x", "/ab", false), ("/a/b", "x", "/a", false),
    ("foo.service", "x", "/system.slice/foo.service", true),
    ("foo.service", "x", "/system.slice/foo.service/payload", true),
    ("foo.service", "x", "/system.slice/xfoo.service", false), ("foo.service", "foo.service", "/", false),
    ("cpu.service", "x", "/system.slice/_cpu.service", true),
    ("system.slice", "x", "/system.slice/foo.service", true),
    ("a-b.service", "x", "/system.slice/a\\x2db.service", true),
    ("a\\x2db.service", "x", "/system.slice/a\\x2db.service", true),
    (uid, "x", pods, true), (low, "x", pods, true), (uid.uppercased(), "x", pods, true),
    ("5c3a1f9e-0d2b-4c88-9a51-7f60e2b1d3ab", "x", pods, false),
    ("5c3a1f9e0d2b4c889a517f60e2b1d3aa", "x", pods, true),
    (id, "x", pods, true), (String(id.prefix(12)), "x", pods, true), (String(id.prefix(11)), "x", pods, false),
    ("4f797c539e6d", "x", pods, false), ("4f797c539e6c", "4f797c539e6c", "/", true),
    ("web", "x", "/lxc/web/system.slice", true), ("web", "x", "/lxc/webb", false), ("we*", "x", "/lxc/web", false),
]

@Test(arguments: words) func selectorMatches(_ row: (word: String, name: String, cgroup: String, matches: Bool)) {
    let selector = ProcessSelector(row.word)
    let matches = selector.matches(pid: PID(4711), name: ForeignText(row.name), cgroup: ForeignText(row.cgroup))
    #expect(matches == row.matches)
}

@Test(arguments: [("4711", PID(4711)), ("0", PID(0)), ("99999999999", nil), ("postgres", nil), ("", nil), ("+1", nil)])
func selectorIsAPID(_ word: String, _ pid: PID?) {
    #expect(ProcessSelector(word).isPID == pid)
}

@Test func selectorOfBytesThatAreNoText() {
    #expect(
        ProcessSelector("a?b").matches(pid: PID(1), name: ForeignText([0x61, 0xff, 0x62]), cgroup: ForeignText("/")))
}
