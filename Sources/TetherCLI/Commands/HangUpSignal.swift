import Dispatch
import Foundation
import Logging

/// Reads files again when SIGHUP asks for it. One that holds a mistake leaves what is in force.
///
/// Without a worker's own handler, SIGHUP would end the process; with none of its files to read again, it is noted and nothing else.
///
/// Confined to the command that makes it.
final class HangUpSignal {
    /// One thing that can be read again.
    struct Reload: Sendable {
        let name: String
        /// - Returns: what is worth knowing besides.
        let run: @Sendable () async throws -> String?

        init(_ name: String, _ run: @escaping @Sendable () async throws -> String?) {
            self.name = name
            self.run = run
        }
    }

    private let source: any DispatchSourceSignal
    private let work: Task<Void, Never>
    private let requests: AsyncStream<Void>.Continuation

    init(logger: Logger, _ reloads: [Reload]) {
        // Requests that come while files are read are one request.
        let (stream, requests) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        self.requests = requests
        self.work = Task {
            for await _ in stream {
                if reloads.isEmpty { logger.notice("SIGHUP: there is nothing to read again") }
                for reload in reloads {
                    do {
                        let note = try await reload.run()
                        logger.notice("read again", metadata: ["what": "\(reload.name)"])
                        if let note { logger.warning("\(note)", metadata: ["what": "\(reload.name)"]) }
                    } catch {
                        logger.error(
                            "can't be read again; what is in force stays",
                            metadata: ["what": "\(reload.name)", "error": "\(error)"])
                    }
                }
            }
        }
        signal(SIGHUP, SIG_IGN)
        let source = DispatchSource.makeSignalSource(signal: SIGHUP, queue: .global())
        source.setEventHandler { requests.yield() }
        source.resume()
        self.source = source
    }

    func stop() {
        self.source.cancel()
        self.requests.finish()
        self.work.cancel()
    }
}
