import Foundation
import Logging
import TestSupport
import Testing

@testable import SSH

@Suite("Questions while signing on")
struct InteractiveTests {
    struct Row: Sendable, CustomTestStringConvertible {
        var user: String
        var method: SSHAuthentication
        /// `nil`: it signs on.
        var code: SSHError.Code?
        /// What the server is given, as it writes it down.
        var given: [String]
        /// What the error says.
        var words = ""
        var testDescription: String { "\(self.user) \(self.code?.rawValue ?? "signs on")" }
    }

    private static let right = SSHAuthentication.password(Secret("right"))
    private static func answers(_ pairs: (String, String)...) -> SSHAuthentication {
        .keyboardInteractive(pairs.map { PromptAnswer(prompt: $0.0, answer: Secret($0.1)) })
    }

    static let rows: [Row] = [
        // Several rounds, each question with an answer of its own.
        Row(
            user: "code", method: answers(("verification", "123456"), ("password", "right")),
            given: [#"["answers", ["right"]]"#, #"["answers", ["123456"]]"#]),
        // A password alone is given once, and to the question for it.
        Row(
            user: "code", method: right, code: .authenticationFailed,
            given: [#"["answers", ["right"]]"#, #"["answers", [""]]"#], words: #"no answer to "Verification code: ""#),
        Row(
            user: "both", method: right, code: .authenticationFailed, given: [#"["answers", ["right", ""]]"#],
            words: #"no answer to "Token: ""#),
        Row(
            user: "both", method: answers(("token", "123456"), ("", "right")),
            given: [#"["answers", ["right", "123456"]]"#]),
        // Open and hidden questions in one round, a round without any, another open one.
        Row(
            user: "mixed", method: answers(("user", "mixed"), ("pass", "right"), ("colour", "blue")),
            given: [#"["answers", ["mixed", "right"]]"#, #"["answers", []]"#, #"["answers", ["blue"]]"#]),
        Row(
            user: "mixed", method: right, code: .authenticationFailed,
            given: [#"["answers", ["mixed", "right"]]"#, #"["answers", []]"#, #"["answers", [""]]"#], words: "colour"),
        Row(user: "foreign", method: right, given: [#"["answers", ["right"]]"#]),
        // Asked again, the same password isn't given again.
        Row(
            user: "again", method: right, code: .authenticationFailed,
            given: [#"["answers", ["right"]]"#, #"["answers", [""]]"#]),
        // A new password is asked for: nothing is answered, not even with nothing.
        Row(
            user: "expired-round", method: right, code: .passwordExpired, given: [#"["answers", ["right"]]"#],
            words: "has expired"),
        Row(user: "expired-words", method: right, code: .passwordExpired, given: [#"["answers", ["right"]]"#]),
        // SSH_MSG_USERAUTH_PASSWD_CHANGEREQ.
        Row(
            user: "expired", method: right, code: .passwordExpired, given: [#"["password", "right"]"#],
            words: "has expired"),
        Row(
            user: "expired", method: .password(Secret("wrong")), code: .authenticationFailed,
            given: [#"["password", "wrong"]"#]),
    ]

    @Test("each question gets its answer, and nothing is given twice")
    func rounds() async throws {
        let server = try await InquisitiveServer.start()
        defer { server.stop() }
        var seen = 0
        for row in Self.rows {
            let error = await failure { () async throws(SSHError) in
                try await SSHConnection.connect(
                    SSHConfiguration(
                        host: server.host, port: server.port, username: row.user, authentication: [row.method],
                        hostKeyVerifier: .unchecked), on: anyLoop, logger: Logger(label: "test"))
            }
            #expect(error?.code == row.code, "\(row.testDescription): \(String(describing: error))")
            #expect(error == nil || error?.authenticationAttempts == 1, "\(row.testDescription)")
            #expect(row.words.isEmpty || error?.message.contains(row.words) == true, "\(error?.message ?? "")")
            let log = server.log
            #expect(Array(log.dropFirst(seen)) == row.given, "\(row.testDescription)")
            seen = log.count
        }
    }

    @Test(
        "what asks for a new password, and what doesn't",
        arguments: [
            ("", ["New password: "], true), ("", ["Retype new password:"], true),
            ("", ["Enter new UNIX password: "], true),
            ("You are required to change your password immediately (administrator enforced).", [], true),
            ("Password has expired. You must change your password.", ["Old Password:"], true),
            ("", ["Password: "], false), ("Warning: your password will expire in 3 days.", ["Password: "], false),
            ("", ["Newton's password: "], false), ("News: maintenance tonight", ["PASSCODE:"], false),
        ])
    func changes(_ instruction: String, _ questions: [String], _ expected: Bool) {
        var answers = InteractiveAnswers(username: "u", password: Secret("p"))
        let given = answers.answers(
            instruction: instruction, questions: questions.map { .init(text: $0, isHidden: true) })
        #expect(answers.wantsNewPassword == expected)
        #expect(given.count == questions.count)
        #expect(given.contains { $0 != nil } == (!expected && !questions.isEmpty))
    }

    @Test("each credential is shown once, and their number is told", .enabled(if: getuid() == 0))
    func attempts() async throws {
        try await withServer(.init(password: "correct horse", configuration: ["MaxAuthTries 20"])) { server in
            let keys = try ClientKeys.shared.get()
            let wrong: [SSHAuthentication] = [
                .privateKey(.file(keys.path(.stranger)), passphrase: nil),
                .privateKey(.file(keys.path(.rsa)), passphrase: nil),
                .privateKey(.file("/nowhere/id"), passphrase: nil),
                .keyboardInteractive([PromptAnswer(answer: Secret("wrong"))]), .password(Secret("wrong too")),
            ]
            let error = await failure { () async throws(SSHError) in
                try await SSHConnection.connect(to: server, authentication: wrong)
            }
            #expect(error?.code == .authenticationFailed)
            #expect(error?.authenticationAttempts == 4)
            let failures = { (method: String) in
                server.log.split(separator: "\n").count { $0.contains("Failed \(method) for") }
            }
            #expect(await until { failures("keyboard-interactive/pam") == 1 })
            #expect(failures("password") == 1)
            // A key that the server doesn't know is only asked about, which its log mentions among the rejected ones.
            #expect(failures("publickey") <= 2)

            let connection = try await SSHConnection.connect(
                to: server, authentication: wrong + [.password(Secret("correct horse"))])
            #expect(connection.authenticationAttempts == 5)
            await connection.close()
        }
    }
}
