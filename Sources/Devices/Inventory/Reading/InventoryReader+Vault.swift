import SSH

extension InventoryReader {
    /// The section `vault`.
    mutating func readVault(_ section: YAMLValue) throws(InventoryError) {
        try self.once(section)
        var address: String?
        var authentication: VaultConfiguration.Authentication?
        var vault = VaultConfiguration(address: "", authentication: .token(.value(Secret(""))))
        for field in try section.fields() {
            let value = field.value
            switch field.key {
            case "address":
                let text = try value.string()
                if let problem = VaultConfiguration.problem(withAddress: text) { throw value.error(problem) }
                address = text
            case "namespace":
                let text = try value.string()
                guard !text.isEmpty, !text.hasControlCharacters else { throw value.error("must be a namespace's path") }
                vault.namespace = text
            case "ca_file": vault.certificateFile = SecretReader.absolute(try value.string(), besides: value.file)
            case "timeout": vault.timeLimit = try value.duration(in: .milliseconds(1)...(.seconds(15)))
            case "ttl": vault.timeToLive = try value.duration(in: .milliseconds(1)...(.seconds(86_400)))
            case "auth": authentication = try self.readVaultAuthentication(value)
            default:
                throw Self.unknownKey(field, among: ["address", "namespace", "ca_file", "timeout", "ttl", "auth"])
            }
        }
        guard let address else {
            throw section.error("`address` is missing: give one such as `https://vault.example.net:8200`")
        }
        guard let authentication else {
            throw section.error(
                "`auth` is missing: give `{token: {file: PATH}}` or `{approle: {role_id: …, secret_id: …}}`")
        }
        vault.address = address
        vault.authentication = authentication
        self.draft.vault = vault
    }

    private mutating func readVaultAuthentication(
        _ value: YAMLValue
    ) throws(InventoryError) -> VaultConfiguration.Authentication {
        let fields = try value.fields()
        guard fields.count == 1, let field = fields.first else { throw value.error("must have `token` or `approle`") }
        switch field.key {
        case "token": return .token(try self.ownSecret(field.value))
        case "approle":
            var roleID: SecretSource?
            var secretID: SecretSource?
            var mount = "approle"
            for part in try field.value.fields() {
                switch part.key {
                case "role_id": roleID = try self.ownSecret(part.value)
                case "secret_id": secretID = try self.ownSecret(part.value)
                case "mount":
                    mount = try part.value.string()
                    if let problem = VaultConfiguration.problem(withPath: mount) { throw part.value.error(problem) }
                default: throw Self.unknownKey(part, among: ["role_id", "secret_id", "mount"])
                }
            }
            guard let roleID else { throw field.value.error("`role_id` is missing") }
            return .appRole(roleID: roleID, secretID: secretID, mount: mount)
        default: throw Self.unknownKey(field, among: ["token", "approle"])
        }
    }

    /// What opens Vault or a source of devices can't come from Vault, nor from a helper, whose place would be the secrets themselves.
    mutating func ownSecret(_ value: YAMLValue) throws(InventoryError) -> SecretSource {
        var reader = SecretReader(environment: self.secrets.environment)
        let source = try reader.secret(value, named: [])
        if case .stored(let location, _) = source {
            guard case .file = location.place else {
                throw value.error("must be text, `{env: NAME}` or `{file: PATH}`")
            }
        }
        return source
    }

    /// - Throws: if something refers to Vault and no file says where it is.
    func checkVault() throws(InventoryError) {
        guard self.draft.vault == nil, let error = self.secrets.firstVaultUse else { return }
        throw error
    }
}
