import CLibSSH2
import NIOCore

// The functions that libssh2 calls. They are file-level and nonisolated: a closure literal in isolated code would carry an
// isolation check that traps on another thread. Each runs inside a libssh2 call, on the thread that made it, and finds the
// session's `WireBuffers` behind the session's abstract pointer; `LibSSH2Session` keeps that object alive longer than the
// session.

/// SEND: takes everything, always, so that libssh2 never has a half-sent packet.
nonisolated func libSSH2Send(
    _ socket: libssh2_socket_t,
    _ bytes: UnsafeRawPointer?,
    _ count: Int,
    _ flags: Int32,
    _ abstract: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
) -> Int {
    guard let wire = wireBuffers(abstract), let bytes else { return Int(-EIO) }
    if wire.isBroken { return Int(-ECONNRESET) }
    let region = UnsafeRawBufferPointer(start: bytes, count: count)
    wire.outgoingOffer?.consume(region)
    wire.outbound.writeBytes(region)
    return count
}

/// RECV: gives what has been released. "Nothing yet" is the negative errno, also at end of file; what an end of file means is
/// decided by the owner, after everything before it has been read.
nonisolated func libSSH2Receive(
    _ socket: libssh2_socket_t,
    _ bytes: UnsafeMutableRawPointer?,
    _ count: Int,
    _ flags: Int32,
    _ abstract: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
) -> Int {
    guard let wire = wireBuffers(abstract), let bytes else { return Int(-EIO) }
    if wire.isBroken { return Int(-ECONNRESET) }
    let taken = min(count, wire.released)
    guard taken > 0 else { return Int(-EAGAIN) }
    wire.inbound.readWithUnsafeReadableBytes { readable in
        UnsafeMutableRawBufferPointer(start: bytes, count: count).copyMemory(from: .init(rebasing: readable[..<taken]))
        return taken
    }
    wire.released -= taken
    // The network's buffer goes back at once: NIO reads into it again, for whatever connection, only if nobody else holds it.
    if wire.inbound.readableBytes == 0 { wire.inbound = ByteBuffer() }
    return taken
}

/// DISCONNECT: remembers what the server said.
nonisolated func libSSH2Disconnect(
    _ session: OpaquePointer?,
    _ reason: Int32,
    _ message: UnsafePointer<CChar>?,
    _ messageLength: Int32,
    _ language: UnsafePointer<CChar>?,
    _ languageLength: Int32,
    _ abstract: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
) {
    guard let wire = wireBuffers(abstract) else { return }
    var text = ""
    if let message, messageLength > 0 {
        let bytes = UnsafeRawBufferPointer(start: message, count: min(Int(messageLength), 1024))
        text = String.printable(bytes, limit: 200)
    }
    wire.disconnect = DisconnectMessage(reason: UInt32(bitPattern: reason), text: text)
}

/// Answers a round of `keyboard-interactive` (RFC 4256 §3.4).
///
/// The hidden questions of the first round that has any get the password; whatever is asked later gets an empty answer. A server
/// that asks again would otherwise be given the same wrong password over and over, and lock the account.
nonisolated func libSSH2KeyboardInteractive(
    _ name: UnsafePointer<CChar>?,
    _ nameLength: Int32,
    _ instruction: UnsafePointer<CChar>?,
    _ instructionLength: Int32,
    _ promptCount: Int32,
    _ prompts: UnsafePointer<LIBSSH2_USERAUTH_KBDINT_PROMPT>?,
    _ responses: UnsafeMutablePointer<LIBSSH2_USERAUTH_KBDINT_RESPONSE>?,
    _ abstract: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
) {
    guard let wire = wireBuffers(abstract), let prompts, let responses, promptCount > 0 else { return }
    var hasAnswered = false
    for index in 0..<Int(promptCount) where prompts[index].echo == 0 {
        guard let answer = wire.keyboardAnswer else { break }
        answer.withExposedValue { text in
            // libssh2 frees the text with its own allocator, which is malloc's.
            let copy = strdup(text)
            responses[index].text = copy
            responses[index].length = copy.map { UInt32(strlen($0)) } ?? 0
        }
        hasAnswered = true
    }
    if hasAnswered { wire.keyboardAnswer = nil }
}

private func wireBuffers(_ abstract: UnsafeMutablePointer<UnsafeMutableRawPointer?>?) -> WireBuffers? {
    guard let pointer = abstract?.pointee else { return nil }
    return Unmanaged<WireBuffers>.fromOpaque(pointer).takeUnretainedValue()
}
