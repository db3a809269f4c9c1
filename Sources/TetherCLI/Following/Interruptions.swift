import Dispatch
import Foundation
import NIOConcurrencyHelpers

/// Ctrl-C while a command waits: the first is the command's business, the second ends the process at once.
///
/// Until ``stop()`` SIGINT doesn't end the process by itself. Confined to the command that makes it.
final class Interruptions {
    private let count = NIOLockedValueBox(0)
    private let source: any DispatchSourceSignal

    /// - Parameter onFirst: called once, on a thread of Dispatch.
    init(onFirst: @escaping @Sendable () -> Void = {}) {
        signal(SIGINT, SIG_IGN)
        self.source = DispatchSource.makeSignalSource(signal: SIGINT, queue: .global())
        let count = self.count
        self.source.setEventHandler {
            let seen = count.withLockedValue { count in
                count += 1
                return count
            }
            guard seen > 1 else { return onFirst() }
            // The lock of the progress line may be held by somebody whom a stopped terminal keeps waiting: it is cleared without asking.
            if Console.error.canRedraw { try? Console.error.write(Array("\r\u{1B}[J".utf8)) }
            _exit(ExitStatus.interrupted.rawValue)
        }
        self.source.resume()
    }

    var hasBegun: Bool { self.count.withLockedValue { $0 > 0 } }

    func stop() {
        self.source.cancel()
        signal(SIGINT, SIG_DFL)
    }
}
