import Audit
import Observations
import Testing

private let id = "4f797c539e6c745de61a93ca3ff892358ecbcaccd8414d5db545c38428142970"
private let other = "9687bac58d5c4d1606aa46af33d1a21c1d1652e0ac9fb3fc0fc86e3495f42869"
private let uid = "5c3a1f9e-0d2b-4c88-9a51-7f60e2b1d3aa"
private let low = "5c3a1f9e_0d2b_4c88_9a51_7f60e2b1d3aa"
private let digest = "c5f1ea0c2b6e4b0d9a7f3c1d8e2b4a60"
private let user = "/user.slice/user-1000.slice/user@1000.service"

/// A path and what it tells; the container is `RUNTIME:ID`, with `?` where the runtime is not told.
struct CgroupLayout: CustomTestStringConvertible, Sendable {
    let path: String
    var unit: String?
    var container: String?
    var pod: String?
    init(_ path: String, unit: String? = nil, container: String? = nil, pod: String? = nil) {
        (self.path, self.unit, self.container, self.pod) = (path, unit, container, pod)
    }
    var testDescription: String { path }
}

private let systemd = [
    CgroupLayout("/init.scope", unit: "init.scope"),
    CgroupLayout("/system.slice/foo.service", unit: "foo.service"),
    CgroupLayout("/system.slice/foo.service/payload", unit: "foo.service"),
    CgroupLayout("/system.slice/foo.service/bar.service", unit: "foo.service"),  // delegated: the service's own affair
    CgroupLayout("/system.slice/system-foo.slice/foo@bar.service", unit: "foo@bar.service"),
    CgroupLayout(
        "/system.slice/system-getty.slice/getty@tty1.service/aaa/bbb", unit: "getty@tty1.service"),
    CgroupLayout("/system.slice/_cpu.service", unit: "cpu.service"),  // cgroupfs could have a file of that name
    CgroupLayout("/system.slice/dbus.socket", unit: "dbus.socket"),
    CgroupLayout("/foo.service", unit: "foo.service"),
    CgroupLayout("\(user)/app.slice/app-x.scope", unit: "app-x.scope"),
    CgroupLayout("\(user)/app.slice/app-gnome\\x2dshell-2.scope", unit: "app-gnome\\x2dshell-2.scope"),
    CgroupLayout("\(user)/init.scope", unit: "user@1000.service"),
    CgroupLayout("\(user)", unit: "user@1000.service"),
    CgroupLayout("/user.slice/user-1000.slice/session-3.scope", unit: "session-3.scope"),
    CgroupLayout("/user.slice/user-1000.slice/session-3.scope/db.service", unit: "db.service"),
    CgroupLayout(
        "/machine.slice/machine-qemu\\x2d1\\x2dvm.scope/libvirt/emulator", unit: "machine-qemu\\x2d1\\x2dvm.scope"),
]

private let engines = [
    CgroupLayout("/docker/\(id)", container: "docker:\(id)"),
    CgroupLayout("/docker/\(id)/init", container: "docker:\(id)"),
    CgroupLayout("/docker/\(other)/docker/\(id)", container: "docker:\(id)"),
    CgroupLayout("/system.slice/docker-\(id).scope", container: "docker:\(id)"),
    CgroupLayout("\(user)/user.slice/docker-\(id).scope", container: "docker:\(id)"),
    CgroupLayout("/system.slice/docker.service/docker/\(id)", unit: "docker.service", container: "docker:\(id)"),
    CgroupLayout("/system.slice:docker:\(id)", container: "docker:\(id)"),
    CgroupLayout("/ecs/0123456789abcdef/\(id)", container: "?:\(id)"),
    CgroupLayout("/\(id)", container: "?:\(id)"),
    CgroupLayout("/machine.slice/libpod-\(id).scope", container: "podman:\(id)"),
    CgroupLayout("/machine.slice/libpod-\(id).scope/container", container: "podman:\(id)"),
    CgroupLayout("\(user)/user.slice/libpod-\(id).scope/container", container: "podman:\(id)"),
    CgroupLayout("/libpod_parent/libpod-\(id)", container: "podman:\(id)"),
    CgroupLayout("/libpod_parent/\(other)/libpod-\(id)", container: "podman:\(id)"),
    CgroupLayout("/system.slice/nginx.service/libpod-payload-\(id)", unit: "nginx.service", container: "podman:\(id)"),
    CgroupLayout(
        "\(user)/app.slice/redis.service/libpod-payload-\(id)", unit: "redis.service", container: "podman:\(id)"),
    CgroupLayout(
        "/machine.slice/libpod-\(id).scope/container/system.slice/db.service", unit: "db.service",
        container: "podman:\(id)"),
    CgroupLayout(
        "/machine.slice/machine-libpod_pod_\(other).slice/libpod-\(id).scope", container: "podman:\(id)", pod: other),
    CgroupLayout("/default/\(id)", container: "containerd:\(id)"),
    CgroupLayout("/k8s.io/\(id)", container: "containerd:\(id)"),
    CgroupLayout("/system.slice/nerdctl-\(id).scope", container: "containerd:\(id)"),
    CgroupLayout("/lxc/web", container: "lxc:web"),
    CgroupLayout("/lxc/100/ns/system.slice/db.service", unit: "db.service", container: "lxc:100"),
    CgroupLayout("/lxc.payload.web", container: "lxc:web"),
    CgroupLayout("/lxc.payload.web/init.scope", unit: "init.scope", container: "lxc:web"),
    CgroupLayout("/lxc.payload.web.prod/system.slice/db.service", unit: "db.service", container: "lxc:web.prod"),
    CgroupLayout("/lxc.payload/web", container: "lxc:web"),
    CgroupLayout(
        "\(user)/app.slice/run-1.scope/lxc.payload.web", unit: "run-1.scope", container: "lxc:web"),
    CgroupLayout("/machine.slice/systemd-nspawn@web.service", container: "systemd-nspawn:web"),
    CgroupLayout("/machine.slice/systemd-nspawn@my\\x2dweb.service/payload", container: "systemd-nspawn:my-web"),
    CgroupLayout(
        "/machine.slice/systemd-nspawn@web.service/payload/system.slice/db.service", unit: "db.service",
        container: "systemd-nspawn:web"),
]

private let kubepods = "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod\(low).slice"
private let kind = "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice"

private let kubernetes = [
    CgroupLayout("/kubepods/burstable/pod\(uid)/\(id)", container: "?:\(id)", pod: uid),
    CgroupLayout("/kubepods/besteffort/pod\(uid)/\(id)", container: "?:\(id)", pod: uid),
    CgroupLayout("/kubepods/pod\(uid)/\(id)", container: "?:\(id)", pod: uid),
    CgroupLayout("/kubepods/pod\(uid)", pod: uid),
    CgroupLayout("/kubepods/burstable/pod\(digest)/\(id)", container: "?:\(id)", pod: digest),  // a static pod
    CgroupLayout("/kubepods/burstable/pod\(uid)/crio-\(id)", container: "cri-o:\(id)", pod: uid),
    CgroupLayout("/kubelet/kubepods/burstable/pod\(uid)/\(id)", container: "?:\(id)", pod: uid),
    CgroupLayout("/kubepods/burstable/pod\(uid)/\(other)/docker/\(id)", container: "docker:\(id)", pod: uid),
    CgroupLayout("\(kubepods)/cri-containerd-\(id).scope", container: "containerd:\(id)", pod: uid),
    CgroupLayout("\(kubepods)/crio-\(id).scope", container: "cri-o:\(id)", pod: uid),
    CgroupLayout("\(kubepods)/crio-\(id).scope/container", container: "cri-o:\(id)", pod: uid),
    CgroupLayout("\(kubepods)/docker-\(id).scope", container: "docker:\(id)", pod: uid),
    CgroupLayout("\(kubepods)/\(id)", container: "?:\(id)", pod: uid),
    CgroupLayout("\(kubepods)", pod: uid),
    CgroupLayout("/kubepods.slice/kubepods-pod\(low).slice/crio-\(id).scope", container: "cri-o:\(id)", pod: uid),
    CgroupLayout(
        "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod\(digest).slice/docker-\(id).scope",
        container: "docker:\(id)", pod: digest),
    CgroupLayout("/kubepods-besteffort-pod\(low).slice:cri-containerd:\(id)", container: "containerd:\(id)", pod: uid),
    CgroupLayout(
        "/system.slice/containerd.service/kubepods-pod\(low).slice:cri-containerd:\(id)",
        container: "containerd:\(id)", pod: uid),
    CgroupLayout(
        "\(kind)/kubelet-kubepods-besteffort-pod\(low).slice/cri-containerd-\(id).scope",
        container: "containerd:\(id)", pod: uid),
    CgroupLayout(
        "/docker/\(other)\(kind)/kubelet-kubepods-besteffort-pod\(low).slice/cri-containerd-\(id).scope",
        container: "containerd:\(id)", pod: uid),
    CgroupLayout("/docker/\(other)/kubelet/kubepods/pod\(uid)/\(id)", container: "?:\(id)", pod: uid),
    CgroupLayout(
        "/docker/\(other)/system.slice/kubelet.service", unit: "kubelet.service", container: "docker:\(other)"),
    CgroupLayout(
        "/kubepods/pod\(uid)/\(id)/system.slice/db.service", unit: "db.service", container: "?:\(id)", pod: uid),
]

/// Names that only look like one, and paths that tell nothing.
private let lookalikes = [
    CgroupLayout(""),
    CgroupLayout("/"),
    CgroupLayout("/../.."),
    CgroupLayout("/pool"),
    CgroupLayout("/pool/foo.service"),  // not below slices
    CgroupLayout("/system.slice"),
    CgroupLayout("/system.slice/getty@.service"),  // a template
    CgroupLayout("/system.slice/.service"),
    CgroupLayout("/system.slice/@x.service"),
    CgroupLayout("/system.slice/foo.services"),
    CgroupLayout("/system.slice/foo bar.service"),
    CgroupLayout("/system.slice/foo#1.service"),
    CgroupLayout("/system.slice/docker.service", unit: "docker.service"),
    CgroupLayout("/system.slice/docker-\(id.dropLast()).scope", unit: "docker-\(id.dropLast()).scope"),
    CgroupLayout("/system.slice/docker-\(id)0.scope", unit: "docker-\(id)0.scope"),
    CgroupLayout("/system.slice/docker-\(id.uppercased()).scope", unit: "docker-\(id.uppercased()).scope"),
    CgroupLayout("/system.slice/-\(id).scope", unit: "-\(id).scope"),
    CgroupLayout("/system.slice/xdocker-\(id).scope", unit: "xdocker-\(id).scope"),
    CgroupLayout("/docker/\(id.dropLast())"),
    CgroupLayout("/docker/\(id.dropLast())g"),
    CgroupLayout("/docker/buildx"),
    CgroupLayout("/default/web"),
    CgroupLayout("/machine.slice/libpod-conmon-\(id).scope", unit: "libpod-conmon-\(id).scope"),
    CgroupLayout("\(kubepods)/crio-conmon-\(id).scope", pod: uid),
    CgroupLayout("\(user)/user.slice/podman-1234.scope", unit: "podman-1234.scope"),
    CgroupLayout("/machine.slice/systemd-nspawn@.service"),
    CgroupLayout("/lxc"),
    CgroupLayout("/lxc.payload"),
    CgroupLayout("/lxc.payload."),
    CgroupLayout("/lxc.monitor.web"),
    CgroupLayout("/lxc.monitor/web"),
    CgroupLayout("/pool/lxc/web"),
    CgroupLayout("/pod\(uid)"),  // not below kubepods
    CgroupLayout("/kubepods/podcast"),
    CgroupLayout("/kubepods/pod\(uid)x"),
    CgroupLayout("/kubepods/pod\(uid.replacing("-", with: ""))x"),
    CgroupLayout("/kubepods.slice/kubepods-burstable.slice"),
    CgroupLayout("/my.slice/mykubepods-pod\(low).slice"),
    CgroupLayout("/kubepods.slice/kubepods-extra-pod\(low).slice"),
    CgroupLayout("/kubepods.slice/kubepods-pod\(low.dropLast()).slice"),
    CgroupLayout("/machine.slice/machine-libpod_pod_\(id.dropLast()).slice"),
]

@Test(arguments: systemd + engines + kubernetes + lookalikes) func cgroupOwner(_ layout: CgroupLayout) {
    let owner = CgroupOwner(of: ForeignText(layout.path))
    #expect(owner.unit == layout.unit.map { ForeignText($0) })
    #expect(owner.container.map { "\($0.runtime?.rawValue ?? "?"):\($0.id.repaired)" } == layout.container)
    #expect(owner.pod == layout.pod)
}

private let shown: [(String, String)] = [
    ("\(kubepods)/cri-containerd-\(id).scope", "pod \(uid), container 4f797c539e6c (containerd)"),
    ("/kubepods/pod\(uid)/\(id)", "pod \(uid), container 4f797c539e6c"),
    ("/system.slice/foo.service", "foo.service"),
    ("/machine.slice/machine-qemu\\x2d1\\x2dvm.scope/libvirt", "machine-qemu-1-vm.scope"),
    ("/system.slice/a\\x1b\\x5b\\xff\\x5c\\x2.service", "a\\u{1b}[\\xff\\\\\\\\x2.service"),
    ("/system.slice/nginx.service/libpod-payload-\(id)", "container 4f797c539e6c (podman), nginx.service"),
    ("/lxc.payload.web\u{1b}", "container web\\u{1b} (lxc)"),
    ("/lxc/\(id)", "container 4f797c539e6c (lxc)"),
    ("/pool", ""),
]

@Test(arguments: shown) func cgroupOwnerAsText(path: String, text: String) {
    #expect(CgroupOwner(of: ForeignText(path)).description == text)
}

/// Bytes that are no text are no unit, and stay as they are where a name may be anything.
@Test func cgroupOwnerOfBytes() {
    let broken: [UInt8] = [0xff, 0x1b, 0xc3]
    #expect(CgroupOwner(of: ForeignText(Array("/system.slice/".utf8) + broken + Array(".service".utf8))).unit == nil)
    let named = CgroupOwner(of: ForeignText(Array("/lxc/".utf8) + broken))
    #expect(named.container == .init(.lxc, ForeignText(broken)))
}
