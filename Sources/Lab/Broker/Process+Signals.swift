import Foundation

extension Process {
    /// Runs the process with no signal blocked.
    ///
    /// A child inherits the signal mask of the thread that starts it, and the threads of Dispatch and of Swift's pool block every signal they
    /// can: the child would never notice a SIGTERM.
    package func runWithSignalsUnblocked() throws {
        var none = sigset_t()
        var before = sigset_t()
        sigemptyset(&none)
        pthread_sigmask(SIG_SETMASK, &none, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        try self.run()
    }
}
