import Foundation

/// What the development broker lacks, in front of it: TLS, client certificates, and SASL with PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 and OAUTHBEARER.
///
/// Responses that name the broker name this instead, so that clients stay behind it. Needs Python 3 and the program `openssl`. Call ``stop()`` at the end.
package final class SecuredBroker: Sendable {
    package struct Options: Sendable {
        package var hasTLS = false
        /// Clients need a certificate of the same authority.
        package var wantsCertificates = false
        /// `nil`: nobody is asked.
        package var mechanism: String?

        package init(hasTLS: Bool = false, wantsCertificates: Bool = false, mechanism: String? = nil) {
            self.hasTLS = hasTLS
            self.wantsCertificates = wantsCertificates
            self.mechanism = mechanism
        }
    }

    package static let username = "tether"
    package static let password = "right, with \"signs\" = in it"

    package var port: Int { self.server.port }
    package var bootstrapServers: String { "127.0.0.1:\(self.port)" }
    /// PEM files: the authority's certificate, one of another authority, and a client's certificate and key.
    package var authority: String { self.path("ca.pem") }
    package var otherAuthority: String { self.path("other.pem") }
    package var certificate: String { self.path("client.pem") }
    package var key: String { self.path("client.key") }
    private let server: PythonServer

    /// One line for each login that was tried: the mechanism, and what came.
    package var log: [String] { self.server.log }

    package func path(_ name: String) -> String { self.server.folder.appendingPathComponent(name).path }

    /// - Parameter upstream: the broker's port on this machine.
    package static func start(upstream: Int, _ options: Options) async throws -> SecuredBroker {
        SecuredBroker(
            try await PythonServer.start(
                "tether-secure", script: Self.script,
                arguments: [
                    String(upstream), options.hasTLS ? "tls" : "plain",
                    options.wantsCertificates ? "certificates" : "anybody", options.mechanism ?? "none", Self.username,
                    Self.password,
                ]))
    }

    private init(_ server: PythonServer) {
        self.server = server
    }

    package func stop() { self.server.stop() }

    private static let script = #"""
        import asyncio, base64, hashlib, hmac, os, ssl, struct, subprocess, sys
        folder, upstream, tls, certificates, mechanism, user, password = sys.argv[1:]
        sys.stderr = open(os.path.join(folder, "errors"), "w", buffering=1)

        def path(name): return os.path.join(folder, name)
        def openssl(*words): subprocess.run(["openssl", *words], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=sys.stderr)

        def authority(name):
            openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=" + name,
                    "-keyout", path(name + ".key"), "-out", path(name + ".pem"))

        def certificate(name, names):
            openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=" + name,
                    "-keyout", path(name + ".key"), "-out", path(name + ".csr"))
            with open(path(name + ".ext"), "w") as file: file.write("subjectAltName=" + names)
            openssl("x509", "-req", "-in", path(name + ".csr"), "-CA", path("ca.pem"), "-CAkey", path("ca.key"), "-CAcreateserial", "-days", "2",
                    "-extfile", path(name + ".ext"), "-out", path(name + ".pem"))

        context = None
        if tls == "tls":
            authority("ca")
            authority("other")
            certificate("server", "IP:127.0.0.1")
            certificate("client", "DNS:client")
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(path("server.pem"), path("server.key"))
            if certificates == "certificates":
                context.load_verify_locations(path("ca.pem"))
                context.verify_mode = ssl.CERT_REQUIRED

        def record(*words):
            with open(path("log"), "a") as log: log.write(" ".join(words) + "\n")

        async def read(reader):
            size = struct.unpack(">i", await reader.readexactly(4))[0]
            return await reader.readexactly(size)

        def send(writer, frame): writer.write(struct.pack(">i", len(frame)) + frame)

        def text(value): return struct.pack(">h", len(value)) + value
        def block(value): return struct.pack(">i", len(value)) + value

        class Scram:
            """RFC 5802, the server's side."""
            def __init__(self, name): self.name = name
            def answer(self, message):
                if not hasattr(self, "first"):
                    self.first = message.decode().split(",", 2)[2]
                    fields = dict(part.split("=", 1) for part in self.first.split(","))
                    self.user = fields["n"]
                    self.nonce = fields["r"] + "server"
                    self.salt = b"salt"
                    self.reply = f"r={self.nonce},s={base64.b64encode(self.salt).decode()},i=4096"
                    return self.reply.encode(), None
                text = message.decode()
                proofless, proof = text.rsplit(",p=", 1)
                digest = lambda key, data: hmac.new(key, data, self.name).digest()
                salted = hashlib.pbkdf2_hmac(self.name, password.encode(), self.salt, 4096)
                signed = ",".join([self.first, self.reply, proofless]).encode()
                stored = hashlib.new(self.name, digest(salted, b"Client Key")).digest()
                client = bytes(a ^ b for a, b in zip(base64.b64decode(proof), digest(stored, signed)))
                is_right = self.user == user and hashlib.new(self.name, client).digest() == stored
                verifier = base64.b64encode(digest(digest(salted, b"Server Key"), signed))
                return (b"v=" + verifier if is_right else b"e=invalid-proof"), is_right

        class Plain:
            def answer(self, message):
                return b"", message == b"\0" + user.encode() + b"\0" + password.encode()

        class Bearer:
            def answer(self, message):
                token = message.split(b"auth=Bearer ", 1)[1].split(b"\x01", 1)[0].decode()
                record("token", token)
                try: valid = open(path("valid-token")).read().strip() == token
                except OSError: valid = True
                return b"", valid

        def server():
            if mechanism == "PLAIN": return Plain()
            if mechanism == "OAUTHBEARER": return Bearer()
            return Scram({"SCRAM-SHA-256": "sha256", "SCRAM-SHA-512": "sha512"}[mechanism])

        async def log_in(reader, writer, up_reader, up_writer):
            """Answers what comes before and during the login; false when it fails."""
            login = server()
            while True:
                frame = await read(reader)
                key, version, correlation = struct.unpack(">hhi", frame[:8])
                header = struct.pack(">i", correlation)
                if key == 18 and version > 0:
                    # UNSUPPORTED_VERSION: the client asks again in the oldest one, whose answer is easily extended.
                    send(writer, header + struct.pack(">hi", 35, 0))
                elif key == 18:
                    send(up_writer, frame)
                    answer = await read(up_reader)
                    error, count = struct.unpack(">hi", answer[4:10])
                    entries = [answer[10 + 6 * i:16 + 6 * i] for i in range(count)]
                    entries = [entry for entry in entries if struct.unpack(">h", entry[:2])[0] not in (17, 36)]
                    entries += [struct.pack(">hhh", 17, 0, 1), struct.pack(">hhh", 36, 0, 1)]
                    send(writer, answer[:6] + struct.pack(">i", len(entries)) + b"".join(entries))
                elif key == 17:
                    length = struct.unpack(">h", frame[8:10])[0]
                    wanted = frame[10 + max(length, 0):]
                    name = wanted[2:2 + struct.unpack(">h", wanted[:2])[0]].decode()
                    error = 0 if name == mechanism else 33
                    record("mechanism", name)
                    send(writer, header + struct.pack(">hi", error, 1) + text(mechanism.encode()))
                elif key == 36:
                    length = struct.unpack(">h", frame[8:10])[0]
                    rest = frame[10 + max(length, 0):]
                    answer, is_right = login.answer(rest[4:])
                    error = 58 if is_right is False else 0
                    why = text(b"no") if error else struct.pack(">h", -1)
                    send(writer, header + struct.pack(">h", error) + why + block(answer) + (struct.pack(">q", 0) if version else b""))
                    if is_right is not None:
                        record("login", mechanism, "right" if is_right else "wrong")
                        await writer.drain()
                        return is_right
                else:
                    record("unauthenticated request", str(key))
                    return False
                await writer.drain()

        async def serve(reader, writer):
            global port
            try:
                up_reader, up_writer = await asyncio.open_connection("127.0.0.1", int(upstream))
            except OSError:
                return writer.close()
            async def forward():
                while data := await reader.read(65536):
                    up_writer.write(data)
                    await up_writer.drain()
                up_writer.close()
            try:
                if mechanism == "none" or await log_in(reader, writer, up_reader, up_writer):
                    task = asyncio.create_task(forward())
                    theirs, ours = (b"127.0.0.1" + struct.pack(">i", number) for number in (int(upstream), port))
                    while True:
                        send(writer, (await read(up_reader)).replace(theirs, ours))
                        await writer.drain()
            except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
                pass
            finally:
                up_writer.close()
                writer.close()

        async def main():
            global port
            server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
            port = server.sockets[0].getsockname()[1]
            with open(path("port.new"), "w") as file: file.write(str(port))
            os.rename(path("port.new"), path("port"))
            await asyncio.Event().wait()

        asyncio.run(main())
        """#
}
