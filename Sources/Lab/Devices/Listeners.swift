import CLibSSH
import Glibc
import NIOConcurrencyHelpers

/// The listening sockets of a farm and the one thread that accepts on all of them.
///
/// Safe to use from any thread: sockets are only touched under the lock, so none can be closed and its number reused meanwhile.
final class Listeners: Sendable {
    private struct Listener {
        var descriptor: Int32
        var address: sockaddr_in
        var isListening = true
    }

    private let listeners: NIOLockedValueBox<[Listener]>
    private let epoll: Int32
    private let wakeUp: Int32

    init() throws(LabError) {
        listeners = NIOLockedValueBox([])
        epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
        wakeUp = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        guard epoll >= 0, wakeUp >= 0 else { throw LabError("no file descriptors left: raise `ulimit -n`") }
        register(wakeUp, as: UInt32.max)
    }

    deinit {
        close(epoll)
        close(wakeUp)
    }

    /// Listens on `host`, which is an IPv4 address; port 0 takes a free one. Returns the port.
    func add(host: String, port: Int) throws(LabError) -> Int {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(truncatingIfNeeded: port).bigEndian
        guard (0...65_535).contains(port), inet_pton(AF_INET, host, &address.sin_addr) == 1 else {
            throw LabError("\(host):\(port) is not an IPv4 address and port to listen on")
        }
        let descriptor = try Self.bound(&address)
        guard listen(descriptor, 1_024) == 0 else {
            let reason = String(cString: strerror(errno))
            close(descriptor)
            throw LabError("can't listen on \(host):\(port): \(reason)")
        }
        let index = listeners.withLockedValue { listeners in
            listeners.append(Listener(descriptor: descriptor, address: address))
            return listeners.count - 1
        }
        register(descriptor, as: UInt32(index))
        return Int(in_port_t(bigEndian: address.sin_port))
    }

    /// Switches one listener off (connections are refused) or on again.
    func setListening(_ isListening: Bool, at index: Int) {
        listeners.withLockedValue { listeners in
            guard listeners.indices.contains(index), listeners[index].isListening != isListening else { return }
            if isListening {
                guard listen(listeners[index].descriptor, 1_024) == 0 else { return }
                register(listeners[index].descriptor, as: UInt32(index))
            } else {
                close(listeners[index].descriptor)
                // A socket that is bound but doesn't listen keeps the port and makes the kernel refuse.
                var address = listeners[index].address
                listeners[index].descriptor = (try? Self.bound(&address)) ?? -1
            }
            listeners[index].isListening = isListening
        }
    }

    /// Accepts until ``stop()``, on the calling thread.
    /// - Parameter accepted: gets the index of the listener, the new socket and the client's port; must not block.
    func run(_ accepted: (_ index: Int, _ descriptor: Int32, _ clientPort: Int) -> Void) {
        var events = [epoll_event](repeating: epoll_event(), count: 64)
        while true {
            let count = epoll_wait(epoll, &events, Int32(events.count), -1)
            if count < 0, errno != EINTR { return }
            for event in events.prefix(Int(max(count, 0))) {
                if event.data.u32 == UInt32.max { return }
                let index = Int(event.data.u32)
                // A few at a time, so that one busy device doesn't starve the others.
                for _ in 0..<16 {
                    guard let (descriptor, port) = accept(at: index) else { break }
                    accepted(index, descriptor, port)
                }
            }
        }
    }

    /// Ends ``run(_:)`` and closes all listeners.
    func stop() {
        eventfd_write(wakeUp, 1)
        listeners.withLockedValue { listeners in
            for listener in listeners where listener.descriptor >= 0 { close(listener.descriptor) }
            listeners = []
        }
    }

    private func accept(at index: Int) -> (descriptor: Int32, clientPort: Int)? {
        listeners.withLockedValue { listeners -> (Int32, Int)? in
            guard listeners.indices.contains(index), listeners[index].isListening else { return nil }
            var peer = sockaddr_in()
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            let listener = listeners[index].descriptor
            let descriptor = withUnsafeMutableBytes(of: &peer) { bytes in
                Glibc.accept(listener, bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self), &length)
            }
            guard descriptor >= 0 else { return nil }
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
            _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
            var on: Int32 = 1
            setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
            return (descriptor, Int(in_port_t(bigEndian: peer.sin_port)))
        }
    }

    private func register(_ descriptor: Int32, as data: UInt32) {
        var event = epoll_event()
        event.events = EPOLLIN.rawValue
        event.data.u32 = data
        epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event)
    }

    private static func bound(_ address: inout sockaddr_in) throws(LabError) -> Int32 {
        let descriptor = socket(
            AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        guard descriptor >= 0 else { throw LabError("no file descriptors left: raise `ulimit -n`") }
        var on: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutableBytes(of: &address) { bytes in
            let pointer = bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self)
            let result = bind(descriptor, pointer, length)
            return result == 0 ? getsockname(descriptor, pointer, &length) : result
        }
        guard result == 0 else {
            let reason = String(cString: strerror(errno))
            close(descriptor)
            throw LabError("can't take port \(in_port_t(bigEndian: address.sin_port)): \(reason)")
        }
        return descriptor
    }
}
