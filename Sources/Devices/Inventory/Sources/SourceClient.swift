import AsyncHTTPClient
import Foundation
import NIOCore
import NIOPosix

/// Asks a source for its devices, page by page.
///
/// The token goes to the host of the source's address and to no other, whatever redirects and links to next pages say.
enum SourceClient {
    static let maximumAnswerBytes = 64 * 1024 * 1024
    static let maximumPages = 10_000
    static let maximumRedirects = 5
    /// Devices that NetBox is asked for at a time, where the address doesn't say.
    static let pageSize = 500

    /// Lives as long as the process, and so is never shut down.
    private static let client: HTTPClient = {
        let configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow,
            timeout: .init(connect: .seconds(10), read: .seconds(30), write: .seconds(30)))
        return HTTPClient(
            eventLoopGroupProvider: .shared(MultiThreadedEventLoopGroup.singleton), configuration: configuration)
    }()

    /// Why a text can't be a source's address; `nil` when it can.
    static func problem(with url: String) -> String? {
        guard let components = URLComponents(string: url), ["http", "https"].contains(components.scheme ?? ""),
            components.host?.isEmpty == false
        else { return "must be an address that begins with `https://` or `http://`" }
        return components.user == nil && components.password == nil
            ? nil : "must be without user and password: use `token`"
    }

    /// - Throws: why there is no complete answer. In a task of its own: the HTTP client's functions change threads.
    static func fetch(_ source: InventorySource) async throws(InventoryError) -> SourceAnswer {
        let task = Task { @concurrent () async -> Result<SourceAnswer, InventoryError> in
            do {
                return .success(try await self.read(source))
            } catch let error as InventoryError {
                return .failure(error)
            } catch let error as HTTPClientError {
                return .failure(source.error(self.reason(error, source)))
            } catch {
                // Only what is known to be without secrets.
                return .failure(source.error("gives no complete answer: the connection failed (\(type(of: error)))"))
            }
        }
        return try await withTaskCancellationHandler {
            await task.value
        } onCancel: {
            task.cancel()
        }.get()
    }

    private static func read(_ source: InventorySource) async throws -> SourceAnswer {
        guard source.kind == .netbox else {
            let body = try await self.get(source.url, source)
            // Read once here: what can't be read isn't an answer, and must not take the place of one.
            let document = try InventoryDocument(json: body, file: source.name)
            guard let root = YAMLValue(document) else { throw source.error("answers with nothing") }
            _ = try InventoryReader.devices(in: root)
            return SourceAnswer(devices: body, of: source)
        }
        var devices = NetBoxDevices(of: source)
        var page: String? = self.withPageSize(source.url)
        var seen = Set<String>()
        while let url = page {
            guard seen.insert(url).inserted else { throw source.error("leads from page to page in a circle") }
            guard seen.count <= self.maximumPages else {
                throw source.error("has more than \(self.maximumPages) pages")
            }
            let next = try devices.add(page: try await self.get(url, source))
            // Only where on the host: behind a proxy NetBox may think that it is called otherwise.
            page = try next.map { try self.onSameHost($0, source) }
        }
        return SourceAnswer(devices: devices.list, of: source, notes: devices.notes)
    }

    private static func get(_ url: String, _ source: InventorySource) async throws -> [UInt8] {
        var current = url
        for _ in 0...self.maximumRedirects {
            var request = HTTPClientRequest(url: current)
            request.headers.add(name: "accept", value: "application/json")
            request.headers.add(name: "user-agent", value: "tether")
            if let authorization = self.authorization(source) {
                request.headers.add(name: "authorization", value: authorization)
            }
            let deadline = NIODeadline.now() + TimeAmount(source.timeout)
            let response = try await self.client.execute(request, deadline: deadline)
            switch response.status.code {
            case 200: return Array(buffer: try await response.body.collect(upTo: self.maximumAnswerBytes))
            case 301, 302, 303, 307, 308:
                current = try self.redirected(from: current, to: response.headers.first(name: "location"), source)
            case 401, 403:
                let hint = source.token == nil ? "give a `token`" : "check the `token`"
                throw source.error("answers \(response.status.code) \(response.status.reasonPhrase): \(hint)")
            default: throw source.error("answers \(response.status.code) \(response.status.reasonPhrase)")
            }
        }
        throw source.error("redirects more than \(self.maximumRedirects) times")
    }

    /// NetBox wants its older tokens under a name of their own, the newer ones (from version 4.5 on) as RFC 6750 has it.
    private static func authorization(_ source: InventorySource) -> String? {
        source.token.map { token in
            let text = token.withExposedValue { $0 }
            return source.kind == .netbox && !text.hasPrefix("nbt_") ? "Token \(text)" : "Bearer \(text)"
        }
    }

    private static func redirected(
        from current: String, to location: String?, _ source: InventorySource
    ) throws(InventoryError) -> String {
        guard let location, let old = URL(string: current),
            let next = URL(string: location, relativeTo: old)?.absoluteURL
        else { throw source.error("redirects to what is no address") }
        guard next.host?.lowercased() == old.host?.lowercased(), next.scheme == "https" || old.scheme == next.scheme,
            next.port == old.port || (old.scheme == "http" && next.scheme == "https")
        else {
            throw source.error(
                "redirects to \(quoted("\(next.scheme ?? "")://\(next.host ?? "")")), which isn't the host that it is asked at: write that address in `url`"
            )
        }
        return next.absoluteString
    }

    private static func onSameHost(_ link: String, _ source: InventorySource) throws(InventoryError) -> String {
        guard var components = URLComponents(string: source.url), let next = URLComponents(string: link) else {
            throw source.error("gives an address of its next page that is none")
        }
        components.percentEncodedPath = next.percentEncodedPath
        components.percentEncodedQuery = next.percentEncodedQuery
        return components.string ?? source.url
    }

    private static func withPageSize(_ url: String) -> String {
        guard var components = URLComponents(string: url) else { return url }
        var items = components.percentEncodedQueryItems ?? []
        guard !items.contains(where: { $0.name == "limit" }) else { return url }
        items.append(URLQueryItem(name: "limit", value: String(self.pageSize)))
        components.percentEncodedQueryItems = items
        return components.string ?? url
    }

    private static func reason(_ error: HTTPClientError, _ source: InventorySource) -> String {
        switch error {
        case .deadlineExceeded, .readTimeout, .connectTimeout: "doesn't answer within \(source.timeout)"
        case .remoteConnectionClosed: "closed the connection before its answer was complete"
        default: "doesn't answer: \(error)"
        }
    }
}
