import ArgumentParser
import KernelFiles
import SystemPackage

/// The option by which a saved machine is read.
struct SavedTree: ParsableArguments {
    @Option(
        help: ArgumentHelp("Read the saved tree in DIR, which holds proc and sys, in place of /.", valueName: "DIR"))
    var root = "/"

    var kernelRoot: KernelRoot { KernelRoot(FilePath(root)) }
}
