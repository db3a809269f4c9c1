import Foundation

/// TCP ports of 127.0.0.1.
package enum LoopbackPort {
    /// Below the range that Linux hands out by itself (from 32,768 on): it will not give such a port to somebody else meanwhile.
    private static let range = 15_000..<32_000

    /// `SOCK_STREAM | SOCK_CLOEXEC` of Linux (socket(2)), whose names Swift doesn't know here where its standard library is linked statically.
    private static let stream: Int32 = 0o1 | 0o2_000_000

    /// A port that nobody listens on now.
    package static func free() throws(LabError) -> Int {
        for _ in 1...100 {
            let port = Int.random(in: self.range)
            if self.withSocket(port, { bind($0, $1, $2) == 0 }) { return port }
        }
        throw LabError("no free port between \(self.range.lowerBound) and \(self.range.upperBound)")
    }

    /// Whether somebody takes connections there.
    package static func answers(_ port: Int) -> Bool { self.withSocket(port) { connect($0, $1, $2) == 0 } }

    private static func withSocket(_ port: Int, _ body: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Bool) -> Bool {
        let descriptor = socket(AF_INET, self.stream, 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }
}
