import CLibSSH2
import NIOCore

// The functions that libssh2 calls. They are file-level and nonisolated: a closure literal in isolated code would carry an
// isolation check that traps on another thread. Each runs inside a libssh2 call, on the thread that made it, and finds the
// session's `WireBuffers` behind the session's abstract pointer; `LibSSH2Session` keeps that object alive longer than the
// session.

/// Allocates within the session's limit, with malloc: callbacks hand over memory of malloc's that libssh2 frees, and none of that is worth counting.
nonisolated func libSSH2Allocate(
    _ count: Int, _ abstract: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
) -> UnsafeMutableRawPointer? {
    guard let wire = wireBuffers(abstract), count <= wire.allocationLimit - wire.allocated, let block = malloc(count)
    else { return nil }
    wire.allocated += clibssh2_block_size(block)
    return block
}

nonisolated func libSSH2Reallocate(
    _ block: UnsafeMutableRawPointer?, _ count: Int, _ abstract: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
) -> UnsafeMutableRawPointer? {
    guard let block else { return libSSH2Allocate(count, abstract) }
    guard let wire = wireBuffers(abstract), count <= wire.allocationLimit - wire.allocated else { return nil }
    let before = clibssh2_block_size(block)
    guard let moved = realloc(block, count) else { return nil }
    wire.allocated += clibssh2_block_size(moved) - before
    return moved
}

nonisolated func libSSH2Free(
    _ block: UnsafeMutableRawPointer?, _ abstract: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
) {
    guard let block else { return }
    // First: the last block is the session itself, and the pointer stands in it.
    wireBuffers(abstract)?.allocated -= clibssh2_block_size(block)
    free(block)
}

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

/// Gives no new password. Without this callback libssh2 1.10 takes the request for one (RFC 4252 §8) for a rejection.
nonisolated func libSSH2PasswordChange(
    _ session: OpaquePointer?,
    _ password: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?,
    _ length: UnsafeMutablePointer<Int32>?,
    _ abstract: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
) {}

/// Has a round of `keyboard-interactive` answered (RFC 4256 §3.4).
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
    // A round without questions still shows its instruction.
    guard let wire = wireBuffers(abstract) else { return }
    func text(_ bytes: UnsafeRawPointer?, _ length: Int) -> String {
        guard let bytes, length > 0 else { return "" }
        return String.printable(UnsafeRawBufferPointer(start: bytes, count: min(length, 1024)), limit: 200)
    }
    var questions: [InteractiveAnswers.Question] = []
    if let prompts, promptCount > 0 {
        questions = UnsafeBufferPointer(start: prompts, count: Int(promptCount)).map { prompt in
            .init(text: text(prompt.text, Int(prompt.length)), isHidden: prompt.echo == 0)
        }
    }
    let answers = wire.interactive?.answers(
        instruction: text(instruction, Int(instructionLength)), questions: questions)
    guard let responses, let answers else { return }
    for (index, answer) in answers.enumerated() {
        answer?.withExposedValue { text in
            // libssh2 frees the text with its own allocator, which is malloc's.
            let copy = strdup(text)
            responses[index].text = copy
            responses[index].length = copy.map { UInt32(strlen($0)) } ?? 0
        }
    }
}

private func wireBuffers(_ abstract: UnsafeMutablePointer<UnsafeMutableRawPointer?>?) -> WireBuffers? {
    guard let pointer = abstract?.pointee else { return nil }
    return Unmanaged<WireBuffers>.fromOpaque(pointer).takeUnretainedValue()
}
