import SSH

/// What to log in with, everything fetched that had to be.
struct ResolvedCredential: Sendable {
    let credential: Credential
    /// What was fetched, and which generation of it.
    let fetched: [SecretLocation: UInt64]

    var digest: CredentialDigest { CredentialDigest(self.credential) }

    /// Takes what the layers say, in their order, and fetches what turns out to be needed.
    ///
    /// - Parameter generations: What was fetched before and isn't good enough any more.
    /// - Throws: why a secret can't be had.
    init(
        _ layers: CredentialLayers, from store: SecretStore, newerThan generations: [SecretLocation: UInt64] = [:]
    ) async throws(SecretFailure) {
        var documents: [SecretLocation: SecretDocument] = [:]
        while true {
            switch CredentialAssembly.assemble(layers, documents) {
            case .success(let credential):
                self.credential = credential
                self.fetched = documents.mapValues(\.generation)
                return
            case .failure(.isMissing(let location)):
                documents[location] = try await store.document(at: location, newerThan: generations[location])
            case .failure(.failed(let failure)):
                throw failure
            }
        }
    }
}
