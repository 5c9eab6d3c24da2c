import Glibc
import Synchronization

/// Calls `body` with each number below `count`, on as many threads as there are CPUs, and returns when all are done.
///
/// By POSIX threads and not by libdispatch, whose workers set their own priority, and below 0 where they may.
func inParallel(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
    let work = Work(count, body)
    let most = min(count, sysconf(Int32(_SC_NPROCESSORS_ONLN)), 16)
    var threads: [pthread_t] = []
    for _ in 1..<max(most, 1) {
        var thread = pthread_t()
        let argument = Unmanaged.passRetained(work)
        let failure = pthread_create(
            &thread, nil,
            { argument in
                Unmanaged<Work>.fromOpaque(argument!).takeRetainedValue().run()
                return nil
            }, argument.toOpaque())
        if failure != 0 {
            argument.release()
            break  // those that there are do the rest
        }
        threads.append(thread)
    }
    work.run()
    for thread in threads { pthread_join(thread, nil) }
}

private final class Work: Sendable {
    private let next = Atomic<Int>(0)
    private let count: Int
    private let body: @Sendable (Int) -> Void

    init(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) { (self.count, self.body) = (count, body) }

    func run() {
        while case let number = next.add(1, ordering: .relaxed).oldValue, number < count { body(number) }
    }
}
