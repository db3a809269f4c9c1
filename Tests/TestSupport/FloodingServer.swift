import Foundation

/// An SSH server that sends packets that nobody asked for, as many as it can, once a shell has been opened.
///
/// Needs Python 3 with asyncssh; the interpreter is `TETHER_TEST_PYTHON`, else `python3`. Call ``stop()`` at the end.
package final class FloodingServer: Sendable {
    package let host = "127.0.0.1"
    package var port: Int { self.server.port }
    private let server: PythonServer

    /// - Parameter megabytes: how much it sends before it falls silent.
    package static func start(megabytes: Int) async throws -> FloodingServer {
        FloodingServer(
            try await PythonServer.startSSH(
                "tether-flood", script: Self.script, options: "process_factory=flood", arguments: [String(megabytes)]))
    }

    private init(_ server: PythonServer) {
        self.server = server
    }

    package func stop() { self.server.stop() }

    private static let script = """
        class Server(asyncssh.SSHServer):
            def begin_auth(self, username):
                return False

        async def flood(process):
            connection = process.channel.get_connection()
            # SSH_MSG_REQUEST_SUCCESS (RFC 4254, section 4), to no request.
            for _ in range(int(sys.argv[2]) * 1024 * 1024 // 30000):
                connection.send_packet(81, bytes(30000))
                while connection._transport and connection._transport.get_write_buffer_size() > 1000000:
                    await asyncio.sleep(0.001)
            await asyncio.Event().wait()
        """
}
