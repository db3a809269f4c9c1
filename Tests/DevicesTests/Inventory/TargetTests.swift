import Testing

@testable import Devices

@Suite("Target expressions")
struct TargetTests {
    private let inventory: Inventory

    init() throws {
        self.inventory = try Inventory(
            yaml: """
                defaults: {device_type: linux, port: 22}
                devices:
                  core-1: {host: 192.0.2.1, tags: [core, berlin]}
                  core-2: {host: 192.0.2.2, tags: [core, paris], port: 2222}
                  access-1: {host: 192.0.2.11, tags: [access, berlin]}
                  access-2: {host: Access2.example.net., tags: [access, paris]}
                  access-10: {host: "2001:DB8::0:10"}
                  nat-a: {host: 198.51.100.1}
                  nat-b: {host: 198.51.100.1}
                  203.0.113.9: {host: 203.0.113.10}
                groups:
                  core: {members: [core-*]}
                  odd: {members: [access-1], tags: ["core&paris"]}
                  empty: {tags: [nothing]}
                """
        )
    }

    struct Case: Sendable, CustomTestStringConvertible {
        var targets: [String]
        var devices: [String] = []
        var adHoc: [String] = []
        var unknown: [String] = []
        var testDescription: String { self.targets.joined(separator: " ") }
    }

    static let cases: [Case] = [
        Case(targets: ["core-1"], devices: ["core-1"]),
        Case(targets: [" core-1 "], devices: ["core-1"]),
        Case(targets: ["access-1", "core-2", "access-1"], devices: ["core-2", "access-1"]),
        Case(targets: ["group:core"], devices: ["core-1", "core-2"]),
        Case(targets: ["group:odd"], devices: ["core-2", "access-1"]),
        Case(targets: ["group:empty"], unknown: ["group:empty"]),
        Case(
            targets: ["group:nope", "group:", "tag:", "tag:nope"],
            unknown: ["group:nope", "group:", "tag:", "tag:nope"]),
        Case(targets: ["tag:berlin"], devices: ["core-1", "access-1"]),
        Case(targets: ["tag:core&paris"], devices: ["core-2"]),
        Case(targets: ["tag:core & paris"], devices: ["core-2"]),
        Case(targets: ["tag:core&access"], unknown: ["tag:core&access"]),
        Case(targets: ["tag:core&"], unknown: ["tag:core&"]),
        Case(
            targets: ["all", "core-1"],
            devices: ["core-1", "core-2", "access-1", "access-2", "access-10", "nat-a", "nat-b", "203.0.113.9"]
        ),
        Case(targets: ["access-*"], devices: ["access-1", "access-2", "access-10"]),
        Case(targets: ["access-?"], devices: ["access-1", "access-2"]),
        Case(targets: ["*-[2-9]"], devices: ["core-2", "access-2"]),
        Case(targets: ["core-[!1]"], devices: ["core-2"]),
        Case(targets: ["edge-*", "core-["], unknown: ["edge-*", "core-["]),
        Case(targets: ["router9", "", "Core-1"], unknown: ["router9", "", "Core-1"]),
        Case(targets: ["router9", "router9"], unknown: ["router9"]),

        Case(targets: ["admin@192.0.2.7:2222"], adHoc: ["admin@192.0.2.7:2222 = 192.0.2.7:2222"]),
        Case(targets: ["192.0.2.7"], adHoc: ["192.0.2.7:22 = 192.0.2.7:22"]),
        Case(targets: ["192.0.2.7:23"], adHoc: ["192.0.2.7:23 = 192.0.2.7:23"]),
        Case(targets: ["[2001:db8::7]:22"], adHoc: ["2001:db8::7:22 = [2001:db8::7]:22"]),
        Case(targets: ["[2001:db8:0:0::7]"], adHoc: ["2001:db8::7:22 = [2001:db8::7]:22"]),
        Case(targets: ["2001:DB8::7"], adHoc: ["2001:db8::7:22 = [2001:db8::7]:22"]),
        Case(targets: ["root@2001:db8::7"], adHoc: ["root@2001:db8::7:22 = [2001:db8::7]:22"]),
        Case(targets: ["Lab.Example:830"], adHoc: ["Lab.Example:830 = lab.example:830"]),
        Case(targets: ["admin@lab.example"], adHoc: ["admin@lab.example:22 = lab.example:22"]),
        Case(targets: ["admin@lab", "lab.example"], adHoc: ["admin@lab:22 = lab:22"], unknown: ["lab.example"]),
        Case(targets: ["me@corp@lab:22"], adHoc: ["me@corp@lab:22 = lab:22"]),
        Case(targets: ["192.0.2.7", "192.0.2.7:22"], adHoc: ["192.0.2.7:22 = 192.0.2.7:22"]),
        Case(
            targets: ["192.0.2.7:0", "192.0.2.7:65536", "192.0.2.7:", "192.0.2.7:+1", "a:22:33"],
            unknown: ["192.0.2.7:0", "192.0.2.7:65536", "192.0.2.7:", "192.0.2.7:+1", "a:22:33"]),
        Case(
            targets: ["300.0.0.1:22", "@192.0.2.7", "a b@192.0.2.7", "[::1", "[lab]:22", "-x:22", "a/b:22"],
            unknown: ["300.0.0.1:22", "@192.0.2.7", "a b@192.0.2.7", "[::1", "[lab]:22", "-x:22", "a/b:22"]),

        // A password is neither used nor shown.
        Case(targets: ["admin:hunter2@192.0.2.7"], unknown: ["admin:••••@192.0.2.7"]),
        // Names before addresses.
        Case(targets: ["203.0.113.9"], devices: ["203.0.113.9"]),
        // One device, one identity.
        Case(targets: ["192.0.2.1"], devices: ["core-1"]),
        Case(targets: ["192.0.2.2:2222", "192.0.2.2"], devices: ["core-2"], adHoc: ["192.0.2.2:22 = 192.0.2.2:22"]),
        Case(targets: ["access2.EXAMPLE.net:22"], devices: ["access-2"]),
        Case(targets: ["[2001:db8::10]:22"], devices: ["access-10"]),
        Case(targets: ["bob@192.0.2.1"], adHoc: ["bob@192.0.2.1:22 = core-1"]),
        Case(targets: ["bob@192.0.2.1", "core-1"], devices: ["core-1"], unknown: ["bob@192.0.2.1"]),
        Case(
            targets: ["bob@192.0.2.7", "eve@192.0.2.7"], adHoc: ["bob@192.0.2.7:22 = 192.0.2.7:22"],
            unknown: ["eve@192.0.2.7"]),
        Case(targets: ["198.51.100.1"], adHoc: ["198.51.100.1:22 = 198.51.100.1:22"]),
    ]

    @Test("however many expressions stand for all devices, each device is there once, and soon")
    func manyExpressions() throws {
        let devices = (0..<2_000).map { Device(name: "dev-\($0)", host: "192.0.2.1", platform: "linux") }
        let inventory = try Inventory(devices: devices)
        let expressions =
            [String](repeating: "all", count: 10_000) + (1...50).map { "dev" + String(repeating: "*", count: $0) }
        let started = ContinuousClock.now
        let resolution = inventory.resolve(expressions)
        #expect(ContinuousClock.now - started < .seconds(10))
        #expect(resolution.devices == devices.map(\.name))
    }

    @Test("an expression stands for what the table says, and nothing vanishes", arguments: cases)
    func table(_ example: Case) {
        let resolution = self.inventory.resolve(example.targets)
        #expect(resolution.devices == example.devices)
        #expect(
            resolution.adHoc.map { "\($0.user.map { $0 + "@" } ?? "")\($0.host):\($0.port) = \($0.name)" }
                == example.adHoc)
        #expect(resolution.unknown == example.unknown)
    }

    @Test(
        "globs match whole names",
        arguments: [
            ("*", "anything", true), ("a*", "a", true), ("a*", "ba", false), ("*a", "aa", true),
            ("a*b*c", "axxbxxc", true),
            ("a*b*c", "axxcxxb", false), ("?", "", false), ("?", "é", true), ("[a-c]x", "bx", true),
            ("[a-c]x", "dx", false),
            ("[!a-c]x", "dx", true), ("[]]", "]", true), ("[a-]", "-", true), ("a?c", "abc", true), ("**", "", true),
            ("*a*a*a*a*a*a*a*a*a*b", String(repeating: "a", count: 200), false),
        ]
    )
    func globs(pattern: String, name: String, expected: Bool) throws {
        #expect(try #require(GlobPattern(pattern)).matches(name) == expected)
    }

    @Test(
        "a text without pattern characters, or with a bracket that isn't closed, is no glob",
        arguments: ["abc", "a[b", "a[b-a]", "[]", ""])
    func noGlobs(text: String) {
        #expect(GlobPattern(text) == nil)
    }
}
