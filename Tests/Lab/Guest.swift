import Foundation
import Glibc
import TestSupport

/// A Debian kernel on an emulated machine. It ends with this object, or with the thread that made it, whatever becomes
/// of this process.
final class Guest {
    let kernel: Kernel
    let topology: Topology
    private let emulator = Process()
    private let console: FileHandle
    private let link: SerialLink

    /// - Parameters:
    ///   - initramfs: a file's path.
    ///   - isVerbose: its console shows all of the boot, which takes seconds longer.
    init(_ kernel: Kernel, _ topology: Topology, initramfs: String, isVerbose: Bool = false) throws {
        (self.kernel, self.topology) = (kernel, topology)
        console = try namelessFile()
        let (input, output) = (Pipe(), Pipe())
        link = SerialLink(input: input.fileHandleForWriting, output: output.fileHandleForReading)
        emulator.executableURL = URL(fileURLWithPath: "/usr/bin/setpriv")
        emulator.arguments =
            ["--pdeathsig", "KILL", "qemu-system-x86_64"] + Self.machine + topology.options + [
                "-kernel", kernel.image, "-initrd", initramfs,
                "-append", "\(Self.arguments) \(isVerbose ? "" : "quiet ")\(topology.arguments)",
            ]
        emulator.standardInput = input
        emulator.standardOutput = output
        emulator.standardError = console
        try emulator.run()
        do {
            try link.awaitGuest(seconds: 90)
        } catch {
            throw Failure("no boot: \(error); console:\n" + consoleTail())
        }
    }

    deinit {
        guard emulator.isRunning else { return }
        kill(emulator.processIdentifier, SIGKILL)
        emulator.waitUntilExit()
    }

    /// Runs a text of sh in the guest, with the functions of `Guest/functions`.
    /// - Throws: `Failure` where the guest did not answer in `seconds`.
    @discardableResult
    func order(_ text: String, seconds: Double = 60) throws -> Answer { try link.order(text, seconds: seconds) }

    /// The last lines of its console.
    func consoleTail(lines: Int = 25) -> String {
        consoleText.split(separator: "\n").suffix(lines).map { "    " + $0 }.joined(separator: "\n")
    }

    /// All that its console has shown, without what would move the cursor or clear the screen.
    var consoleText: String {
        let bytes = try? Data(contentsOf: URL(fileURLWithPath: "/proc/self/fd/\(console.fileDescriptor)"))
        return String(decoding: bytes ?? Data(), as: UTF8.self)
            .replacing(/\r|\u{1b}\[[0-9;?]*[a-zA-Z]|\u{1b}c/, with: "")
    }

    /// No disk, no network: all travels in the initramfs, and the console is the emulator's standard error.
    private static let machine = [
        "-accel", "tcg,thread=multi", "-machine", "pc,usb=off", "-cpu", "max,la57=off,erms=off",
        "-no-user-config", "-nodefaults", "-display", "none", "-no-reboot",
        "-chardev", "file,id=console,path=/proc/self/fd/2,append=on", "-serial", "chardev:console",
        "-chardev", "stdio,id=link,signal=off", "-serial", "chardev:link",
    ]

    /// What emulation is slow at is avoided: `rep stosb` (ERMS, and feature 112) and with it the clearing of pages,
    /// cmpxchg16b (feature 141), for which it stops all CPUs, the HPET, and programs at addresses that are new each time.
    /// The check of the timer fails where the host is busy.
    private static let arguments = """
        console=ttyS0 rdinit=/init panic=-1 no_timer_check clocksource=tsc tsc=reliable clearcpuid=112,141 \
        init_on_alloc=0 mitigations=off nokaslr norandmaps random.trust_cpu=on
        """
}
