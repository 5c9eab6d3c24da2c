import Observations

/// How single folders of a cgroup path are named. They are bytes of somebody else's choice: nothing is compared as text that
/// may be none.
enum CgroupName {
    /// 64 hexadecimal digits, as every engine but LXC calls its containers.
    static func isID(_ name: some Collection<UInt8>) -> Bool { name.count == 64 && name.allSatisfy(\.isHexDigit) }

    static func isSlice(_ name: ArraySlice<UInt8>) -> Bool { name.hasSuffix(".slice") }

    /// The container where the name alone tells it: `docker-ID.scope`, `crio-ID`, `SLICE:cri-containerd:ID`,
    /// `lxc.payload.NAME`, `systemd-nspawn@NAME.service`.
    static func container(_ name: ArraySlice<UInt8>) -> CgroupOwner.Container? {
        if name.starts(with: "lxc.payload.".utf8), name.count > 12 {
            return .init(.lxc, ForeignText(name.dropFirst(12)))
        }
        if name.starts(with: "systemd-nspawn@".utf8), name.hasSuffix(".service"), name.count > 23 {
            return .init(.nspawn, ForeignText(withoutEscapes(name.dropFirst(15).dropLast(8))))
        }
        let stem = name.hasSuffix(".scope") ? name.dropLast(6) : name
        let parts = stem.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        let id = stem.suffix(64)
        guard isID(id), stem.count > 65 else { return nil }
        let prefix = parts.count == 3 ? parts[1] : stem.dropLast(65)
        guard let runtime = runtime(prefix), stem[id.startIndex - 1] == UInt8(ascii: parts.count == 3 ? ":" : "-")
        else {
            return nil
        }
        return .init(runtime, ForeignText(id))
    }

    /// Not of `conmon`, which only watches a container.
    private static func runtime(_ prefix: ArraySlice<UInt8>) -> CgroupOwner.Runtime? {
        switch String(decoding: prefix, as: UTF8.self) {
        case "docker": .docker
        case "cri-containerd", "nerdctl": .containerd
        case "crio": .crio
        case "libpod", "libpod-payload": .podman
        default: nil
        }
    }

    /// The pod of a slice, also with `:cri-containerd:ID` behind it: `kubepods-burstable-podUID.slice`, whatever the slice
    /// above is called, and Podman's `machine-libpod_pod_ID.slice`.
    static func pod(_ name: ArraySlice<UInt8>) -> String? {
        guard let slice = name.split(separator: UInt8(ascii: ":")).first, slice.hasSuffix(".slice") else { return nil }
        let stem = slice.dropLast(6)
        for (length, marker) in [(36, "-pod"), (32, "-pod"), (64, "-libpod_pod_")] {
            guard stem.dropLast(length).hasSuffix(marker), let uid = uid(stem.suffix(length)) else { continue }
            let above = stem.dropLast(length + marker.utf8.count)
            return length == 64 || isKubepods(above) ? uid : nil
        }
        return nil
    }

    /// `podUID`, as the cgroupfs driver names it.
    static func podWithoutSlice(_ name: ArraySlice<UInt8>) -> String? {
        name.starts(with: "pod".utf8) && name.count < 64 ? uid(name.dropFirst(3)) : nil
    }

    private static func isKubepods(_ stem: ArraySlice<UInt8>) -> Bool {
        let classes = ["-burstable", "-besteffort"]
        let parent = classes.first { stem.hasSuffix($0) }.map { stem.dropLast($0.utf8.count) } ?? stem
        return parent.elementsEqual("kubepods".utf8) || parent.hasSuffix("-kubepods")
    }

    /// A UUID, or the 32 digits of a pod that a file of the kubelet describes, or Podman's 64.
    private static func uid(_ digits: ArraySlice<UInt8>) -> String? {
        let groups = digits.split(omittingEmptySubsequences: false) {
            $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_")
        }
        guard [[8, 4, 4, 4, 12], [32], [64]].contains(groups.map(\.count)),
            groups.allSatisfy({ $0.allSatisfy(\.isHexDigit) })
        else { return nil }
        return groups.map { String(decoding: $0, as: UTF8.self) }.joined(separator: "-")
    }

    /// A unit that can have processes: `foo@bar.service`, not the template `foo@.service`.
    static func isUnit(_ name: ArraySlice<UInt8>) -> Bool {
        let name = unescaped(name)
        guard let dot = name.lastIndex(of: UInt8(ascii: ".")),
            [".service", ".scope", ".socket", ".mount", ".swap"].contains(where: { name[dot...].elementsEqual($0.utf8) }
            )
        else { return false }
        let stem = name[..<dot]
        let instance = stem.firstIndex(of: UInt8(ascii: "@")).map { stem[($0 + 1)...] }
        return !stem.isEmpty && stem.first != UInt8(ascii: "@") && instance?.isEmpty != true
            && stem.allSatisfy { $0.isLetterOrDigit || ":-_.\\@".utf8.contains($0) }
    }

    /// Without the `_` that systemd puts before names that cgroupfs has a file for, such as `cpu.service`.
    static func unescaped(_ name: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        name.first == UInt8(ascii: "_") ? name.dropFirst() : name
    }

    /// With the bytes that systemd's `\x2d` stand for.
    static func withoutEscapes(_ name: some Collection<UInt8>) -> [UInt8] {
        var result: [UInt8] = []
        var rest = ArraySlice(Array(name))
        while let byte = rest.first {
            let digits = rest.dropFirst(2).prefix(2)
            if rest.starts(with: "\\x".utf8), digits.count == 2, digits.allSatisfy(\.isHexDigit),
                let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 16)
            {
                result.append(value)
                rest = rest.dropFirst(4)
            } else {
                result.append(byte)
                rest = rest.dropFirst()
            }
        }
        return result
    }
}

extension ArraySlice<UInt8> {
    fileprivate func hasSuffix(_ text: String) -> Bool { suffix(text.utf8.count).elementsEqual(text.utf8) }
}

extension UInt8 {
    /// As engines and kubelets write it: no capital letters.
    fileprivate var isHexDigit: Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(self)
    }

    fileprivate var isLetterOrDigit: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: false
        }
    }
}
