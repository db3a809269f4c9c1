import SSH

/// Puts together what to log in with from what the layers say and what has been fetched so far. A value: it fetches nothing itself, but says what is missing.
struct CredentialAssembly {
    enum Obstacle: Error {
        /// To be fetched before the next attempt.
        case isMissing(SecretLocation)
        case failed(SecretFailure)
    }

    private var credential = Credential()
    private let documents: [SecretLocation: SecretDocument]

    /// Never part of the frame of an asynchronous caller, which would hold all that this needs for a moment for as long as it waits.
    @inline(never)
    static func assemble(
        _ layers: CredentialLayers, _ documents: [SecretLocation: SecretDocument]
    ) -> Result<Credential, Obstacle> {
        var assembly = CredentialAssembly(documents: documents)
        do throws(Obstacle) {
            try assembly.take(layers)
            return .success(assembly.credential)
        } catch {
            return .failure(error)
        }
    }

    private init(documents: [SecretLocation: SecretDocument]) {
        self.documents = documents
    }

    private mutating func take(_ layers: CredentialLayers) throws(Obstacle) {
        if let override = layers.override { try self.take(override) }
        let isWholeLogin = self.credential.hasLoginSecret
        for place in layers.places {
            guard !self.credential.isComplete else { return }
            try self.take(isWholeLogin ? place.withoutLogin : place, withoutLogin: isWholeLogin)
        }
    }

    /// Adds what is missing.
    private mutating func take(_ place: Credential, withoutLogin: Bool = false) throws(Obstacle) {
        let user = self.credential.user ?? place.user
        self.credential.user = user
        if self.credential.passwordSource == nil, let source = place.passwordSource {
            self.credential.password = try self.secret(source)
        }
        if self.credential.keySource == nil, let source = place.keySource {
            switch source {
            case .given(let key): self.credential.privateKey = key
            case .stored(let location, let fields):
                self.credential.privateKey = .memory(try self.secret(.stored(location, fields: fields)))
            }
        }
        if self.credential.passphraseSource == nil, let source = place.passphraseSource {
            self.credential.passphrase = try self.secret(source)
        }
        if self.credential.enableSource == nil, let source = place.enableSource {
            self.credential.enableSecret = try self.secret(source)
        }
        guard let origin = place.origin, !self.credential.isComplete else { return }
        let whole = try self.document(origin).credential
        self.credential.fill(from: withoutLogin ? whole.withoutLogin : whole)
    }

    private func secret(_ source: SecretSource) throws(Obstacle) -> Secret {
        switch source {
        case .value(let secret): return secret
        case .stored(let location, let fields):
            let document = try self.document(location)
            guard let secret = fields.isEmpty ? document.text : document.first(of: fields) else {
                let names = fields.map { quoted($0) }.joined(separator: " or ")
                throw .failed(SecretFailure(location, "has no text in the field \(names)"))
            }
            return secret
        }
    }

    private func document(_ location: SecretLocation) throws(Obstacle) -> SecretDocument {
        guard let document = self.documents[location] else { throw .isMissing(location) }
        return document
    }
}
