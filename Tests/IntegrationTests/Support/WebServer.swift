import Foundation

/// A web server that keeps what is written to it, refuses some paths, and redirects others.
final class WebServer {
    let port: Int
    private let process: ChildProcess
    private let folder: URL

    private init(port: Int, process: ChildProcess, folder: URL) {
        self.port = port
        self.process = process
        self.folder = folder
    }

    static func start(on leash: Leash) async throws -> WebServer {
        let folder = leash.folder.appendingPathComponent("web-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let script = folder.appendingPathComponent("server.py")
        try Self.script.write(to: script, atomically: true, encoding: .utf8)
        let interpreter = ProcessInfo.processInfo.environment["TETHER_TEST_PYTHON"] ?? "python3"
        let process = try ChildProcess.start(interpreter, [script.path, folder.path], on: leash)
        try await until("the web server listens", state: { process.errors }) { process.output.last == 0x0A }
        let text = String(decoding: process.output, as: UTF8.self).split(separator: "\n")
        guard let port = text.first.flatMap({ Int($0) }) else { throw Unexpected("no port: \(text)") }
        return WebServer(port: port, process: process, folder: folder)
    }

    func stop() { self.process.send(signal: SIGKILL) }

    func url(_ path: String) -> String { "http://127.0.0.1:\(self.port)/\(path)" }

    subscript(name: String) -> Data? {
        get { try? Data(contentsOf: self.folder.appendingPathComponent(name)) }
        set { try? newValue?.write(to: self.folder.appendingPathComponent(name)) }
    }

    /// Bodies of POST requests, in no order.
    var posted: [Data] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: self.folder.path)) ?? []
        return names.filter { $0.hasPrefix("posted-") }.compactMap { self[$0] }
    }

    private static let script = #"""
        import http.server, os, sys, uuid
        folder = sys.argv[1]
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            def log_message(self, *arguments): pass
            def name(self): return os.path.basename(self.path.split("?")[0])
            def answer(self, status, body=b"", **headers):
                self.send_response(status)
                for key, value in headers.items(): self.send_header(key, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            def do_GET(self):
                if self.path.startswith("/loop"): return self.answer(302, Location=self.path)
                if self.path.startswith("/away/"): return self.answer(302, Location="/" + self.name())
                if self.path.startswith("/file"): return self.answer(302, Location="file:///etc/passwd")
                path = os.path.join(folder, self.name())
                if not os.path.isfile(path): return self.answer(404)
                self.answer(200, open(path, "rb").read())
            def do_PUT(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.path.startswith("/denied"): return self.answer(403)
                if self.path.startswith("/away/"): return self.answer(307, Location="/" + self.name())
                open(os.path.join(folder, self.name()), "wb").write(body)
                self.answer(201)
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                path = os.path.join(folder, uuid.uuid4().hex)
                open(path, "wb").write(body)
                # Whole, once it is there.
                os.rename(path, os.path.join(folder, "posted-" + os.path.basename(path)))
                self.answer(200, b"{}")
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        print(server.server_port, flush=True)
        server.serve_forever()
        """#
}
