import SSH

/// A secret, or where it is kept.
enum SecretSource: Sendable, Hashable {
    case value(Secret)
    /// The first of these fields that the place has; without any, all of its text.
    case stored(SecretLocation, fields: [String])

    var value: Secret? { if case .value(let secret) = self { secret } else { nil } }
}

/// A place outside of the inventory that secrets are fetched from, when a session is opened.
struct SecretLocation: Sendable, Hashable, CustomStringConvertible {
    enum Place: Sendable, Hashable {
        /// A file with one secret, as Docker and Kubernetes mount them.
        case file(String)
        case helper(SecretHelper)
        /// A path of the inventory's Vault, without `/v1/`.
        case vault(path: String)
    }

    var place: Place
    /// How long what was fetched is used, at most; `nil`: the default of its kind.
    var timeToLive: Duration?

    init(_ place: Place, timeToLive: Duration? = nil) {
        self.place = place
        self.timeToLive = timeToLive
    }

    /// For messages: says where, never what. A helper's arguments may hold secrets.
    var description: String {
        switch self.place {
        case .file(let path): "the file \(quoted(path))"
        case .helper(let helper): "the helper \(quoted(helper.program))"
        case .vault(let path): "Vault's \(quoted(path))"
        }
    }

    /// A file costs next to nothing to read again; the others are services.
    static let fileTimeToLive = Duration.seconds(10)
    static let serviceTimeToLive = Duration.seconds(300)
}

extension SecretLocation: CustomReflectable {
    var customMirror: Mirror { Mirror(self, children: []) }
}

/// A program that prints secrets.
struct SecretHelper: Sendable, Hashable {
    /// An absolute path, or a name that is looked up in `PATH`.
    var program: String
    var arguments: [String] = []
    var timeLimit: Duration = .seconds(10)
}

/// Why a secret can't be had. Says where it is kept, never what it is.
struct SecretFailure: Error, Sendable, Hashable {
    var message: String
    var isCancellation = false

    init(_ message: String) {
        self.message = message
    }

    init(_ location: SecretLocation, _ problem: String) {
        self.message = "\(location) \(problem)"
    }

    static let cancelled: SecretFailure = {
        var failure = SecretFailure("the caller was cancelled")
        failure.isCancellation = true
        return failure
    }()

    func deviceError(_ device: String) -> DeviceError {
        if self.isCancellation { return DeviceError.cancelled(device) }
        return DeviceError(code: "credential.unavailable", message: "\(device): \(self.message)")
    }
}
