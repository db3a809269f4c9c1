import Dialogue
import Testing

@Suite("Patterns")
struct PatternTests {
    @Test("a pattern that runs away is abandoned, not waited for")
    func runaway() throws {
        let pattern = try Pattern("(a+)+$")
        let subject = Array(repeating: UInt8(ascii: "a"), count: 400) + [UInt8(ascii: "!")]
        #expect(pattern.firstMatch(in: subject) == .abandoned)
        #expect(!pattern.matches(subject))
    }

    @Test(
        "{,n} means at most n, outside of classes and quotations",
        arguments: [
            (#"^[\w.]{,63}\d#$"#, "router1#", true),
            (#"^ab{,2}c$"#, "abbc", true),
            (#"^ab{,2}c$"#, "abbbc", false),
            (#"^a\{,2}$"#, "a{,2}", true),
            (#"^\Qa{,2}\E$"#, "a{,2}", true),
            (#"^[{,2}]+$"#, "{,2}", true),
            (#"^[]{,2}]+$"#, "]{,2}", true),
            (#"^[[:alpha:]{,2}]+b{,1}$"#, "a{2}b", true),
            (#"^a{,x}$"#, "a{,x}", true),
        ])
    func openQuantifier(_ source: String, _ subject: String, _ isMatch: Bool) throws {
        #expect(try Pattern(source).matches(Array(subject.utf8)) == isMatch)
    }

    @Test("matching ignores case, and ^ and $ know CR, LF and CR LF")
    func options() throws {
        let pattern = try Pattern("^password:$")
        for subject in ["PASSWORD:", "x\nPassword:", "x\r\nPassword:\r\ny", "x\rPassword:\ry"] {
            #expect(pattern.matches(Array(subject.utf8)), "\(subject.debugDescription)")
        }
    }

    @Test("any bytes can be matched, UTF-8 or not")
    func bytes() throws {
        let pattern = try Pattern("^.+#$")
        #expect(pattern.matches([0xFF, 0xC3, 0x28, 0x23]))
        #expect(pattern.matches(Array("Zürich#".utf8)))
        #expect(throws: PatternError.self) { try Pattern("(*UTF)a") }
        #expect(try Pattern("^$").matches([]))
    }

    @Test("a match can be asked to reach to the end, or to be the whole")
    func extents() throws {
        #expect(try Pattern("b", extent: .ending).firstMatch(in: Array("abab".utf8)) == .matched(3..<4))
        #expect(try Pattern("b", extent: .ending).firstMatch(in: Array("aba".utf8)) == .noMatch)
        #expect(try Pattern("show .*", extent: .whole).matches(Array("show x".utf8)))
        #expect(try !Pattern("show \\w+", extent: .whole).matches(Array("show x y".utf8)))
    }

    @Test("a mistake is reported with its place in the text as it was written")
    func mistakes() throws {
        let error = try #require(throws: PatternError.self) { try Pattern("a{,3}b{,4}(c") }
        #expect(error.offset == 12)
        #expect(error.reason.contains("parenthesis"))
        #expect(error.description.contains("a{,3}b{,4}(c"))
    }

    @Test("quoted text stands for itself")
    func quoting() throws {
        let text = "[r1] (a|b)* {,3} 100% ü\\#"
        #expect(try Pattern("^" + Pattern.quoting(text) + "$").matches(Array(text.utf8)))
    }

    @Test("one pattern serves many tasks at once")
    func concurrency() async throws {
        let pattern = try Pattern(#"^([\w.-]+)@(\w+)[>#]$"#)
        await withTaskGroup(of: Bool.self) { group in
            for index in 0..<32 {
                group.addTask {
                    (0..<200).allSatisfy {
                        pattern.matches(Array("user\($0)@r\(index)#".utf8)) && !pattern.matches([0x23])
                    }
                }
            }
            for await isRight in group { #expect(isRight) }
        }
    }
}
