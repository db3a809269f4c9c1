#if canImport(Glibc)
    import Glibc
    import Testing

    @testable import SSH

    @Suite("Memory of a session")
    struct SessionMemoryTests {
        /// Twelve whole pages lie inside of each session's 55 KB, wherever it begins.
        @Test("of the packet buffers of a new session, nothing is resident")
        func untouchedPages() throws {
            let page = sysconf(Int32(_SC_PAGESIZE))
            let pages = 48 * 1024 / page
            let sessions = try (0..<20).map { _ in try LibSSH2Session() }
            for session in sessions {
                let start = (Int(bitPattern: session.handle) + page - 1) / page * page
                var states = [UInt8](repeating: 0, count: pages)
                #expect(mincore(UnsafeMutableRawPointer(bitPattern: start), pages * page, &states) == 0)
                let resident = states.count { $0 & 1 == 1 }
                #expect(resident <= pages / 3, "\(resident) of \(pages) pages")
            }
        }
    }
#endif
