import Foundation

/// A cgroup with limits of huge pages, in a hierarchy of version 1 that is mounted for it or in that of version 2. All is
/// undone when this object goes, and when the test process ends in any way.
public final class LimitedCgroup {
    public enum Version: String, CaseIterable, Sendable { case v1, v2 }

    /// In its hierarchy.
    public let path: String
    /// Its folder.
    public private(set) var folder = ""
    private let keeper = Process()
    private let input = Pipe()

    /// The folders are made from outside inwards and removed the other way round: `hugeaudit-x/kid`. A process that has been
    /// ended leaves its cgroup a moment later.
    private static let script = """
        set -eu
        undo() {
            cd /
            for try in {1..100}; do
                rmdir "$made/kid" "$made" 2>/dev/null || true
                [ -e "$made" ] || break
                sleep 0.05
            done
            if [ "$1" = v1 ]; then
                # A hierarchy that is unmounted while a removed cgroup is not yet gone keeps its controller for ever.
                for try in {1..100}; do
                    [ "$(awk '$1 == "hugetlb" { print $3 }' /proc/cgroups)" != 1 ] || break
                    sleep 0.05
                done
                umount "$top"; rmdir "$top"
            elif [ "$handed" = no ]; then echo -hugetlb > "$top/cgroup.subtree_control"; fi
        }
        handed=no
        if [ "$1" = v1 ]; then
            top=$(mktemp -d /tmp/hugeaudit-cgroup-XXXXXX)
            mount -t cgroup -o hugetlb none "$top" || { rmdir "$top"; exit 1; }
        else
            top=$(findmnt -n -t cgroup2 -o TARGET | head -n 1)
            for try in {1..40}; do
                if grep -qw hugetlb "$top/cgroup.controllers"; then break; fi
                sleep 0.05  # on its way back from a hierarchy of version 1
            done
            grep -qw hugetlb "$top/cgroup.controllers" || { echo "it is not in $top/cgroup.controllers" >&2; exit 1; }
            if grep -qw hugetlb "$top/cgroup.subtree_control"; then handed=yes; fi
            echo +hugetlb > "$top/cgroup.subtree_control"
        fi
        made=$top$2
        trap 'undo "$@"' EXIT
        trap '' HUP INT TERM PIPE
        mkdir "$made"
        if [ "$1" = v2 ]; then echo +hugetlb > "$made/cgroup.subtree_control"; fi
        mkdir "$made/kid"
        echo "$made"
        cat > /dev/null
        """

    /// Throws `Holder.Unavailable` where this machine has no such hierarchy, or the controller is in the other one.
    public init(_ version: Version, name: String) throws {
        path = "/\(name)"
        let (output, errors) = (Pipe(), Pipe())
        keeper.executableURL = URL(fileURLWithPath: "/bin/bash")
        keeper.arguments = ["-c", Self.script, "cgroup", version.rawValue, path]
        (keeper.standardInput, keeper.standardOutput, keeper.standardError) = (input, output, errors)
        try keeper.run()
        while let byte = output.fileHandleForReading.readData(ofLength: 1).first, byte != UInt8(ascii: "\n") {
            folder.unicodeScalars.append(Unicode.Scalar(byte))
        }
        guard folder.isEmpty else { return }
        let reason = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        throw Holder.Unavailable(description: "a \(version) hierarchy with the hugetlb controller: \(reason)")
    }

    deinit {
        try? input.fileHandleForWriting.close()
        keeper.waitUntilExit()
    }

    /// Where a cgroup of its own below it takes processes.
    public var processes: String { folder + "/kid/cgroup.procs" }

    public func set(_ file: String, _ value: UInt64) throws {
        try "\(value)".write(toFile: "\(folder)/\(file)", atomically: false, encoding: .utf8)
    }
}
