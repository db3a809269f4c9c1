import CRDKafka
import Glibc

/// Starts threads for calls that block: librdkafka's polls, and what runs inside them. Swift's pool must never wait for these.
enum OwnThread {
    /// Runs `body` on a new thread, which ends with it.
    ///
    /// - Parameter name: what `ps -L` and a debugger show; the system keeps the first 15 bytes.
    /// - Throws: `kafka.crit_sys_resource` when the system has no more threads to give.
    static func start(name: String, _ body: @escaping @Sendable () -> Void) throws(KafkaError) {
        let start = Unmanaged.passRetained(ThreadStart(name: name, body: body))
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        // Whoever needs to know that the thread is done is told by `body`; nobody joins.
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        defer { pthread_attr_destroy(&attributes) }

        var thread = pthread_t()
        let status = pthread_create(&thread, &attributes, runThread, start.toOpaque())
        guard status == 0 else {
            start.release()
            throw KafkaError(
                code: "kafka.crit_sys_resource",
                number: -194,
                message:
                    "Starting a thread for Kafka failed (errno \(status)). Raise the limit of threads of this process.",
                isRetriable: true
            )
        }
    }
}

/// What a new thread needs; handed over through C's opaque pointer, and owned by the thread from then on.
private final class ThreadStart: Sendable {
    let name: String
    let body: @Sendable () -> Void

    init(name: String, body: @escaping @Sendable () -> Void) {
        self.name = name
        self.body = body
    }
}

/// The C entry point: a file-level function, so that it carries no isolation that would trap on a foreign thread.
private func runThread(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let argument else { return nil }
    let start = Unmanaged<ThreadStart>.fromOpaque(argument).takeRetainedValue()
    crdkafka_name_thread(start.name)
    start.body()
    return nil
}
