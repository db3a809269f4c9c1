import Dispatch
import Foundation
import Logging
import NIOConcurrencyHelpers

/// Ends the process at once when a second signal asks it to end.
///
/// Nothing is drained or closed then. That is no worse than a crash, which the workers' design lives with: devices wait for the session time-out, and a
/// change that was under way is reported as unknown.
///
/// Confined to the command that makes it.
final class SecondSignal {
    private let sources: [any DispatchSourceSignal]

    init(logger: Logger) {
        let count = NIOLockedValueBox(0)
        self.sources = [SIGTERM, SIGINT].map { number in
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                let seen = count.withLockedValue { count in
                    count += 1
                    return count
                }
                guard seen > 1 else { return }
                logger.critical("a second signal ends the worker at once; what it had begun is left as it is")
                _exit(128 + number)
            }
            source.resume()
            return source
        }
    }

    func stop() {
        for source in self.sources { source.cancel() }
    }
}
