import Glibc
import SystemPackage

/// Standard output and standard error of the commands.
enum Output {
    /// A reader that has seen enough closes the pipe: that ends the writing, quietly, and is no failure.
    static func ignoreClosedPipes() { _ = closedPipesWereIgnored }

    /// Whether SIGPIPE was ignored before this process did so: a command that is run must find it as it was.
    static let closedPipesWereIgnored = unsafeBitCast(signal(SIGPIPE, SIG_IGN), to: Int.self) == 1

    /// False where nobody reads any more. That changes nothing about what was found: the exit status stays the verdict's.
    @discardableResult static func write(_ text: String) -> Bool {
        do {
            try FileDescriptor.standardOutput.writeAll(text.utf8)
            return true
        } catch Errno.brokenPipe {
            return false
        } catch {
            complain("could not write the report: \(error)")
            Glibc.exit(2)
        }
    }

    static func complain(_ message: String) {
        _ = try? FileDescriptor.standardError.writeAll("\(message)\n".utf8)
    }

    /// Colours are for a terminal, and not where NO_COLOR is set to anything: https://no-color.org.
    static func wantsColour(_ descriptor: FileDescriptor) -> Bool {
        let noColour = getenv("NO_COLOR").map { $0.pointee != 0 } ?? false
        return isTerminal(descriptor) && !noColour
    }

    /// One that can go back in a line.
    static func isTerminal(_ descriptor: FileDescriptor) -> Bool {
        let isDumb = getenv("TERM").map { String(cString: $0) == "dumb" } ?? true
        return isatty(descriptor.rawValue) == 1 && !isDumb
    }
}
