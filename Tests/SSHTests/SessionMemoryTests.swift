#if canImport(Glibc)
    import Glibc
    import TestSupport
    import Testing

    @testable import SSH

    @Suite("Memory of a session")
    struct SessionMemoryTests {
        @Test("of the packet buffers of a session that lasts, only what has been used stays resident")
        func untouchedPages() async throws {
            try await withServer { server in
                let connection = try await SSHConnection.connect(to: server, keepaliveInterval: .milliseconds(200))
                func resident() async throws -> Int {
                    try await connection.eventLoop.submit {
                        connection.core.value.session.map { Self.residentPages(of: $0) } ?? 0
                    }.get()
                }
                #expect(await until { (try? await resident()) ?? .max <= Self.pages / 2 })
                // And it goes on as before.
                let output = try await connection.collect("head -c 300000 /dev/zero | tr '\\0' x")
                #expect(output.output == String(repeating: "x", count: 300_000))
                await connection.close()
            }
        }

        @Test("a new session's buffers are resident, and given back when it is asked to")
        func released() throws {
            for session in try (0..<20).map({ _ in try LibSSH2Session() }) {
                #expect(Self.residentPages(of: session) == Self.pages)
                session.releaseUntouchedPages()
                #expect(Self.residentPages(of: session) <= Self.pages / 3)
            }
        }

        private static let page = sysconf(Int32(_SC_PAGESIZE))
        /// So many whole pages lie inside of each session's 55 KB, wherever it begins.
        private static let pages = 48 * 1024 / page

        private static func residentPages(of session: LibSSH2Session) -> Int {
            let start = (Int(bitPattern: session.handle) + self.page - 1) / self.page * self.page
            var states = [UInt8](repeating: 0, count: self.pages)
            guard mincore(UnsafeMutableRawPointer(bitPattern: start), self.pages * self.page, &states) == 0 else {
                return .max
            }
            return states.count { $0 & 1 == 1 }
        }
    }
#endif
