import CRDKafka
import Foundation

/// Hands bearer tokens to a client (KIP-255). librdkafka asks for the first one when the client is made, and for the next ones after four fifths of
/// each one's life.
extension KafkaSecurity.TokenSource {
    /// How long a program may take.
    private static let patience: TimeInterval = 20

    /// Reads a token. Blocks.
    func token(now: Int64) throws(BearerToken.Problem) -> BearerToken {
        switch self {
        case .file(let path):
            guard let data = FileManager.default.contents(atPath: path) else {
                throw BearerToken.Problem("the token's file \(path) can't be read")
            }
            return try BearerToken(String(decoding: data, as: UTF8.self), now: now)
        case .program(let words):
            return try BearerToken(try Self.output(of: words), now: now)
        }
    }

    private static func output(of words: [String]) throws(BearerToken.Problem) -> String {
        guard let path = words.first else { throw BearerToken.Problem("no program is given for the token") }
        let output = FileManager.default.temporaryDirectory.appendingPathComponent("tether-token-\(UUID().uuidString)")
        guard
            FileManager.default.createFile(atPath: output.path, contents: nil, attributes: [.posixPermissions: 0o600]),
            let file = FileHandle(forWritingAtPath: output.path)
        else { throw BearerToken.Problem("there is no temporary file for the token") }
        defer {
            try? file.close()
            try? FileManager.default.removeItem(at: output)
        }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = Array(words.dropFirst())
        process.standardInput = FileHandle.nullDevice
        // A file: nothing that can fill up and stall the program.
        process.standardOutput = file
        process.standardError = FileHandle.nullDevice
        let ended = DispatchSemaphore(value: 0)
        process.terminationHandler = { _ in ended.signal() }
        // A child inherits the signals that the thread which starts it blocks, and librdkafka's block all.
        var none = sigset_t()
        var before = sigset_t()
        sigemptyset(&none)
        pthread_sigmask(SIG_SETMASK, &none, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        do { try process.run() } catch {
            throw BearerToken.Problem("\(path) can't be run: \(error.localizedDescription)")
        }
        guard ended.wait(timeout: .now() + Self.patience) == .success else {
            kill(process.processIdentifier, SIGKILL)
            throw BearerToken.Problem("\(path) gave no token within \(Int(Self.patience)) s")
        }
        guard process.terminationReason == .exit, process.terminationStatus == 0 else {
            throw BearerToken.Problem("\(path) ended with status \(process.terminationStatus) instead of a token")
        }
        return String(decoding: FileManager.default.contents(atPath: output.path) ?? Data(), as: UTF8.self)
    }
}

/// librdkafka's background thread (`rd_kafka_sasl_background_callbacks_enable`), from within `rd_kafka_new` to the end of `rd_kafka_destroy`.
func kafkaTokenRefreshCallback(
    _ client: OpaquePointer?,
    _ configuration: UnsafePointer<CChar>?,
    _ opaque: UnsafeMutableRawPointer?
) {
    guard let client, let context = ClientContext.of(client), let source = context.tokens else { return }
    var text = [CChar](repeating: 0, count: 512)
    do throws(BearerToken.Problem) {
        let token = try source.token(now: Int64(Date().timeIntervalSince1970 * 1_000))
        let code = rd_kafka_oauthbearer_set_token(
            client, token.text, token.expiry, token.principal, nil, 0, &text, text.count)
        guard code != RD_KAFKA_RESP_ERR_NO_ERROR else { return }
        throw BearerToken.Problem(String(terminated: text).replacing(token.text, with: "[redacted]"))
    } catch {
        context.logger.error("there is no token for Kafka", metadata: ["reason": "\(error)"])
        // Librdkafka asks again after ten seconds.
        _ = rd_kafka_oauthbearer_set_token_failure(client, error.description)
    }
}
