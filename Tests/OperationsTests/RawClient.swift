import Foundation

/// A client of bad manners: sends the bytes that it is told to, and reads only when asked to. Blocks the thread that it is used from.
final class RawClient: Sendable {
    private let descriptor: Int32

    init(port: Int, receiveBuffer: Int32? = nil, sending text: String) {
        self.descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        if var size = receiveBuffer {
            setsockopt(self.descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
        }
        var limit = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(self.descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(port)).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let descriptor = self.descriptor
        withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                _ = connect(descriptor, pointer, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        let bytes = Array(text.utf8)
        _ = send(self.descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
    }

    /// What comes at once.
    func read() -> String {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = recv(self.descriptor, &buffer, buffer.count, 0)
        return String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
    }

    func close() { _ = Foundation.close(self.descriptor) }

    /// The beginning of the answer to a request.
    static func answer(_ request: String, port: Int) -> String {
        let client = RawClient(port: port, sending: request)
        defer { client.close() }
        return client.read()
    }
}
