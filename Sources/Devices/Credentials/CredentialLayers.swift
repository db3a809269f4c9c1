/// What each place says about a login, the one that takes precedence first. Nothing has been fetched yet.
struct CredentialLayers: Sendable, Hashable {
    /// The explicit override of the call.
    private(set) var override: Credential?
    /// The other places. Those between which nothing has to be fetched to know which one wins are one.
    private(set) var places: [Credential] = []

    init(override: Credential? = nil) {
        self.override = override
    }

    mutating func append(_ credential: Credential?) {
        guard let credential, !credential.isEmpty else { return }
        guard let last = self.places.indices.last, self.places[last].origin == nil else {
            return self.places.append(credential)
        }
        self.places[last].fill(from: credential)
    }

    /// Whose login it is, as far as that is known without fetching anything. Two that are equal may differ in their secrets, but not in their user:
    /// a session opened for one serves the other.
    struct Account: Sendable, Hashable {
        /// Places that are asked for the user before `user` counts.
        var origins: [SecretLocation] = []
        var user: String?

        mutating func append(_ credential: Credential) {
            guard self.user == nil else { return }
            self.user = credential.user
            if self.user == nil, let origin = credential.origin { self.origins.append(origin) }
        }
    }

    var account: Account {
        var account = Account()
        if let override { account.append(override) }
        for place in self.places { account.append(place) }
        return account
    }
}

extension Credential {
    /// Whose login it is: see ``CredentialLayers/Account``.
    var account: CredentialLayers.Account {
        var account = CredentialLayers.Account()
        account.append(self)
        return account
    }
}
