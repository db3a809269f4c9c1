import Foundation
import Hummingbird

/// Who may see the status page and its data.
struct StatusAccess: Sendable {
    enum Answer: Sendable, Hashable {
        case granted
        /// Nobody may, as things are set up; why.
        case closed(String)
        /// Whoever knows the token may.
        case unauthorized
    }

    let token: [UInt8]?
    let isLoopback: Bool

    func answer(to request: Request) -> Answer {
        if let token {
            return self.offered(request).contains { Self.areEqual($0, token) } ? .granted : .unauthorized
        }
        guard self.isLoopback else {
            return .closed(
                "The status page is only served with a token where others can reach it: give --status-token-file.")
        }
        return self.admitsName(of: request) ? .granted : .closed(Self.otherName)
    }

    static let otherName = "This is only served under the name of this machine: localhost."

    /// A page from elsewhere can make its own name stand for this machine, and then read what a browser here gets (DNS rebinding). Where others can reach the
    /// address, any name may be the right one.
    func admitsName(of request: Request) -> Bool {
        !self.isLoopback || Self.isOwnName(request.head.authority)
    }

    /// As a bearer token (RFC 6750), or as the password of Basic authentication (RFC 7617), which browsers ask for.
    private func offered(_ request: Request) -> [[UInt8]] {
        request.headers[values: .authorization].compactMap { value in
            let parts = value.split(separator: " ", maxSplits: 1)
            guard parts.count == 2 else { return nil }
            switch parts[0].lowercased() {
            case "bearer": return Array(parts[1].utf8)
            case "basic":
                guard let data = Data(base64Encoded: String(parts[1])), let colon = data.firstIndex(of: 0x3A) else {
                    return nil
                }
                return Array(data[data.index(after: colon)...])
            default: return nil
            }
        }
    }

    /// In the same time wherever they differ.
    private static func areEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        var difference: UInt8 = left.count == right.count ? 0 : 1
        for index in right.indices { difference |= right[index] ^ (index < left.count ? left[index] : 0) }
        return difference == 0
    }

    /// - Parameter authority: a host, and perhaps a port (RFC 3986, section 3.2); a user's name has no place there.
    private static func isOwnName(_ authority: String?) -> Bool {
        guard let authority = authority?.lowercased(), Int(authority) == nil,
            var address = ListenAddress(authority) ?? ListenAddress("\(authority):0")
        else { return false }
        if address.host == "localhost." { address.host = "localhost" }
        return address.isLoopback
    }
}
