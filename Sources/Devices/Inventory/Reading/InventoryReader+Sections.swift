extension InventoryReader {
    private static let durations: ClosedRange<Duration> = .milliseconds(1)...(.seconds(86_400))

    mutating func readGeneral(_ section: YAMLValue) throws(InventoryError) {
        let keys = ["timeout", "connection_retries", "retry_delay", "ssh_strict_host_key_checking", "host_key_policy"]
        for field in try section.fields() {
            do throws(InventoryError) { try self.readGeneral(field, among: keys) } catch { self.mistakes.add(error) }
        }
    }

    private mutating func readGeneral(_ field: YAMLValue.Field, among keys: [String]) throws(InventoryError) {
        try self.once(field.value)
        switch field.key {
        case "timeout": self.draft.general.timeout = try field.value.duration(in: Self.durations)
        case "connection_retries": self.draft.general.connectionRetries = try field.value.integer(in: 1...100)
        case "retry_delay": self.draft.general.retryDelay = try field.value.duration(in: Self.durations)
        case "ssh_strict_host_key_checking":
            try self.refuse(field.value, besides: "general.host_key_policy")
            self.draft.general.hostKeyPolicy = try field.value.boolean() ? .strict : .acceptNew
        case "host_key_policy":
            try self.refuse(field.value, besides: "general.ssh_strict_host_key_checking")
            self.draft.general.hostKeyPolicy = try field.value.choice(HostKeyPolicy.self)
        default:
            throw Self.unknownKey(
                field,
                among: keys,
                hints: ["port": "write `port` in `defaults`", "user": "write `user` in `defaults`"]
            )
        }
        let setting = field.key == "ssh_strict_host_key_checking" ? "host_key_policy" : field.key
        self.draft.generalSettings.note(setting, field.value)
    }

    /// Two settings that say the same thing could contradict each other.
    private func refuse(_ value: YAMLValue, besides other: String) throws(InventoryError) {
        guard let place = self.settings[other] else { return }
        throw value.error("says the same thing as `\(other)` at \(place): keep one of them")
    }

    mutating func readDefaults(_ section: YAMLValue) throws(InventoryError) {
        for field in try section.fields() {
            do throws(InventoryError) {
                try self.readDefault(field)
                self.draft.defaults.settings.note(field)
            } catch {
                self.mistakes.add(error)
            }
        }
    }

    private mutating func readDefault(_ field: YAMLValue.Field) throws(InventoryError) {
        try self.once(field.value)
        switch field.key {
        case "port": self.draft.defaults.port = try field.value.integer(in: 1...65535)
        case "device_type", "platform":
            if self.draft.defaults.platform != nil { throw Self.twoPlatforms(field.value) }
            self.draft.defaults.platform = try field.value.string()
        default:
            // Copies: the functions change the reader as well.
            var credential = self.draft.defaults.credential
            var session = self.draft.defaults.session
            if try self.readCredential(field, into: &credential) {
                self.draft.defaults.credential = credential
            } else if try self.readSession(field, into: &session) {
                self.draft.defaults.session = session
            } else if try !self.readConnection(field, into: &self.draft.defaults.connection) {
                throw Self.unknownKey(
                    field,
                    among: ["port", "device_type"] + Self.credentialKeys + Self.connectionKeys + Self.sessionKeys,
                    hints: Self.hints
                )
            }
        }
    }

    mutating func readCredentials(_ section: YAMLValue) throws(InventoryError) {
        for entry in try section.fields() {
            do throws(InventoryError) { try self.readNamedCredential(entry) } catch { self.mistakes.add(error) }
        }
    }

    private mutating func readNamedCredential(_ entry: YAMLValue.Field) throws(InventoryError) {
        try self.once(entry.value)
        if let problem = InventoryName.problem(with: entry.key) {
            throw entry.value.error("the name of a credential \(problem)")
        }
        var credential = Credential()
        for field in try entry.value.fields() {
            do throws(InventoryError) {
                guard try self.readCredential(field, into: &credential) else {
                    throw Self.unknownKey(field, among: Self.credentialKeys, hints: Self.hints)
                }
            } catch {
                self.mistakes.add(error)
            }
        }
        self.draft.credentials[entry.key] = credential
    }

    mutating func readGroups(_ section: YAMLValue) throws(InventoryError) {
        for entry in try section.fields() {
            do throws(InventoryError) {
                var group = GroupDraft(name: entry.key, place: entry.value.place)
                for field in try entry.value.fields() {
                    do throws(InventoryError) {
                        try self.read(field, into: &group)
                    } catch {
                        self.mistakes.add(error)
                    }
                }
                self.add(group)
            } catch {
                self.mistakes.add(error)
            }
        }
    }

    private mutating func read(_ field: YAMLValue.Field, into group: inout GroupDraft) throws(InventoryError) {
        switch field.key {
        case "members":
            for item in try field.value.items() { group.members.append((try item.string(), item.place)) }
        case "tags":
            for item in try field.value.items() {
                guard let expression = TagExpression(try item.string()) else {
                    throw item.error("must be a tag, or several that all hold, such as `edge&berlin`")
                }
                group.tags.append((expression, item.place))
            }
        case "port": group.port = try field.value.integer(in: 1...65535)
        case "device_type", "platform":
            if group.platform != nil { throw Self.twoPlatforms(field.value) }
            group.platform = try field.value.string()
        case "description": _ = try field.value.string()
        default:
            if try self.readCredential(field, into: &group.credential) { break }
            if try self.readSession(field, into: &group.session) { break }
            guard try self.readConnection(field, into: &group.connection) else {
                let keys =
                    ["members", "tags", "description", "port", "device_type"] + Self.credentialKeys
                    + Self.connectionKeys + Self.sessionKeys
                let hints = [
                    "credentials": "write `user` and `password` directly in the group",
                    "match_tags": "write `tags`; one that holds makes a member, `a&b` asks for both",
                    "devices": "write `members`",
                ]
                throw Self.unknownKey(field, among: keys, hints: Self.hints.merging(hints) { $1 })
            }
        }
        group.settings.note(field)
    }

    mutating func readAuthDomains(_ section: YAMLValue) throws(InventoryError) {
        for entry in try section.fields() {
            do throws(InventoryError) { try self.readAuthDomain(entry) } catch { self.mistakes.add(error) }
        }
    }

    private mutating func readAuthDomain(_ entry: YAMLValue.Field) throws(InventoryError) {
        try self.once(entry.value)
        if let problem = InventoryName.problem(with: entry.key) {
            throw entry.value.error("the name of an authentication domain \(problem)")
        }
        var domain = LoginPolicy.Domain()
        for field in try entry.value.fields() {
            switch field.key {
            case "max_logins": domain.maximumLogins = try field.value.integer(in: 1...100_000)
            case "logins_per_second": domain.loginsPerSecond = Double(try field.value.integer(in: 1...100_000))
            default: throw Self.unknownKey(field, among: ["max_logins", "logins_per_second"])
            }
        }
        self.draft.authDomains[entry.key] = domain
    }

    mutating func readSequences(_ section: YAMLValue) throws(InventoryError) {
        for entry in try section.fields() {
            do throws(InventoryError) { try self.readSequence(entry) } catch { self.mistakes.add(error) }
        }
    }

    /// Commands under a name: for each platform its own, or a list alone, which is for all.
    private mutating func readSequence(_ entry: YAMLValue.Field) throws(InventoryError) {
        try self.once(entry.value)
        if let problem = InventoryName.problem(with: entry.key) {
            throw entry.value.error("the name of a sequence \(problem)")
        }
        var platforms: [String: [String]] = [:]
        if case .sequence = entry.value.node {
            platforms["default"] = try Self.commands(entry.value)
        } else {
            for field in try entry.value.fields() {
                switch field.key {
                case "description": _ = try field.value.string()
                // As other tools call what is for all platforms.
                case "commands", "default":
                    guard platforms["default"] == nil else {
                        throw field.value.error("`commands` and `default` mean the same: keep `default`")
                    }
                    platforms["default"] = try Self.commands(field.value)
                default: platforms[field.key] = try Self.commands(field.value)
                }
            }
        }
        guard !platforms.isEmpty else {
            throw entry.value.error("must have a list of commands for a platform, or for `default`")
        }
        self.draft.sequences[entry.key] = platforms
        self.draft.sequencePlaces[entry.key] = entry.value.place
    }

    private static func commands(_ list: YAMLValue) throws(InventoryError) -> [String] {
        var commands: [String] = []
        for item in try list.items() {
            let command = try item.string()
            guard !command.hasControlCharacters, command.contains(where: { !$0.isWhitespace }) else {
                throw item.error("must be a command: one line without control characters")
            }
            commands.append(command)
        }
        guard (1...1000).contains(commands.count) else { throw list.error("must be a list of 1 to 1000 commands") }
        return commands
    }

    static let sessionKeys = ["auth_domain", "warm", "cli_keepalive"]

    /// Takes a field if it says how sessions are kept.
    func readSession(_ field: YAMLValue.Field, into session: inout SessionSettings) throws(InventoryError) -> Bool {
        switch field.key {
        case "auth_domain":
            let name = try field.value.string()
            if let problem = InventoryName.problem(with: name) {
                throw field.value.error("the name of an authentication domain \(problem)")
            }
            session.authDomain = name
        case "warm": session.isWarm = try field.value.boolean()
        case "cli_keepalive": session.cliKeepalive = try field.value.duration(in: .seconds(1)...(.seconds(86_400)))
        default: return false
        }
        return true
    }

    static func twoPlatforms(_ value: YAMLValue) -> InventoryError {
        value.error("`device_type` and `platform` mean the same: keep `device_type`")
    }

    // MARK: Credentials

    static let credentialKeys = [
        "user", "password", "private_key", "private_key_passphrase", "enable_secret", "vault", "exec",
    ]

    /// What other tools call these keys.
    static let hints = [
        "username": "did you mean `user`?", "login": "did you mean `user`?", "pass": "did you mean `password`?",
        "hostname": "did you mean `host`?", "ip": "did you mean `host`?", "address": "did you mean `host`?",
        "ansible_host": "did you mean `host`?", "type": "did you mean `device_type`?",
        "os": "did you mean `device_type`?",
        "vendor": "did you mean `device_type`?", "key_file": "did you mean `private_key`?",
        "ssh_key": "did you mean `private_key`?",
        "key": "did you mean `private_key`?", "passphrase": "did you mean `private_key_passphrase`?",
        "secret": "did you mean `enable_secret`?", "enable": "did you mean `enable_secret`?",
        "enable_password": "did you mean `enable_secret`?", "group": "did you mean `groups`?",
        "tag": "did you mean `tags`?",
        "known_host": "did you mean `host_key`?", "fingerprint": "did you mean `host_key`?",
        "jump_host": "did you mean `jump_hosts`?", "proxy_jump": "did you mean `jump_hosts`?",
        "proxyjump": "did you mean `jump_hosts`?", "via": "did you mean `jump_hosts`?",
        "bastion": "did you mean `jump_hosts`?",
    ]

    /// Takes a field that belongs to a credential; `false` for any other.
    mutating func readCredential(_ field: YAMLValue.Field, into credential: inout Credential) throws(InventoryError)
        -> Bool
    {
        switch field.key {
        case "user":
            let user = try field.value.string()
            guard !user.isEmpty, !user.unicodeScalars.contains(where: { $0.properties.generalCategory == .control })
            else {
                throw field.value.error("must be a user name without control characters")
            }
            credential.user = user
        case "password":
            credential.passwordSource = try self.secrets.secret(field.value, named: SecretDocument.Part.password)
        case "private_key": credential.keySource = try self.secrets.privateKey(field.value)
        case "private_key_passphrase":
            credential.passphraseSource = try self.secrets.secret(field.value, named: SecretDocument.Part.passphrase)
        case "enable_secret":
            credential.enableSource = try self.secrets.secret(field.value, named: SecretDocument.Part.enable)
        case "vault", "exec":
            guard credential.origin == nil else {
                throw field.value.error("a credential comes from one place: keep `vault` or `exec`")
            }
            credential.origin = try self.secrets.origin(field)
        default: return false
        }
        return true
    }
}
