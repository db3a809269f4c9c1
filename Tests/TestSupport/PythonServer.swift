import Foundation

/// A server in Python for a test: its folder, which it gets as its first argument, and the port that it writes there when it listens.
///
/// The script writes its number to `port` by renaming a finished file, and its errors to `errors`. The interpreter is `TETHER_TEST_PYTHON`, else `python3`.
final class PythonServer: Sendable {
    let folder: URL
    let port: Int
    private let processes: WatchedProcesses

    /// - Parameters:
    ///   - name: begins the folder's name.
    ///   - needs: what to say of a server that doesn't start, besides its own words.
    static func start(
        _ name: String, script: String, arguments: [String] = [], needs: String = ""
    ) async throws -> PythonServer {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("\(name)-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let path = folder.appendingPathComponent("server.py").path
        try script.write(toFile: path, atomically: true, encoding: .utf8)
        let interpreter = ProcessInfo.processInfo.environment["TETHER_TEST_PYTHON"] ?? "python3"
        let process = try OpenSSHServer.spawn("/usr/bin/env", [interpreter, path, folder.path] + arguments)
        let deadline = ContinuousClock.now + .seconds(60)
        while ContinuousClock.now < deadline {
            if let text = try? String(contentsOf: folder.appendingPathComponent("port"), encoding: .utf8),
                let port = Int(text)
            {
                return try PythonServer(folder, process, port)
            }
            var status: Int32 = 0
            if waitpid(process, &status, WNOHANG) == process { break }
            try await Task.sleep(for: .milliseconds(10))
        }
        let errors = (try? String(contentsOf: folder.appendingPathComponent("errors"), encoding: .utf8)) ?? ""
        kill(process, SIGKILL)
        try? FileManager.default.removeItem(at: folder)
        throw OpenSSHServer.Failure(description: "No server from \(interpreter): \(errors) \(needs)")
    }

    /// A server of asyncssh.
    ///
    /// - Parameters:
    ///   - script: defines its class, `Server`.
    ///   - options: more arguments of `asyncssh.listen`.
    static func startSSH(
        _ name: String, script: String, options: String = "", arguments: [String] = []
    ) async throws -> PythonServer {
        let whole = """
            import asyncio, json, os, sys
            folder = sys.argv[1]
            sys.stderr = open(os.path.join(folder, "errors"), "w", buffering=1)
            import asyncssh

            \(script)

            async def main():
                server = await asyncssh.listen(
                    "127.0.0.1", 0, server_factory=Server,
                    server_host_keys=[asyncssh.generate_private_key("ssh-ed25519")], \(options))
                temporary = os.path.join(folder, "port.new")
                with open(temporary, "w") as file:
                    file.write(str(server.sockets[0].getsockname()[1]))
                os.rename(temporary, os.path.join(folder, "port"))
                await asyncio.Event().wait()

            asyncio.run(main())
            """
        return try await Self.start(
            name, script: whole, arguments: arguments,
            needs: "It needs asyncssh; TETHER_TEST_PYTHON names another interpreter.")
    }

    private init(_ folder: URL, _ process: pid_t, _ port: Int) throws {
        self.folder = folder
        self.port = port
        self.processes = try WatchedProcesses([process], folder: folder)
    }

    /// The lines of `log`, where the script notes what it was asked.
    var log: [String] {
        let text = (try? String(contentsOf: self.folder.appendingPathComponent("log"), encoding: .utf8)) ?? ""
        return text.split(separator: "\n").map(String.init)
    }

    func stop() { self.processes.stop() }
}
