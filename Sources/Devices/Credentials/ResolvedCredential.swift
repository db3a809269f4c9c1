import SSH

/// What to log in with, everything fetched that had to be.
struct ResolvedCredential: Sendable {
    var credential = Credential()
    /// What was fetched, and which generation of it.
    private(set) var fetched: [SecretLocation: UInt64] = [:]

    var digest: CredentialDigest { CredentialDigest(self.credential) }

    /// Takes what the layers say, in their order, and fetches what turns out to be needed.
    ///
    /// - Parameter generations: What was fetched before and isn't good enough any more.
    /// - Throws: why a secret can't be had.
    init(
        _ layers: CredentialLayers, from store: SecretStore, newerThan generations: [SecretLocation: UInt64] = [:]
    ) async throws(SecretFailure) {
        if let override = layers.override { try await self.take(override, store, generations) }
        let isWholeLogin = self.credential.hasLoginSecret
        for place in layers.places {
            guard !self.credential.isComplete else { return }
            try await self.take(
                isWholeLogin ? place.withoutLogin : place, store, generations, withoutLogin: isWholeLogin)
        }
    }

    /// Adds what is missing.
    private mutating func take(
        _ place: Credential, _ store: SecretStore, _ generations: [SecretLocation: UInt64], withoutLogin: Bool = false
    ) async throws(SecretFailure) {
        let user = self.credential.user ?? place.user
        self.credential.user = user
        if self.credential.passwordSource == nil, let source = place.passwordSource {
            self.credential.password = try await self.secret(source, store, generations)
        }
        if self.credential.keySource == nil, let source = place.keySource {
            switch source {
            case .given(let key): self.credential.privateKey = key
            case .stored(let location, let fields):
                let text = try await self.secret(.stored(location, fields: fields), store, generations)
                self.credential.privateKey = .memory(text)
            }
        }
        if self.credential.passphraseSource == nil, let source = place.passphraseSource {
            self.credential.passphrase = try await self.secret(source, store, generations)
        }
        if self.credential.enableSource == nil, let source = place.enableSource {
            self.credential.enableSecret = try await self.secret(source, store, generations)
        }
        guard let origin = place.origin, !self.credential.isComplete else { return }
        let whole = try await self.document(origin, store, generations).credential
        self.credential.fill(from: withoutLogin ? whole.withoutLogin : whole)
    }

    private mutating func secret(
        _ source: SecretSource, _ store: SecretStore, _ generations: [SecretLocation: UInt64]
    ) async throws(SecretFailure) -> Secret {
        switch source {
        case .value(let secret): return secret
        case .stored(let location, let fields):
            let document = try await self.document(location, store, generations)
            guard let secret = fields.isEmpty ? document.text : document.first(of: fields) else {
                let names = fields.map { quoted($0) }.joined(separator: " or ")
                throw SecretFailure(location, "has no text in the field \(names)")
            }
            return secret
        }
    }

    private mutating func document(
        _ location: SecretLocation, _ store: SecretStore, _ generations: [SecretLocation: UInt64]
    ) async throws(SecretFailure) -> SecretDocument {
        let document = try await store.document(at: location, newerThan: generations[location])
        self.fetched[location] = document.generation
        return document
    }
}
