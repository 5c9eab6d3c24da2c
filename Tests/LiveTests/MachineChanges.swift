import Foundation
import TestSupport

/// A change of the machine that a shell script makes and undoes: when this object goes, and when the test process ends in
/// any way.
final class MachineChange {
    private let keeper = Process()
    private let input = Pipe()
    /// The line that the script printed when all was made.
    let told: String

    /// - Parameter script: makes the change, sets the trap EXIT that undoes it, and calls `keep` with a line.
    ///   Throws `Holder.Unavailable` with what it printed to stderr where it ends instead.
    init(_ script: String, _ arguments: [String]) throws {
        let beginning = """
            set -eu
            keep() { trap '' HUP INT TERM PIPE; echo "$1"; exec >/dev/null; cat; }

            """
        let (output, errors) = (Pipe(), try namelessFile())
        keeper.executableURL = URL(fileURLWithPath: "/bin/bash")
        keeper.arguments = ["-c", beginning + script, "change"] + arguments
        (keeper.standardInput, keeper.standardOutput, keeper.standardError) = (input, output, errors)
        try keeper.run()
        var line: [UInt8] = []
        while let byte = output.fileHandleForReading.readData(ofLength: 1).first, byte != UInt8(ascii: "\n") {
            line.append(byte)
        }
        told = String(decoding: line, as: UTF8.self)
        guard told.isEmpty else { return }
        keeper.waitUntilExit()
        try errors.seek(toOffset: 0)
        throw Holder.Unavailable(description: String(decoding: try errors.readToEnd() ?? Data(), as: UTF8.self))
    }

    deinit { undo() }

    /// Of several changes of one thing the last must be undone first.
    func undo() {
        guard keeper.isRunning else { return }
        try? input.fileHandleForWriting.close()
        keeper.waitUntilExit()
    }

    /// Settings of the kernel, those that this one has: files and what to write to them. Of a file with several words the
    /// one in brackets comes back.
    static func settings(_ values: [(file: String, value: String)]) throws -> MachineChange {
        let script = """
            files=(); before=()
            undo() {
                for index in "${!files[@]}"; do echo "${before[index]}" > "${files[index]}" || true; done
            }
            trap undo EXIT
            for change; do
                file=${change%%=*}
                [ -e "$file" ] || continue
                old=$(<"$file")
                if [[ $old == *\\[*\\]* ]]; then old=${old#*\\[}; old=${old%%\\]*}; fi
                files+=("$file"); before+=("$old")
                echo "${change#*=}" > "$file" || true
            done
            keep made
            """
        return try MachineChange(script, values.map { "\($0.file)=\($0.value)" })
    }

    /// 64 MiB of swap in a file of its own.
    static func swap() throws -> MachineChange {
        let script = """
            file=$(mktemp /var/tmp/hugeaudit-swap-XXXXXX)
            trap 'swapoff "$file" 2>/dev/null; rm -f "$file"' EXIT
            dd if=/dev/zero of="$file" bs=1M count=64 status=none
            mkswap "$file" >/dev/null
            swapon "$file"
            keep made
            """
        return try MachineChange(script, [])
    }

    /// A folder in the hierarchy of cgroups of version 2; `told` is its path there.
    static func cgroup(_ path: String) throws -> MachineChange {
        let script = """
            top=$(findmnt -n -t cgroup2 -o TARGET | head -n 1)
            [ -n "$top" ] || { echo 'no hierarchy of cgroups of version 2 is mounted' >&2; exit 1; }
            undo() {
                cd "$top"
                for try in {1..100}; do
                    rmdir -p "$1" 2>/dev/null || true
                    [ -e "$1" ] || break
                    sleep 0.05  # a process that has been ended leaves its cgroup a moment later
                done
            }
            trap 'undo "$1"' EXIT
            mkdir -p "$top/$1"
            keep "$top/$1"
            """
        return try MachineChange(script, [path])
    }
}
