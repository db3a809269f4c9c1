import Foundation
import TestSupport
import Testing

/// What the articles and the README show is what the recipes run.
@Suite("The documentation's listings")
struct ListingTests {
    private static let catalogue = Repository.sources.appendingPathComponent("Devices/Devices.docc")

    /// The recipes by name, without the indentation of their place.
    private func recipes() throws -> [String: String] {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        var recipes: [String: String] = [:]
        for file in try Repository.files(in: folder, suffix: "Recipes.swift") {
            var open: (name: String, indent: Int, lines: [String])?
            for line in try String(contentsOf: file, encoding: .utf8).components(separatedBy: "\n") {
                let text = line.trimmingCharacters(in: .whitespaces)
                if text.hasPrefix("// recipe: ") {
                    open = (String(text.dropFirst(11)), line.prefix { $0 == " " }.count, [])
                } else if text == "// end", let recipe = open {
                    #expect(recipes[recipe.name] == nil, "twice: \(recipe.name)")
                    recipes[recipe.name] = recipe.lines.joined(separator: "\n")
                    open = nil
                } else if let recipe = open {
                    open?.lines.append(String(line.dropFirst(min(recipe.indent, line.prefix { $0 == " " }.count))))
                }
            }
            #expect(open == nil, "no end: \(open?.name ?? "")")
        }
        return recipes
    }

    /// The Swift listings of a Markdown text.
    private func listings(_ text: String) -> [String] {
        var listings: [String] = []
        var open: [String]?
        for line in text.components(separatedBy: "\n") {
            if let lines = open {
                if line == "```" {
                    listings.append(lines.joined(separator: "\n"))
                    open = nil
                } else {
                    open = lines + [line]
                }
            } else if line == "```swift" {
                open = []
            }
        }
        return listings
    }

    private func articles() throws -> [(name: String, text: String)] {
        try Repository.files(in: Self.catalogue, suffix: ".md").map {
            ($0.lastPathComponent, try String(contentsOf: $0, encoding: .utf8))
        }
    }

    @Test("every Swift listing of the articles is a recipe, byte by byte, and every recipe is shown")
    func listings() throws {
        let recipes = try self.recipes()
        var shown = Set<String>()
        var count = 0
        for (name, text) in try self.articles() {
            for listing in self.listings(text) {
                count += 1
                let names = recipes.filter { $0.value == listing }.keys
                #expect(!names.isEmpty, "\(name): no recipe is this listing:\n\(listing)")
                shown.formUnion(names)
            }
        }
        #expect(count >= recipes.count && !recipes.isEmpty)
        #expect(shown == Set(recipes.keys), "not shown: \(Set(recipes.keys).subtracting(shown).sorted())")
    }

    @Test("every Swift listing of the README's section about the library is a recipe, byte by byte")
    func readme() throws {
        let recipes = Set(try self.recipes().values)
        let readme = try String(contentsOf: Repository.root.appendingPathComponent("README.md"), encoding: .utf8)
        let section = try #require(readme.components(separatedBy: "\n## ").first { $0.hasPrefix("The library") })
        let listings = self.listings(section)
        #expect(!listings.isEmpty)
        for listing in listings {
            // What a program needs around a recipe.
            let body = listing.replacing("import Devices\n\n", with: "")
            #expect(recipes.contains(body), "no recipe is this listing:\n\(listing)")
        }
    }

    @Test("every symbol and article that the catalogue links to exists")
    func links() throws {
        let sources = try Repository.files(in: Repository.sources.appendingPathComponent("Devices"), suffix: ".swift")
            .map { try String(contentsOf: $0, encoding: .utf8) }.joined(separator: "\n")
        let articles = try self.articles()
        let names = Set(articles.map { $0.name.replacing(".md", with: "") })
        var count = 0
        for (name, text) in articles {
            let prose = text.components(separatedBy: "\n```").enumerated()
                .filter { $0.offset.isMultiple(of: 2) }.map(\.element).joined(separator: "\n")
            for match in prose.matches(of: #/``([^`]+)``/#) {
                let symbol = String(match.output.1)
                count += 1
                // DocC's way of telling a property from the type whose name differs by case only.
                for part in symbol.replacing("-swift.property", with: "").split(separator: "/")
                where part != "Devices" {
                    #expect(self.declares(sources, String(part)), "\(name): no public \(symbol)")
                }
            }
            for match in text.matches(of: #/<doc:([A-Za-z-]+)>/#) {
                count += 1
                #expect(names.contains(String(match.output.1)), "\(name): no article \(match.output.1)")
            }
        }
        #expect(count > 30)
    }

    /// Whether the sources have a public declaration of this name, and for a function one with these labels.
    private func declares(_ sources: String, _ symbol: String) -> Bool {
        let name = String(symbol.prefix { $0 != "(" })
        let word = NSRegularExpression.escapedPattern(for: name)
        let labels =
            symbol.contains("(")
            ? symbol.drop { $0 != "(" }.dropFirst().dropLast().split(separator: ":").map(String.init) : []
        let kinds =
            symbol.contains("(")
            ? (name == "init" ? "init" : "func \(word)")
            : "(?:struct|class|actor|enum|protocol|var|let|typealias) \(word)|case [^\\n]*\\b\(word)"
        // The parameters' labels, in their order, before the body begins.
        let parameters = labels.map { "[^{]*?\\b\(NSRegularExpression.escapedPattern(for: $0))\\b[^{]*?:" }.joined()
        let pattern = "(?:public|case)[^\\n{=]*?(?:\(kinds))\\b\(parameters)"
        return sources.range(of: pattern, options: .regularExpression) != nil
    }
}
