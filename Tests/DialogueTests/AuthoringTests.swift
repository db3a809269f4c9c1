import Dialogue
import Foundation
import TestSupport
import Testing

/// What the article on writing definitions says is so.
@Suite("The article on platform definitions")
struct AuthoringTests {
    private let article: String

    init() throws {
        self.article = try String(
            contentsOf: Repository.sources.appendingPathComponent("Dialogue/Dialogue.docc/PlatformAuthoring.md"),
            encoding: .utf8)
    }

    private func example() throws -> PlatformDefinition {
        let parts = self.article.components(separatedBy: "```yaml\n# acme_switch.yaml\n")
        try #require(parts.count == 2)
        let yaml = try #require(parts[1].components(separatedBy: "```").first)
        return try PlatformDefinition(yaml: yaml, file: "acme_switch.yaml")
    }

    @Test("its example loads without a note, and says what the text says of it")
    func loads() throws {
        let platform = try self.example()
        #expect(platform.notes == [])
        #expect(platform.name == "acme_switch" && platform.aliases == ["acme"])
        #expect(platform.modes == ["user", "privileged", "configuration"])
        #expect(platform.defaultMode == "privileged")
        #expect(platform.configuration?.isLive == true)
        #expect(platform.isReadOnly("show running-config | include ntp"))
        #expect(platform.isReadOnly("ping 192.0.2.1"))
        #expect(!platform.isReadOnly("show running-config | redirect flash:x"))
        #expect(!platform.isReadOnly("configure"))
        #expect(!platform.isReadOnly("ping"))
    }

    @Test(
        "its example gets through a login, a pager, a rejected command and a change of mode", arguments: [true, false])
    func converses(_ gated: Bool) throws {
        let enable: [Turn] = [
            .prints("\r\n*** Authorised users only ***\r\nsw1>"), .typed("enable"), .prints("enable"), .typed("\r"),
            .prints("\r\nPassword: "), .secret(.enable), .prints("\r\nsw1#"),
        ]
        let turns =
            enable + .setup("terminal length 0", "sw1#")
            + [.runs("show log"), .typed("show log"), .prints("show log"), .typed("\r")]
            + [.prints("\r\nfirst\r\n-- More --"), .typed(" "), .prints("\r          \rsw1#last\r\nsw1#")]
            + .command("show nonsense", "% Unknown command\r\nsw1#")
            + .mode("configuration", "configure", "sw1(config)#")
        for chunking in [Chunking.whole, .eachByte] {
            var device = ScriptedDevice(try self.example(), gated: gated, chunking: chunking)
            let conversation = device.play(turns)
            #expect(conversation.isComplete && conversation.error == nil, "\(chunking.testDescription)")
            #expect(conversation.commands.first?.outputText == "first\nsw1#last\n")
            #expect(conversation.commands[1].completion?.failure == "% Unknown command")
        }
    }

    @Test("every key that the reader knows is explained")
    func keys() throws {
        let folder = Repository.sources.appendingPathComponent("Dialogue/Definitions")
        var keys: Set<String> = []
        for file in try Repository.files(in: folder, suffix: ".swift") {
            let text = try String(contentsOf: file, encoding: .utf8)
            let calls = #/(?:take|require|patterns|texts|combined|instructions)\(\s*"([a-z_]+)"/#
            keys.formUnion(text.matches(of: calls).map { String($0.output.1) })
        }
        #expect(keys.count > 50)
        for key in keys.sorted() {
            let isExplained =
                self.article.contains("`\(key)`") || self.article.contains("`\(key): ")
                || self.article.contains("{\(key)") || self.article.contains(", \(key)")
            #expect(isExplained, "\(key) isn't in the article")
        }
    }
}
