/// How to connect to a device, as far as that is said; what isn't comes from the device's groups, then from the defaults.
public struct ConnectionOptions: Sendable, Hashable {
    /// Also offers algorithms with known weaknesses, which old devices need: SHA-1 in key exchange, MACs and host keys, CBC ciphers.
    /// Off where nobody says otherwise.
    public var legacyAlgorithms: Bool?
    /// The local address to connect from, an IPv4 or IPv6 literal.
    public var sourceAddress: String?
    /// A device that gives no sign of life is given up within this time; 45 seconds where nobody says otherwise.
    public var silenceTimeout: Duration?
    /// The SSH servers to go through, the one that is reached directly first: names of devices of the inventory, or `user@host:port`. An empty
    /// list: none, whatever groups and defaults say. A device's own jump hosts lead to it here too.
    public var jumpHosts: [String]?

    public init(
        legacyAlgorithms: Bool? = nil, sourceAddress: String? = nil, silenceTimeout: Duration? = nil,
        jumpHosts: [String]? = nil
    ) {
        self.legacyAlgorithms = legacyAlgorithms
        self.sourceAddress = sourceAddress
        self.silenceTimeout = silenceTimeout
        self.jumpHosts = jumpHosts
    }

    /// Takes what isn't said here from `others`, the nearest first.
    func completed<Others: Sequence<ConnectionOptions>>(by others: Others) -> ConnectionOptions {
        others.reduce(self) { options, other in
            ConnectionOptions(
                legacyAlgorithms: options.legacyAlgorithms ?? other.legacyAlgorithms,
                sourceAddress: options.sourceAddress ?? other.sourceAddress,
                silenceTimeout: options.silenceTimeout ?? other.silenceTimeout,
                jumpHosts: options.jumpHosts ?? other.jumpHosts)
        }
    }

    /// Why a text can't be a source address; `nil` when it can.
    static func problem(withSource text: String) -> String? {
        HostName.isIPv4(text) || HostName.canonicalIPv6(text) != nil
            ? nil : "must be an IPv4 or IPv6 address of this machine, without brackets"
    }

    /// Why a text can't be a jump host; `nil` when it can be one.
    static func problem(withJumpHost text: String) -> String? {
        InventoryName.problem(with: text) == nil || Inventory.empty.adHocTarget(text) != nil
            ? nil : "must be a device of the inventory, or `user@host:port`"
    }
}

extension InventoryReader {
    static let connectionKeys = ["legacy_algorithms", "source_address", "silence_timeout", "jump_hosts"]
    private static let silences: ClosedRange<Duration> = .seconds(3)...(.seconds(3_600))

    /// Takes a field that says how to connect; `false` for any other.
    func readConnection(_ field: YAMLValue.Field, into options: inout ConnectionOptions) throws(InventoryError) -> Bool
    {
        switch field.key {
        case "legacy_algorithms": options.legacyAlgorithms = try field.value.boolean()
        case "source_address":
            let address = try field.value.string()
            if let problem = ConnectionOptions.problem(withSource: address) { throw field.value.error(problem) }
            options.sourceAddress = address
        case "silence_timeout": options.silenceTimeout = try field.value.duration(in: Self.silences)
        case "jump_hosts":
            options.jumpHosts = []
            for item in try field.value.items() {
                let hop = try item.string()
                if let problem = ConnectionOptions.problem(withJumpHost: hop) { throw item.error(problem) }
                options.jumpHosts?.append(hop)
            }
        default: return false
        }
        return true
    }
}
