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
