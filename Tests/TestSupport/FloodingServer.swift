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
            try await PythonServer.start(
                "tether-flood", script: Self.script, arguments: [String(megabytes)],
                needs: "It needs asyncssh; TETHER_TEST_PYTHON names another interpreter."))
    }

    private init(_ server: PythonServer) {
        self.server = server
    }

    package func stop() { self.server.stop() }

    private static let script = """
        import asyncio, os, sys
        folder, megabytes = sys.argv[1], int(sys.argv[2])
        sys.stderr = open(os.path.join(folder, "errors"), "w", buffering=1)
        import asyncssh

        class Server(asyncssh.SSHServer):
            def begin_auth(self, username):
                return False

        async def flood(process):
            connection = process.channel.get_connection()
            # SSH_MSG_REQUEST_SUCCESS (RFC 4254, section 4), to no request.
            for _ in range(megabytes * 1024 * 1024 // 30000):
                connection.send_packet(81, bytes(30000))
                while connection._transport and connection._transport.get_write_buffer_size() > 1000000:
                    await asyncio.sleep(0.001)
            await asyncio.Event().wait()

        async def main():
            server = await asyncssh.listen(
                "127.0.0.1", 0, server_factory=Server, process_factory=flood,
                server_host_keys=[asyncssh.generate_private_key("ssh-ed25519")])
            temporary = os.path.join(folder, "port.new")
            with open(temporary, "w") as file:
                file.write(str(server.sockets[0].getsockname()[1]))
            os.rename(temporary, os.path.join(folder, "port"))
            await asyncio.Event().wait()

        asyncio.run(main())
        """
}
