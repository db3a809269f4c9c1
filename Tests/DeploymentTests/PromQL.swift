/// As much of PromQL as it takes to see which metrics and labels an expression names. That it is well-formed is for `promtool` to say.
struct PromQL {
    struct Selector: Hashable {
        var metric: String
        /// Label, and the values that it is compared with; a regular expression's alternatives one by one.
        var matchers: [Matcher] = []
        /// The function that a range of it is handed to.
        var rangeFunction: String?
    }

    struct Matcher: Hashable {
        var label: String
        var values: [String]
    }

    private(set) var selectors: [Selector] = []
    /// Labels of `by`, `without`, `on`, `ignoring` and `group_left`.
    private(set) var labels: Set<String> = []

    private enum Token: Hashable {
        case name(String)
        case text(String)
        case mark(Character)
    }

    private static let lists: Set = ["by", "without", "on", "ignoring", "group_left", "group_right"]
    private static let words: Set = ["and", "or", "unless", "bool", "offset", "inf", "nan"]
    private static let aggregations: Set = [
        "sum", "min", "max", "avg", "count", "group", "stddev", "stdvar", "topk", "bottomk", "quantile", "count_values",
    ]

    init(_ text: String) {
        let tokens = Self.tokens(text)
        var index = 0
        // The functions whose parentheses are open.
        var functions: [String?] = []
        while index < tokens.count {
            let next = index + 1 < tokens.count ? tokens[index + 1] : nil
            switch tokens[index] {
            case .name(let name) where Self.lists.contains(name):
                guard next == .mark("(") else { break }
                index += 2
                while index < tokens.count, tokens[index] != .mark(")") {
                    if case .name(let label) = tokens[index] { self.labels.insert(label) }
                    index += 1
                }
            case .name(let name) where Self.aggregations.contains(name) && next != .mark("("):
                // The list of labels comes before the parentheses.
                break
            case .name(let name) where next == .mark("("):
                functions.append(name)
                index += 1
            case .name(let name) where !Self.words.contains(name):
                var selector = Selector(metric: name)
                if next == .mark("{") {
                    index += 2
                    while index < tokens.count, tokens[index] != .mark("}") {
                        if case .name(let label) = tokens[index] {
                            selector.matchers.append(Matcher(label: label, values: []))
                        } else if case .text(let value) = tokens[index], !selector.matchers.isEmpty {
                            selector.matchers[selector.matchers.count - 1].values = value.split(separator: "|")
                                .map(String.init)
                        }
                        index += 1
                    }
                }
                if index + 1 < tokens.count, tokens[index + 1] == .mark("[") {
                    selector.rangeFunction = functions.last ?? nil
                }
                self.selectors.append(selector)
            case .mark("["):
                while index < tokens.count, tokens[index] != .mark("]") { index += 1 }
            case .mark("("): functions.append(nil)
            case .mark(")"): _ = functions.popLast()
            default: break
            }
            index += 1
        }
    }

    private static func tokens(_ text: String) -> [Token] {
        var tokens: [Token] = []
        var rest = Substring(text)
        while let first = rest.first {
            if first.isLetter || first == "_" || first == ":" || first == "$" {
                let name = rest.prefix { $0.isLetter || $0.isNumber || "_:$".contains($0) }
                tokens.append(.name(String(name)))
                rest = rest.dropFirst(name.count)
            } else if first.isNumber {
                // Numbers and times: 0.95, 6h.
                rest = rest.drop { $0.isLetter || $0.isNumber || $0 == "." }
            } else if first == "\"" {
                let value = rest.dropFirst().prefix { $0 != "\"" }
                tokens.append(.text(String(value)))
                rest = rest.dropFirst(value.count + 2)
            } else {
                if !first.isWhitespace { tokens.append(.mark(first)) }
                rest = rest.dropFirst()
            }
        }
        return tokens
    }
}
