import Foundation
import TestSupport

/// A Debian kernel of the generic flavour, fetched by apt into a cache outside the repository.
struct Kernel: Sendable {
    /// As asked for: `6.1`, `newest`.
    let name: String
    /// The package and its version: `linux-image-6.1.0-42-amd64 6.1.192-1`.
    let package: String
    /// Its `vmlinuz`.
    let image: String

    /// `uname -r` begins with it: for conditions on what a kernel can do.
    let version: KernelVersion

    /// All that the lab knows of, in the order of its table.
    static let names = ["5.10", always, "6.12", "newest"]

    /// On it nothing may be skipped.
    static let always = "6.1"

    /// - Throws: `Skip` where it cannot be had, with the reason.
    init(_ name: String) throws {
        let fetched = try runTied("Tests/Lab/kernel", [name])
        let reason = fetched.errors.split(separator: "\n").last.map(String.init) ?? ""
        if fetched.status == 3 { throw Skip(reason) }
        guard fetched.status == 0 else { throw Failure("Tests/Lab/kernel \(name): \(reason)") }
        let folder = fetched.output.trimmingCharacters(in: .newlines)
        self.name = name
        package = try content(folder + "/version")
        image = folder + "/vmlinuz"
        guard let version = KernelVersion(package) else { throw Failure("no version in \(package)") }
        self.version = version
    }
}

/// The first two numbers of a kernel's version.
struct KernelVersion: Comparable, Sendable {
    let major: Int
    let minor: Int

    init(_ major: Int, _ minor: Int) { (self.major, self.minor) = (major, minor) }

    /// From the name of a package: `linux-image-6.1.0-42-amd64 …`.
    init?(_ package: String) {
        guard let match = package.firstMatch(of: /linux-image-(\d+)\.(\d+)/), let major = Int(match.1),
            let minor = Int(match.2)
        else { return nil }
        self.init(major, minor)
    }

    static func < (left: Self, right: Self) -> Bool { (left.major, left.minor) < (right.major, right.minor) }
}

/// Why something cannot be shown here.
struct Skip: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// Why the lab could not do what it was to do.
struct Failure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// Runs a program to its end, or to that of the thread that started it.
func runTied(_ program: String, _ arguments: [String]) throws -> Outcome {
    try run("/usr/bin/setpriv", ["--pdeathsig", "TERM", program] + arguments)
}
