import AsyncHTTPClient
import Crypto
import Devices
import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix

/// Files behind `http` and `https` addresses, streamed from and to the disk.
///
/// Which addresses may be used says ``URLAccess``. An address's query may be a secret (pre-signed addresses of object stores): it stands in no message.
enum WebFiles {
    static let maximumRedirects = 5
    private static let chunk = 256 * 1024

    /// A client for one request: it connects to the very address that was looked up and found allowed.
    private static func client(for url: String, _ access: URLAccess) async throws -> HTTPClient {
        var configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow,
            timeout: .init(connect: .seconds(10), read: .seconds(30), write: .seconds(30)))
        // A file is to arrive as it is.
        configuration.decompression = .disabled
        configuration.dnsOverride = try await access.override(for: url)
        return HTTPClient(
            eventLoopGroupProvider: .shared(MultiThreadedEventLoopGroup.singleton), configuration: configuration)
    }

    /// Reads an address into a new file.
    ///
    /// - Parameters:
    ///   - sha256: what the file must have, in lower-case hexadecimal digits.
    ///   - limit: of bytes.
    /// - Throws: `url.refused`, `url.failed`, `transfer.too_large`, `transfer.mismatch`, `artifacts.failed`, `cancelled`. An incomplete file stays.
    static func get(
        _ url: String, to path: String, sha256: String, limit: Int64, access: URLAccess, deadline: NIODeadline
    ) async throws(DeviceError) {
        try await self.follow(url, .GET, access, deadline: deadline) {
            HTTPClientRequest(url: $0)
        } receive: { response in
            if let length = response.headers.first(name: "content-length").flatMap({ Int64($0) }), length > limit {
                throw self.tooLarge(url, limit)
            }
            try await Blocking.run {
                guard
                    FileManager.default.createFile(
                        atPath: path, contents: nil, attributes: [.posixPermissions: 0o600])
                else {
                    throw DeviceError(code: "artifacts.failed", message: "no file for what \(self.shown(url)) sends")
                }
            }
            let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
            defer { try? file.close() }
            var hash = SHA256()
            var size: Int64 = 0
            var pending = ByteBuffer()
            func flush() async throws {
                let bytes = pending
                pending = ByteBuffer()
                bytes.withUnsafeReadableBytes { hash.update(bufferPointer: $0) }
                do {
                    try await Blocking.run { try file.write(contentsOf: Data(bytes.readableBytesView)) }
                } catch {
                    throw DeviceError(
                        code: "artifacts.failed",
                        message: "what \(self.shown(url)) sends can't be written: \(error.localizedDescription)")
                }
            }
            for try await piece in response.body {
                size += Int64(piece.readableBytes)
                guard size <= limit else { throw self.tooLarge(url, limit) }
                pending.writeImmutableBuffer(piece)
                if pending.readableBytes >= self.chunk { try await flush() }
            }
            try await flush()
            let actual = hash.finalize().hexadecimal
            guard actual == sha256 else {
                throw DeviceError(
                    code: "transfer.mismatch",
                    message: "what \(self.shown(url)) sent has the SHA-256 \(actual), not \(sha256); nothing was sent")
            }
        }
    }

    /// Writes a file to an address.
    ///
    /// - Throws: `url.refused`, `url.failed`, `cancelled`.
    static func put(
        _ path: String, to url: String, size: Int64, access: URLAccess, deadline: NIODeadline
    ) async throws(DeviceError) {
        try await self.follow(url, .PUT, access, deadline: deadline) { url in
            var request = HTTPClientRequest(url: url)
            request.body = .stream(FilePieces(path: path, chunk: self.chunk), length: .known(size))
            return request
        } receive: { _ in
        }
    }

    /// Sends a request, and again to where the answer leads (RFC 9110, section 15.4), never from `https` to `http`.
    private static func follow(
        _ url: String, _ method: HTTPMethod, _ access: URLAccess, deadline: NIODeadline,
        _ make: @escaping @Sendable (String) -> HTTPClientRequest,
        receive: @escaping @Sendable (HTTPClientResponse) async throws -> Void
    ) async throws(DeviceError) {
        try await self.apart(url) {
            var current = url
            for _ in 0...self.maximumRedirects {
                let client = try await self.client(for: current, access)
                let next: String?
                do {
                    var request = make(current)
                    request.method = method
                    request.headers.add(name: "user-agent", value: "tether")
                    let response = try await client.execute(request, deadline: deadline)
                    next = try self.redirection(of: response, to: method, from: current, url)
                    if next == nil { try await receive(response) }
                } catch {
                    try? await client.shutdown()
                    throw error
                }
                try? await client.shutdown()
                guard let next else { return }
                current = next
            }
            throw DeviceError(
                code: "url.refused", message: "\(self.shown(url)) redirects more than \(self.maximumRedirects) times")
        }
    }

    /// Where an answer leads; `nil` for one that says that all is well.
    private static func redirection(
        of response: HTTPClientResponse, to method: HTTPMethod, from current: String, _ url: String
    ) throws -> String? {
        switch response.status.code {
        case 200..<300: return nil
        case 301, 302, 303, 307, 308:
            // The others would make the PUT a GET.
            guard method == .GET || response.status.code >= 307 else { throw self.status(url, response.status) }
            guard let location = response.headers.first(name: "location"),
                let next = URL(string: location, relativeTo: URL(string: current))?.absoluteURL,
                next.scheme == "https" || (next.scheme == "http" && !current.hasPrefix("https:"))
            else {
                throw DeviceError(
                    code: "url.refused", message: "\(self.shown(url)) redirects to what is no address to follow")
            }
            return next.absoluteString
        default: throw self.status(url, response.status)
        }
    }

    /// In a task of its own, which is cancelled with its caller's: the client's functions change threads, and the caller is to come back on its own.
    private static func apart(
        _ url: String, _ body: @escaping @Sendable () async throws -> Void
    ) async throws(DeviceError) {
        let task = Task { @concurrent () async -> Result<Void, DeviceError> in
            do {
                try await body()
                return .success(())
            } catch let error as DeviceError {
                return .failure(error)
            } catch {
                if Task.isCancelled {
                    return .failure(DeviceError(code: "cancelled", message: "the transfer was cancelled"))
                }
                // Only what the client's own errors say: whatever else there is might repeat the address.
                let reason = (error as? HTTPClientError).map { "\($0)" } ?? "the connection failed (\(type(of: error)))"
                return .failure(DeviceError(code: "url.failed", message: "\(self.shown(url)): \(reason)"))
            }
        }
        let result = await withTaskCancellationHandler {
            await task.value
        } onCancel: {
            task.cancel()
        }
        try result.get()
    }

    private static func status(_ url: String, _ status: HTTPResponseStatus) -> DeviceError {
        DeviceError(code: "url.failed", message: "\(self.shown(url)) answered \(status.code) \(status.reasonPhrase)")
    }

    private static func tooLarge(_ url: String, _ limit: Int64) -> DeviceError {
        DeviceError(
            code: "transfer.too_large", message: "what \(self.shown(url)) sends is larger than \(limit) bytes")
    }

    /// An address without its query and fragment.
    static func shown(_ url: String) -> String { quoted(String(url.prefix { $0 != "?" && $0 != "#" })) }
}

/// A file's bytes, read while they are sent.
private struct FilePieces: AsyncSequence, Sendable {
    typealias Element = ByteBuffer
    let path: String
    let chunk: Int

    struct Iterator: AsyncIteratorProtocol {
        let path: String
        let chunk: Int
        private var file: FileHandle?

        init(path: String, chunk: Int) {
            self.path = path
            self.chunk = chunk
        }

        mutating func next() async throws -> ByteBuffer? {
            let (path, chunk) = (self.path, self.chunk)
            let file = try self.file ?? FileHandle(forReadingFrom: URL(fileURLWithPath: path))
            self.file = file
            let data = try await Blocking.run { try file.read(upToCount: chunk) }
            guard let data, !data.isEmpty else {
                try file.close()
                return nil
            }
            return ByteBuffer(bytes: data)
        }
    }

    func makeAsyncIterator() -> Iterator { Iterator(path: self.path, chunk: self.chunk) }
}
