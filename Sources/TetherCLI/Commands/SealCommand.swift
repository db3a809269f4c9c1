import ArgumentParser
import Foundation
import Worker

struct SealCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "seal",
        abstract: "Encrypt a credential so that only workers can read it, for the field `credential` of jobs.",
        discussion: """
            The secrets are asked for without echo, or read from standard input as one JSON object with user, password, private_key, passphrase, enable. They can't be \
            given as arguments, which every process of the machine may read.

            Example: tether seal --key sealing.pub --valid-for 8h --target 'core-*' < credential.json
            """
    )

    @Option(help: ArgumentHelp("File with the workers' public key (`tether keys public`).", valueName: "path"))
    var key: String

    @Option(help: "After this time it is worthless, also in jobs that were submitted before.")
    var validFor = TimeSpan(.seconds(3600))

    @Option(
        name: .customLong("target"),
        help: ArgumentHelp(
            "Device that it may be shown to: a name, glob, group:NAME, tag:A&B, or an address. May be repeated. Default: every device of the inventory, and no address outside of it.",
            valueName: "target"))
    var targets: [String] = []

    @Option(help: "The only job that may use it, by its id.")
    var job: String?

    @Option(help: "User name; asked for if it isn't given.")
    var user: String?

    func run() async throws {
        guard let text = try? String(contentsOfFile: self.key, encoding: .utf8) else {
            throw ValidationError("The key file \(self.key) can't be read.")
        }
        let publicKey: SealingPublicKey
        do throws(SealingKeyError) { publicKey = try SealingPublicKey(text) } catch {
            throw ValidationError("\(self.key) \(error).")
        }
        let expires = Date().timeIntervalSince1970 * 1000 + Double(self.validFor.duration.components.seconds) * 1000
        var payload = SealedPayload(user: self.user, expires: Int64(expires), targets: self.targets, job: self.job)
        if isatty(STDIN_FILENO) == 1 { try self.ask(&payload) } else { try self.read(&payload) }
        guard payload.password != nil || payload.privateKey != nil else {
            throw ValidationError("There is neither a password nor a private key to seal.")
        }
        guard let sealed = try? payload.sealed(to: publicKey) else {
            throw ValidationError("The credential is too large to be sealed.")
        }
        Console.write(#"{"sealed": "\#(sealed)"}"# + "\n")
    }

    private func ask(_ payload: inout SealedPayload) throws {
        if payload.user == nil {
            Console.error("user: ", terminator: "")
            payload.user = readLine().flatMap { $0.isEmpty ? nil : $0 }
        }
        payload.password = try HiddenInput.line(prompt: "password: ")
        payload.enable = try HiddenInput.line(prompt: "enable secret (empty: none): ")
    }

    private func read(_ payload: inout SealedPayload) throws {
        let input = FileHandle.standardInput.readData(ofLength: 64 * 1024)
        guard let object = (try? JSONSerialization.jsonObject(with: input)) as? [String: Any] else {
            throw ValidationError("Standard input is not one JSON object.")
        }
        let known = ["user", "password", "private_key", "passphrase", "enable"]
        if let unknown = object.keys.sorted().first(where: { !known.contains($0) }) {
            throw ValidationError("The field \(unknown) is unknown; known are \(known.joined(separator: ", ")).")
        }
        func text(_ name: String) throws -> String? {
            guard let value = object[name] else { return nil }
            guard let text = value as? String, !text.isEmpty else {
                throw ValidationError("The field \(name) is no text.")
            }
            return text
        }
        payload.user = try payload.user ?? text("user")
        payload.password = try text("password")
        payload.privateKey = try text("private_key")
        payload.passphrase = try text("passphrase")
        payload.enable = try text("enable")
    }
}

/// Lines of a terminal that it doesn't show.
enum HiddenInput {
    /// - Returns: `nil` for an empty line.
    static func line(prompt: String) throws -> String? {
        var before = termios()
        guard tcgetattr(STDIN_FILENO, &before) == 0 else { throw ValidationError("The terminal can't be asked.") }
        var hidden = before
        hidden.c_lflag &= ~tcflag_t(ECHO)
        guard tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden) == 0 else {
            throw ValidationError("The terminal's echo can't be turned off.")
        }
        defer {
            tcsetattr(STDIN_FILENO, TCSAFLUSH, &before)
            Console.error("")
        }
        Console.error(prompt, terminator: "")
        return readLine().flatMap { $0.isEmpty ? nil : $0 }
    }
}

extension Console {
    fileprivate static func error(_ text: String, terminator: String) {
        FileHandle.standardError.write(Data((text + terminator).utf8))
    }
}
