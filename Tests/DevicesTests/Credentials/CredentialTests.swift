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

    @Test(
        "places give way in the documented order, user and password each on their own", arguments: ["user", "password"])
    func precedence(part: String) throws {
        let order = ["device", "env-device", "group1", "env-group1", "group2", "env-group2", "env-default", "defaults"]
        for removed in 0...order.count {
            let gone = Set(order.prefix(removed))
            let yaml = gone.reduce(Self.yaml) {
                $0.replacing("\(part): \($1),", with: "").replacing("\(part): \($1)}", with: "}")
            }
            let environment = Self.environment.filter {
                !($0.key.contains(part.uppercased()) && gone.contains($0.value))
            }
            let inventory = try Inventory(yaml: yaml)
            let resolver = CredentialResolver(environment: CredentialEnvironment(prefix: "NW", variables: environment))
            let device = try #require(inventory["core-1.x"])
            let credential = resolver.credential(for: device, in: inventory)
            let expected = removed < order.count ? order[removed] : nil
            #expect(part == "user" ? credential.user == expected : credential.password == expected.map { Secret($0) })
            #expect(part == "user" ? credential.password == Secret("device") : credential.user == "device")

            let overridden = resolver.credential(
                for: device,
                in: inventory,
                override: Credential(user: "override", password: Secret("override"))
            )
            #expect(overridden.user == "override" && overridden.password == Secret("override"))
        }
    }

    @Test("an override with a login secret is the whole login; other places add nothing to it but the enable secret")
    func override() throws {
        let inventory = try Inventory(
            yaml: """
                devices:
                  r1: {host: a, device_type: linux, user: device, password: device, private_key: /key, private_key_passphrase: p, enable_secret: e}
                """
        )
        let resolver = CredentialResolver(environment: CredentialEnvironment(prefix: "NW", variables: [:]))
        let device = try #require(inventory["r1"])
        #expect(
            resolver.credential(for: device, in: inventory, override: Credential(user: "bob", password: Secret("b")))
                == Credential(user: "bob", password: Secret("b"), enableSecret: Secret("e"))
        )
        #expect(
            resolver.credential(for: device, in: inventory, override: Credential(privateKey: .file("/other")))
                == Credential(user: "device", privateKey: .file("/other"), enableSecret: Secret("e"))
        )
        #expect(
            resolver.credential(for: device, in: inventory, override: Credential(user: "bob")).password
                == Secret("device")
        )
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
        let inventory = try Inventory(yaml: "credentials: {net-ops: {user: netops}}")
        let resolver = CredentialResolver(
            environment: CredentialEnvironment(
                prefix: "NW",
                variables: [
                    "NW_USER_CREDENTIAL_NET_OPS": "wrong", "NW_PASSWORD_CREDENTIAL_NET_OPS": "p",
                    "NW_USER_CREDENTIAL_AUDIT": "audit",
                ]
            )
        )
        #expect(
            resolver.credential(named: "net-ops", in: inventory) == Credential(user: "netops", password: Secret("p")))
        #expect(resolver.credential(named: "audit", in: inventory) == Credential(user: "audit"))
        #expect(resolver.credential(named: "nobody", in: inventory) == nil)
    }
}
