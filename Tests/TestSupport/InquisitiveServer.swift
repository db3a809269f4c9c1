import Foundation

/// An SSH server that asks what it is told to: passwords that have expired, and any number of rounds of `keyboard-interactive`.
///
/// The user name chooses what happens; see the script. Needs Python 3 with asyncssh; the interpreter is `TETHER_TEST_PYTHON`, else
/// `python3`. Call ``stop()`` at the end.
package final class InquisitiveServer: Sendable {
    package let host = "127.0.0.1"
    package var port: Int { self.server.port }
    private let server: PythonServer

    /// One line for each password and each round of answers that came, as JSON.
    package var log: [String] { self.server.log }

    package static func start() async throws -> InquisitiveServer {
        InquisitiveServer(
            try await PythonServer.startSSH("tether-ask", script: Self.script))
    }

    private init(_ server: PythonServer) {
        self.server = server
    }

    package func stop() { self.server.stop() }

    private static let script = """
        def record(*entry):
            with open(os.path.join(folder, "log"), "a") as log:
                log.write(json.dumps(entry) + "\\n")

        # Rounds of keyboard-interactive by user: instruction, questions with their echo, answers that pass.
        ROUNDS = {
            "code": [("", [("Password: ", False)], ["right"]), ("", [("Verification code: ", False)], ["123456"])],
            "mixed": [("Welcome", [("Username: ", True), ("Password: ", False)], ["mixed", "right"]),
                      ("Nothing to ask", [], []),
                      ("", [("Favourite colour? ", True)], ["blue"])],
            "both": [("", [("Password: ", False), ("Token: ", False)], ["right", "123456"])],
            "foreign": [("", [("Kennwort: ", False)], ["right"])],
            "again": [("", [("Password: ", False)], ["never"])],
            "expired-round": [("", [("Password: ", False)], ["right"]),
                              ("", [("New password: ", False), ("Retype new password: ", False)], ["", ""])],
            "expired-words": [("", [("Password: ", False)], ["right"]),
                              ("Your password has expired.", [("Kennwort neu: ", False)], [""])],
        }

        class Server(asyncssh.SSHServer):
            def begin_auth(self, username):
                self.rounds = list(ROUNDS.get(username, []))
                return True
            def password_auth_supported(self):
                return not self.rounds
            def kbdint_auth_supported(self):
                return bool(self.rounds)
            def validate_password(self, username, password):
                record("password", password)
                if username == "expired" and password == "right":
                    raise asyncssh.PasswordChangeRequired("Your password has expired.")
                return password == "right"
            def change_password(self, username, old, new):
                record("change", new)
                return True
            def challenge(self):
                instruction, questions, _ = self.rounds[0]
                return "", instruction, "", questions
            def get_kbdint_challenge(self, username, lang, submethods):
                return self.challenge()
            def validate_kbdint_response(self, username, responses):
                record("answers", list(responses))
                _, _, expected = self.rounds.pop(0)
                if username == "again" and len(self.rounds) == 0 and not getattr(self, "asked", False):
                    self.asked = True
                    self.rounds = list(ROUNDS["again"])
                    return self.challenge()
                if list(responses) != expected:
                    return False
                return self.challenge() if self.rounds else True
        """
}
