import Devices
import Foundation
import NIOCore
import NIOPosix

extension URLAccess {
    /// How long a look-up may take.
    private static let patience = TimeAmount.seconds(15)

    /// - Throws: `url.refused`, for what can be told without a look-up.
    func check(_ url: String) throws(DeviceError) {
        guard let problem = self.problem(withURL: url) else { return }
        throw Self.refusal(url, problem)
    }

    /// The address that the URL's host is to be reached at. All that its name stands for are judged: one that isn't allowed makes the name suspect.
    ///
    /// - Returns: the host and the address; empty where the host is an address itself.
    /// - Throws: `url.refused`, `url.failed`.
    func override(for url: String) async throws(DeviceError) -> [String: String] {
        try self.check(url)
        // The client reads the host in the same way, and finds the override under it.
        guard let host = URL(string: url)?.host.map(Self.withoutBrackets) else {
            throw Self.refusal(url, "it has no host")
        }
        if HostAddress(host) != nil { return [:] }
        let addresses = try await Self.lookUp(host, url)
        for address in addresses {
            if let problem = self.problem(with: address) { throw Self.refusal(url, problem) }
        }
        guard let first = addresses.first else {
            throw DeviceError(code: "url.failed", message: "\(WebFiles.shown(url)): its host has no address")
        }
        return [host: first.description]
    }

    private static func refusal(_ url: String, _ problem: String) -> DeviceError {
        DeviceError(code: "url.refused", message: "the address \(WebFiles.shown(url)) is refused: \(problem)")
    }

    private static func withoutBrackets(_ host: String) -> String {
        host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : host
    }

    /// Asks the system's resolver, on a thread that may block; the wait for it has an end of its own.
    private static func lookUp(_ host: String, _ url: String) async throws(DeviceError) -> [HostAddress] {
        let loop = MultiThreadedEventLoopGroup.singleton.any()
        let promise = loop.makePromise(of: [HostAddress].self)
        let timer = loop.scheduleTask(in: Self.patience) { promise.fail(NoAnswer()) }
        Task { promise.succeed((try? await Blocking.run { Self.addresses(of: host) }) ?? []) }
        do {
            let addresses = try await withTaskCancellationHandler {
                try await promise.futureResult.get()
            } onCancel: {
                promise.fail(CancellationError())
            }
            timer.cancel()
            return addresses
        } catch is CancellationError {
            timer.cancel()
            throw DeviceError(code: "cancelled", message: "the transfer was cancelled")
        } catch {
            throw DeviceError(
                code: "url.failed", message: "\(WebFiles.shown(url)): the look-up of its host took too long")
        }
    }

    private struct NoAnswer: Error {}

    /// In the order of preference (RFC 6724). Blocks.
    private static func addresses(of host: String) -> [HostAddress] {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_ADDRCONFIG
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, nil, &hints, &list) == 0 else { return [] }
        defer { freeaddrinfo(list) }
        var addresses: [HostAddress] = []
        var next = list
        while let entry = next {
            next = entry.pointee.ai_next
            guard let socketAddress = entry.pointee.ai_addr else { continue }
            let bytes: [UInt8]
            switch entry.pointee.ai_family {
            case AF_INET:
                bytes = socketAddress.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { address in
                    withUnsafeBytes(of: address.pointee.sin_addr) { Array($0) }
                }
            case AF_INET6:
                bytes = socketAddress.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { address in
                    withUnsafeBytes(of: address.pointee.sin6_addr) { Array($0) }
                }
            default: continue
            }
            if let address = HostAddress(bytes: bytes), !addresses.contains(address) { addresses.append(address) }
        }
        return addresses
    }
}
