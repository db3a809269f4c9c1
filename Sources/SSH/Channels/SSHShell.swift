import NIOCore

/// An open shell channel.
package struct SSHShell: Sendable {
    let channel: NIOLoopBound<SessionChannel>

    /// Queues bytes for the device. Call on the connection's event loop only (traps otherwise).
    ///
    /// Bytes given after the shell has closed are dropped: `.closed` has been or will be delivered. A device that doesn't take
    /// its input is given up when 16 MiB are waiting.
    package func write(_ bytes: ByteBuffer) { self.channel.value.write(bytes) }

    /// Closes the channel; the connection stays. Call on the event loop only.
    package func close() { self.channel.value.close() }
}
