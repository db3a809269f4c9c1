import NIOCore

/// A configured way to sign on, ready to use: key files have been read, and parsed where that is possible beforehand.
enum Credential: Sendable {
    case password(Secret)
    /// Answers to questions of `keyboard-interactive`.
    case answers([PromptAnswer])
    case key(PreparedKey)
    /// A key of an agent.
    case agent(AgentKey)
    /// A key that could not be read. The others are still tried.
    case unusable(SSHError)

    /// Reads what has to be read, on the thread pool for files.
    ///
    /// - Parameters:
    ///   - bound: how long an agent may take to list its keys.
    ///   - eventLoop: where an agent is asked.
    static func prepare(
        _ methods: [SSHAuthentication], bound: Duration, on eventLoop: any EventLoop
    ) async -> [Credential] {
        var credentials: [Credential] = []
        for method in methods {
            switch method {
            case .password(let password):
                credentials.append(.password(password))
            case .keyboardInteractive(let answers):
                credentials.append(.answers(answers))
            case .agent(let socket):
                do throws(SSHError) {
                    credentials += try await AgentKey.list(socket, bound: bound, on: eventLoop).map { .agent($0) }
                } catch {
                    credentials.append(.unusable(error))
                }
            case .privateKey(let source, let passphrase):
                do throws(SSHError) {
                    credentials.append(.key(try await PreparedKey(source, passphrase: passphrase)))
                } catch {
                    credentials.append(.unusable(error))
                }
            }
        }
        return credentials
    }
}

extension Credential {
    /// Whether there is a choice of signature algorithms (RFC 8332).
    var signsRSA: Bool {
        switch self {
        case .key(let key): key.isRSA && key.parsed != nil
        case .agent(let key): key.isRSA
        case .password, .answers, .unusable: false
        }
    }

    /// The first reason why there is nothing to sign on with; `nil` if anything can be tried.
    static func onlyError(_ credentials: [Credential]) -> SSHError? {
        var first: SSHError?
        for credential in credentials {
            guard case .unusable(let error) = credential else { return nil }
            if first == nil { first = error }
        }
        return first
    }
}
