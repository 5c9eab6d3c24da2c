import Foundation
import TestSupport
import Testing

private let endings: [([String], Int32)] = [
    (["true"], 0), (["sh", "-c", "exit 7"], 7), (["sh", "-c", "kill -9 $$"], 137),
    (["sh", "-c", "kill -TERM $$"], 143),
    (["/no/such/command"], 127), (["no-such-command"], 127), (["/etc/passwd"], 126), (["/etc"], 126),
]

private let wrongRuns: [([String], String)] = [
    (["--settle", "5"], "settle"), (["--settle", "2h"], "settle"), (["--interval", "0ms"], "interval"),
    (["--leak-exit-code", "256"], "leak-exit-code"), (["--leak-exit-code", "-1"], "leak-exit-code"),
    (["--output", "/no/such/folder/file"], "/no/such/folder/file"), (["--node", "4711"], "no node 4711"),
    (["--page-size", "4M"], "no huge pages of 4 MiB"), (["--no-such-option"], "no-such-option"),
    (["--root", "/"], "root"),
]

/// The testing library runs tests where all signals are blocked, and a program finds them as its parent had them.
private let unblocked = "--default-signal"

private func signalledShell(_ line: String) throws -> Outcome {
    try run("/usr/bin/env", [unblocked, "/bin/bash", "-c", line])
}

/// A script for bash that waits for a signal, a minute at most, in a folder of its own. No child of the shell is there when
/// the signal comes: else a shell with a trap would sometimes end as its child did.
private final class WaitingScript {
    let folder = temporaryPath("waiting")
    var path: String { folder + "/script" }
    /// For another shell: until it waits, a minute at most.
    var untilReady: String { "for i in {1..1200}; do [ -s \(folder)/ready ] && break; sleep 0.05; done" }

    /// - Parameter commands: what it does first, in its folder.
    init(_ commands: String) throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        let script = """
            cd "${0%/*}"
            \(commands)
            exec 9<> <(:); wait $!; echo > ready
            for i in {1..1200}; do read -rt 0.05 -u 9; done

            """
        try script.write(toFile: path, atomically: true, encoding: .utf8)
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }
}

extension Live {
    @Test(arguments: endings) static func exitStatusOfACommand(_ command: [String], status: Int32) throws {
        let outcome = try run("/usr/bin/env", [unblocked, product("hugeaudit"), "run", "--"] + command)
        #expect(outcome.status == status)
        #expect(outcome.output.isEmpty)
        let isRun = status != 126 && status != 127
        #expect(outcome.errors.hasPrefix(isRun ? "CLEAN: Nothing was left" : "could not run \(command[0]): "))
    }

    /// Refused with words on what is wrong, and nothing is run.
    @Test(arguments: wrongRuns) static func wrongRunIsRefused(_ options: [String], says: String) throws {
        let mark = temporaryPath("mark")
        let outcome = try run(product("hugeaudit"), ["run"] + options + ["--", "touch", mark])
        #expect(outcome.status == 2)
        #expect(outcome.errors.contains(says), "\(outcome.errors)")
        #expect(outcome.output.isEmpty)
        #expect(!FileManager.default.fileExists(atPath: mark))
    }

    @Test(arguments: [[], ["--"], ["touch", "MARK"]]) static func runWithoutACommand(_ words: [String]) throws {
        let mark = temporaryPath("mark")
        let outcome = try run(product("hugeaudit"), ["run"] + words.map { $0 == "MARK" ? mark : $0 })
        #expect(outcome.status == 2)
        #expect(outcome.errors.contains("hugeaudit run"), "\(outcome.errors)")
        #expect(!FileManager.default.fileExists(atPath: mark))
    }

    /// Input, output, further descriptors, blocked and ignored signals are what they would be without us: also where
    /// somebody has ignored hang-up, as nohup does, or closed pipes.
    @Test(arguments: [":", "trap '' HUP", "trap '' PIPE"]) static func surroundingsOfACommand(_ before: String) throws {
        let outcome = try signalledShell(
            #"""
            \#(before)
            surrounded() {
                echo first | "$@" bash -c 'cat; cat <&7; ls /proc/self/fd; grep -E "^Sig(Blk|Ign)" /proc/self/status
                    printf %s "$0" | od -c; exit 3' $'a\xffb' 7<<<seventh
                echo $?
            }
            surrounded; echo ===; surrounded '\#(product("hugeaudit"))' run -q --
            """#)
        let halves = outcome.output.components(separatedBy: "===\n")
        try #require(halves.count == 2, "\(outcome.output)")
        #expect(halves[1] == halves[0])
        #expect(halves[0].hasPrefix("first\nseventh\n"))
        #expect(halves[0].contains("377"))
        #expect(halves[0].hasSuffix("\n3\n"))
        #expect(outcome.errors.isEmpty)
    }

    /// A signal that is sent to us reaches the command, which may take it in its own way.
    @Test(arguments: ["HUP", "INT", "QUIT", "TERM", "USR1", "USR2"])
    static func signalsArePassedOn(_ signal: String) throws {
        let script = try WaitingScript("trap 'exit 5' \(signal)")
        // Not in the background: there, a shell has its commands ignore INT and QUIT.
        let outcome = try signalledShell(
            """
            ( \(script.untilReady); kill -\(signal) $$ ) &
            exec '\(product("hugeaudit"))' run -- bash \(script.path)
            """)
        #expect(outcome.status == 5)
        #expect(outcome.errors.hasPrefix("CLEAN: "))
    }

    /// Ctrl-C of the terminal reaches the command once, and not us. Without `exec` a shell would stand between: $SHELL or,
    /// where that is not set, /bin/sh; and dash ends by the signal itself, with 130.
    @Test static func theTerminalIsTheCommands() throws {
        let script = try WaitingScript("test -t 0 && test -t 1 && tty > terminal; trap 'exit 9' INT")
        let outcome = try signalledShell(
            """
            ( \(script.untilReady); printf '\\003'; sleep 0.2 ) |
                TERM=xterm script -qec 'exec \(product("hugeaudit")) run --no-color -- bash \(script.path)' /dev/null
            """)
        #expect(outcome.status == 9)
        #expect(outcome.output.contains("CLEAN: Nothing was left behind"))
        #expect(try content(script.folder + "/terminal").hasPrefix("/dev/pts/"))
    }

    /// The report for a person goes to standard error, or to a file, or nowhere.
    @Test static func whereTheReportGoes() throws {
        let file = temporaryPath("report")
        defer { try? FileManager.default.removeItem(atPath: file) }
        let command = ["--", "echo", "hello"]
        let plain = try run(product("hugeaudit"), ["run"] + command)
        let filed = try run(product("hugeaudit"), ["run", "--quiet", "--output", file] + command)
        let quiet = try run(product("hugeaudit"), ["run", "--quiet"] + command)
        for outcome in [plain, filed, quiet] {
            #expect(outcome.output == "hello\n")
            #expect(outcome.status == 0)
        }
        // Others may take pages meanwhile, which ends the sentence.
        let report = "CLEAN: Nothing was left behind while \"echo hello\" ran"
        for text in [plain.errors, try String(contentsOfFile: file, encoding: .utf8)] {
            #expect(text.hasPrefix(report) && text.hasSuffix(".\n"), "\(text)")
        }
        #expect(filed.errors.isEmpty && quiet.errors.isEmpty)
    }

    /// A report that nobody got is no success, whatever the command did.
    @Test static func aReportThatCannotBeWritten() throws {
        for command in ["true", "exit 7"] {
            let outcome = try run(product("hugeaudit"), ["run", "--output", "/dev/full", "--", "sh", "-c", command])
            #expect(outcome.status == 2)
            #expect(outcome.errors.hasPrefix("could not write the report: No space left"), "\(outcome.errors)")
        }
    }

    /// As execvp(3) does: what is no program and has no `#!` is a script for the shell, by path or by name.
    @Test static func aScriptWithoutAnInterpreter() throws {
        let folder = temporaryPath("scripts")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let script = folder + "/hugeaudit-script"
        try "echo \"script $1\"; exit 3\n".write(toFile: script, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: script)
        for name in [script, "hugeaudit-script"] {
            let outcome = try run(
                product("hugeaudit"), ["run", "-q", "--", name, "a b"], environment: ["PATH": folder + ":/usr/bin:/bin"]
            )
            #expect(outcome.status == 3, "\(outcome.errors)")
            #expect(outcome.output == "script a b\n")
        }
    }

    /// A command whose parent ignores the end of children finds that, and its own end is told all the same.
    @Test(arguments: ["--ignore-signal=CHLD", "--default-signal=CHLD"])
    static func endsOfChildren(_ option: String) throws {
        let command = ["grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"]
        let plain = try run("/usr/bin/env", [unblocked, option] + command)
        let under = try run("/usr/bin/env", [unblocked, option, product("hugeaudit"), "run", "-q", "--"] + command)
        #expect(under.output == plain.output)
        let ignored = try #require(
            plain.output.split(whereSeparator: \.isWhitespace).last.flatMap { UInt64($0, radix: 16) })
        #expect((ignored >> 16 & 1 == 1) == option.contains("ignore"))
        let failing = try run("/usr/bin/env", [option, product("hugeaudit"), "run", "-q", "--", "sh", "-c", "exit 7"])
        #expect(failing.status == 7)
    }

    /// As timeout does it: its signal is sent to us and then to the whole group. It ends the command, and not us.
    @Test static func aSignalToTheGroup() throws {
        let script = try WaitingScript("trap 'echo taken >> taken; exit 5' INT")
        let group = script.folder + "/group"
        try "echo $$ > \(group).pid; exec '\(product("hugeaudit"))' run -q -- bash \(script.path)\n"
            .write(toFile: group, atomically: true, encoding: .utf8)
        let outcome = try signalledShell(
            """
            ( ( \(script.untilReady); pid=$(<\(group).pid); kill -INT $pid; kill -INT -- -$pid ) & )
            exec setsid --wait bash \(group)
            """)
        #expect(outcome.status == 5, "\(outcome.errors)")
        #expect(try content(script.folder + "/taken") == "taken")
    }
}
