import NIOConcurrencyHelpers
import NIOPosix
import SSH
import Testing

@testable import Devices

@Suite("Credentials")
struct CredentialTests {
    /// A device for which every place gives user and password, named after the place.
    private static let yaml = """
        defaults: {device_type: linux, user: defaults, password: defaults}
        devices:
          core-1.x: {host: a, user: device, password: device, groups: [g1, g2]}
        groups:
          g1: {user: group1, password: group1}
          g2: {user: group2, password: group2}
        """
    private static let environment = [
        "NW_USER_CORE_1_X": "env-device", "NW_PASSWORD_CORE_1_X": "env-device",
        "NW_USER_G1": "env-group1", "NW_PASSWORD_G1": "env-group1", "NW_USER_G2": "env-group2",
        "NW_PASSWORD_G2": "env-group2",
        "NW_USER_DEFAULT": "env-default", "NW_PASSWORD_DEFAULT": "env-default",
        "OTHER_USER_CORE_1_X": "wrong", "NW_USER_": "wrong", "NW_": "wrong",
    ]
    private static let order = [
        "device", "env-device", "group1", "env-group1", "group2", "env-group2", "env-default", "defaults",
    ]

    @Test(
        "places give way in the documented order, user and password each on their own", arguments: ["user", "password"])
    func precedence(part: String) async throws {
        for removed in 0...Self.order.count {
            let gone = Set(Self.order.prefix(removed))
            let yaml = gone.reduce(Self.yaml) {
                $0.replacing("\(part): \($1),", with: "").replacing("\(part): \($1)}", with: "}")
            }
            let environment = Self.environment.filter {
                !($0.key.contains(part.uppercased()) && gone.contains($0.value))
            }
            let world = SecretWorld(try Inventory(yaml: yaml), environment: environment)
            let credential = try await world.credential(of: "core-1.x")
            let expected = removed < Self.order.count ? Self.order[removed] : nil
            #expect(part == "user" ? credential.user == expected : credential.password == expected.map { Secret($0) })
            #expect(part == "user" ? credential.password == Secret("device") : credential.user == "device")
            #expect(world.fetched.isEmpty)

            let overridden = try await world.credential(
                of: "core-1.x", override: Credential(user: "override", password: Secret("override")))
            #expect(overridden.user == "override" && overridden.password == Secret("override"))
        }
    }

    @Test(
        "the same order holds for secrets that are kept elsewhere, and only the one that wins is fetched",
        arguments: [
            "file: /secrets/PLACE", "exec: [helper, PLACE]", "vault: {field: f, path: secret/data/PLACE}",
        ])
    func storedPrecedence(kind: String) async throws {
        let places = ["device", "group1", "group2", "defaults"]
        for removed in 0...places.count {
            func entry(_ place: String) -> String {
                let isGone = places.firstIndex(of: place).map { $0 < removed } ?? true
                return isGone ? "port: 22" : "password: {\(kind.replacing("PLACE", with: place))}"
            }
            let inventory = try Inventory(
                yaml: """
                    vault: {address: "https://vault", auth: {token: t}}
                    defaults: {device_type: linux, \(entry("defaults"))}
                    devices:
                      core-1.x: {host: a, user: u, groups: [g1, g2], \(entry("device"))}
                    groups:
                      g1: {\(entry("group1"))}
                      g2: {\(entry("group2"))}
                    """)
            let world = SecretWorld(inventory, environment: [:])
            let credential = try await world.credential(of: "core-1.x")
            #expect(credential.password == (removed < places.count ? Secret("secret of \(places[removed])") : nil))
            #expect(world.fetched == (removed < places.count ? [places[removed]] : []))
        }
    }

    @Test(
        "a credential from one place gives what stands neither beside it nor before it, and comes before what stands behind it"
    )
    func whole() async throws {
        let inventory = try Inventory(
            yaml: """
                vault: {address: "https://vault", auth: {token: t}}
                defaults: {device_type: linux, user: defaults, password: defaults, enable_secret: defaults}
                devices:
                  a: {host: a, vault: {path: secret/data/whole}}
                  b: {host: b, user: me, vault: {path: secret/data/whole}}
                  c: {host: c, groups: [g]}
                  d: {host: d, user: me, groups: [g]}
                  e: {host: e, vault: {path: secret/data/name}}
                  f: {host: f, user: u, password: p, private_key: /k, private_key_passphrase: x, enable_secret: e, exec: [never]}
                groups:
                  g: {password: group, exec: [helper, whole]}
                """)
        let world = SecretWorld(inventory, environment: ["NW_PASSWORD_E": "environment"])
        let whole = Credential(
            user: "whole's user", password: Secret("secret of whole"), enableSecret: Secret("whole's enable"))
        #expect(try await world.credential(of: "a") == whole)
        var expected = whole
        expected.user = "me"
        #expect(try await world.credential(of: "b") == expected)
        expected.password = Secret("group")
        #expect(try await world.credential(of: "d") == expected)
        expected.user = "whole's user"
        #expect(try await world.credential(of: "c") == expected)
        #expect(
            try await world.credential(of: "e")
                == Credential(
                    user: "name's user", password: Secret("secret of name"), enableSecret: Secret("name's enable")))
        #expect(try await world.credential(of: "f").password == Secret("p"))
        #expect(!world.fetched.contains("never"))
    }

    @Test("an override with a login secret is the whole login; other places add nothing to it but the enable secret")
    func override() async throws {
        let inventory = try Inventory(
            yaml: """
                vault: {address: "https://vault", auth: {token: t}}
                credentials:
                  whole: {vault: {path: secret/data/whole}}
                  file: {user: bob, password: {file: /secrets/bob}}
                devices:
                  r1: {host: a, device_type: linux, user: device, password: device, private_key: /key, private_key_passphrase: p, enable_secret: e}
                  r2: {host: a, device_type: linux, vault: {path: secret/data/other}}
                """
        )
        let world = SecretWorld(inventory, environment: [:])
        #expect(
            try await world.credential(of: "r1", override: Credential(user: "bob", password: Secret("b")))
                == Credential(user: "bob", password: Secret("b"), enableSecret: Secret("e"))
        )
        #expect(
            try await world.credential(of: "r1", override: Credential(privateKey: .file("/other")))
                == Credential(user: "device", privateKey: .file("/other"), enableSecret: Secret("e"))
        )
        #expect(
            try await world.credential(of: "r1", override: Credential(user: "bob")).password == Secret("device")
        )
        #expect(
            try await world.credential(of: "r1", override: world.named("whole"))
                == Credential(
                    user: "whole's user", password: Secret("secret of whole"), enableSecret: Secret("whole's enable")))
        #expect(
            try await world.credential(of: "r1", override: world.named("file"))
                == Credential(user: "bob", password: Secret("secret of bob"), enableSecret: Secret("e")))
        #expect(
            try await world.credential(of: "r2", override: world.named("file"))
                == Credential(user: "bob", password: Secret("secret of bob"), enableSecret: Secret("other's enable")))
    }

    @Test("every part can come from the environment; empty values count as not set")
    func parts() {
        let environment = CredentialEnvironment(
            prefix: "TETHER",
            variables: [
                "TETHER_USER_R1": "u", "TETHER_PASSWORD_R1": "p", "TETHER_ENABLE_R1": "e",
                "TETHER_PRIVATE_KEY_R1": "/key",
                "TETHER_PASSPHRASE_R1": "pp", "TETHER_PRIVATE_KEY_R2": "-----BEGIN OPENSSH PRIVATE KEY-----\n…",
                "TETHER_USER_R3": "",
            ]
        )
        #expect(
            environment.credential(for: "r1")
                == Credential(
                    user: "u", password: Secret("p"), privateKey: .file("/key"), passphrase: Secret("pp"),
                    enableSecret: Secret("e"))
        )
        #expect(
            environment.credential(for: "r2")?.privateKey == .memory(Secret("-----BEGIN OPENSSH PRIVATE KEY-----\n…")))
        #expect(environment.credential(for: "r3") == nil)
    }

    @Test(
        "names stand in capitals with underscores",
        arguments: [("access-7.example", "ACCESS_7_EXAMPLE"), ("münchen", "M_NCHEN"), ("R1", "R1")])
    func subjects(name: String, expected: String) {
        #expect(CredentialEnvironment.subject(of: name) == expected)
    }

    @Test("a named credential comes from the inventory, what it lacks from the environment")
    func named() throws {
        let inventory = try Inventory(
            yaml: """
                vault: {address: "https://vault", auth: {token: t}}
                credentials: {net-ops: {user: netops}, whole: {vault: {path: secret/data/whole}}}
                """)
        let resolver = CredentialResolver(
            environment: CredentialEnvironment(
                prefix: "NW",
                variables: [
                    "NW_USER_CREDENTIAL_NET_OPS": "wrong", "NW_PASSWORD_CREDENTIAL_NET_OPS": "p",
                    "NW_USER_CREDENTIAL_AUDIT": "audit", "NW_PASSWORD_CREDENTIAL_WHOLE": "not the place's",
                ]
            )
        )
        #expect(
            resolver.credential(named: "net-ops", in: inventory) == Credential(user: "netops", password: Secret("p")))
        #expect(resolver.credential(named: "audit", in: inventory) == Credential(user: "audit"))
        #expect(resolver.credential(named: "nobody", in: inventory) == nil)
        let whole = try #require(resolver.credential(named: "whole", in: inventory))
        #expect(whole.origin != nil && whole.password == nil)
    }

    @Test("digests tell credentials apart by every part, and hold none")
    func digests() {
        let all: [Credential] = [
            Credential(), Credential(user: "a"), Credential(password: Secret("a")),
            Credential(enableSecret: Secret("a")),
            Credential(passphrase: Secret("a")), Credential(privateKey: .file("a")),
            Credential(privateKey: .memory(Secret("a"))), Credential(user: "a", password: Secret("a")),
            Credential(user: "aa"), Credential(user: "a", password: Secret("")),
            Credential(user: "", password: Secret("a")),
        ]
        #expect(Set(all.map { CredentialDigest($0) }).count == all.count)
        #expect(CredentialDigest(all[7]) == CredentialDigest(Credential(user: "a", password: Secret("a"))))
    }

    @Test("no description of a credential, a place or a failure holds a secret")
    func descriptions() throws {
        let inventory = try Inventory(
            yaml: """
                devices:
                  r: {host: a, device_type: linux, user: u, password: hunter2, enable_secret: {exec: [helper, --token, hunter2]}}
                """)
        let device = try #require(inventory["r"])
        var dumped = ""
        dump(device, to: &dumped)
        for text in ["\(device)", String(reflecting: device), dumped] {
            #expect(!text.contains("hunter2"))
            #expect(text.contains("r"))
        }
    }
}

/// An inventory, and places that hold a secret named after the end of their path (or their last argument).
final class SecretWorld: Sendable {
    let inventory: Inventory
    let resolver: CredentialResolver
    private let store: SecretStore
    private let log = NIOLockedValueBox<[String]>([])

    /// Names of what was fetched, in order.
    var fetched: [String] { self.log.withLockedValue { $0 } }

    init(_ inventory: Inventory, environment: [String: String]) {
        self.inventory = inventory
        self.resolver = CredentialResolver(environment: CredentialEnvironment(prefix: "NW", variables: environment))
        self.store = SecretStore(
            timerLoop: MultiThreadedEventLoopGroup.singleton.next(), timeToLive: { _ in .seconds(60) }
        ) { [log] location in
            let name: String
            switch location.place {
            case .file(let path): name = path.split(separator: "/").last.map(String.init) ?? path
            case .helper(let helper): name = helper.arguments.last ?? helper.program
            case .vault(let path): name = path.split(separator: "/").last.map(String.init) ?? path
            }
            log.withLockedValue { $0.append(name) }
            if case .file = location.place { return .success(SecretDocument(text: Secret("secret of \(name)"))) }
            return .success(
                SecretDocument(fields: [
                    "user": Secret("\(name)'s user"), "password": Secret("secret of \(name)"),
                    "enable": Secret("\(name)'s enable"), "f": Secret("secret of \(name)"),
                ]))
        }
    }

    func credential(of device: String, override: Credential? = nil) async throws -> Credential {
        let device = try #require(self.inventory[device])
        let layers = self.resolver.layers(for: device, in: self.inventory, override: override)
        return try await ResolvedCredential(layers, from: self.store).credential
    }

    func named(_ name: String) -> Credential? { self.resolver.credential(named: name, in: self.inventory) }
}
