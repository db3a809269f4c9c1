import Dispatch
import Foundation

/// Does something at each SIGHUP, which then doesn't end the process.
///
/// Confined to the command that makes it.
final class HangUp {
    private let source: any DispatchSourceSignal

    init(_ body: @escaping @Sendable () -> Void) {
        signal(SIGHUP, SIG_IGN)
        self.source = DispatchSource.makeSignalSource(signal: SIGHUP, queue: .global())
        self.source.setEventHandler(handler: body)
        self.source.resume()
    }

    func stop() { self.source.cancel() }
}
