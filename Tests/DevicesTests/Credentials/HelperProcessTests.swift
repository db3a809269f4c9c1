import Foundation
import SSH
import Testing

@testable import Devices

@Suite("Helper programs that print secrets", .timeLimit(.minutes(1)))
struct HelperProcessTests {
    private func run(_ script: String, limit: Duration = .seconds(20)) async -> Result<SecretDocument, SecretFailure> {
        let helper = SecretHelper(program: "/bin/sh", arguments: ["-c", script], timeLimit: limit)
        do throws(SecretFailure) {
            return .success(try await HelperProcess.run(helper, SecretLocation(.helper(helper))))
        } catch {
            return .failure(error)
        }
    }

    @Test("an object with text is taken, the rest of it left alone")
    func object() async throws {
        let document = try await self.run(
            #"echo '{"user": "u", "password": "p\u00e4ss", "enable": "e", "expires_in": 1.5, "port": 22, "x": null, "y": {"z": "a"}}'"#
        ).get()
        #expect(
            document.credential == Credential(user: "u", password: Secret("päss"), enableSecret: Secret("e")))
        #expect(document.lifetime == .milliseconds(1500))
        #expect(Set(document.fields.keys) == ["user", "password", "enable"])
    }

    @Test(
        "whatever else it does is told with its path and status, and without a word of what it printed",
        arguments: [
            ("echo hunter2 >&2; echo hunter2; exit 3", "failed with exit status 3; run it by hand to see why"),
            ("echo hunter2; kill -SEGV $$", "was ended by signal 11"),
            ("echo 'hunter2'", "didn't print one JSON object"),
            (#"echo '["hunter2"]'"#, "didn't print one JSON object"),
            (#"echo '{"password": "hunter2"'"#, "didn't print one JSON object"),
            (#"echo '{"password": "hunter2"}{}'"#, "didn't print one JSON object"),
            (#"printf '{"password": "hunter2\377"}'"#, "didn't print one JSON object"),
            (
                #"echo '{"password": "hunter2", "expires_in": "hunter2"}'"#,
                "printed an `expires_in` that is no number of seconds"
            ),
            (#"echo '{"expires_in": -1}'"#, "printed an `expires_in` that is no number of seconds"),
            ("true", "didn't print one JSON object"),
            ("yes hunter2", "printed more than 65536 bytes"),
        ])
    func failures(script: String, problem: String) async {
        let result = await self.run(script)
        #expect(throws: SecretFailure("the helper `/bin/sh` \(problem)")) { try result.get() }
    }

    @Test(
        "one that hangs is killed with all its children, whatever it holds open",
        arguments: [
            "sleep 1000", "sleep 1000 & wait", "exec >&-; sleep 1000", "trap '' TERM INT HUP; echo '{}'; sleep 1000",
        ])
    func hang(script: String) async throws {
        let mark = "\(UInt32.random(in: .min ... .max))"
        let clock = ContinuousClock()
        let begin = clock.now
        let result = await self.run("MARK=\(mark); export MARK; \(script)", limit: .milliseconds(300))
        #expect(throws: SecretFailure("the helper `/bin/sh` didn't end within 0.3 s and was killed")) {
            try result.get()
        }
        #expect(clock.now - begin < .seconds(10))
        try await until("its processes are gone") { try Self.processes(with: "MARK=\(mark)").isEmpty }
    }

    @Test("it gets no input, our environment, default signals, and none of our files")
    func surroundings() async throws {
        // An ignored signal would be ignored by children too.
        let before = signal(SIGTERM, SIG_IGN)
        defer { signal(SIGTERM, before) }
        let leaked = open("/dev/zero", O_RDONLY)
        defer { close(leaked) }
        let document = try await self.run(
            #"""
            input=$(cat); for f in /proc/$$/fd/*; do [ -e "$f" ] && files="$files${f##*/} "; done; ignored=$(grep SigIgn /proc/$$/status | tr -d '\t')
            printf '{"input": "%s", "files": "%s", "ignored": "%s", "path": "%s"}' "$input" "$files" "$ignored" "$PATH"
            """#
        ).get()
        #expect(document.fields["input"] == Secret(""))
        #expect(document.fields["files"] == Secret("0 1 2 "))
        let ignored = try #require(document.fields["ignored"]?.withExposedValue { Int($0.suffix(16), radix: 16) })
        // Those past 31 are the C library's own.
        #expect(ignored & 0x7fff_ffff == 0, "\(String(ignored, radix: 16))")
        #expect(document.fields["path"] == ProcessInfo.processInfo.environment["PATH"].map { Secret($0) })
    }

    @Test("arguments are not a shell's; a name is looked up in PATH; a program that isn't there is told")
    func noShell() async throws {
        func run(_ program: String, _ arguments: [String]) async throws(SecretFailure) -> SecretDocument {
            let helper = SecretHelper(program: program, arguments: arguments)
            return try await HelperProcess.run(helper, SecretLocation(.helper(helper)))
        }
        let document = try await run("printf", [#"{"password": "%s"}"#, "$(id); `id` | x"])
        #expect(document.fields["password"] == Secret("$(id); `id` | x"))
        await #expect(throws: SecretFailure("the helper `/nowhere/at-all` can't be started: no such file or directory"))
        {
            try await run("/nowhere/at-all", ["hunter2"])
        }
        await #expect(throws: SecretFailure("the helper `/etc/passwd` can't be started: permission denied")) {
            try await run("/etc/passwd", [])
        }
    }

    private static func processes(with text: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: "/proc").filter { name in
            guard Int(name) != nil, let environment = FileManager.default.contents(atPath: "/proc/\(name)/environ")
            else {
                return false
            }
            return String(decoding: environment, as: UTF8.self).contains(text)
        }
    }
}
