import ArgumentParser
import Devices
import Foundation

/// One thing that can be set: by an option, by a variable of the environment, or in the configuration file.
///
/// Values travel as text, whatever they come from, and are read in one place: here.
struct Setting<Value: Sendable>: Sendable {
    /// Its place in the file, `worker.drain_timeout`; in upper case, with `TETHER_` before it, the variable's name: `TETHER_WORKER_DRAIN_TIMEOUT`.
    let key: String
    /// The option's name, `--drain-timeout`; `nil`: it has none.
    let option: String?
    /// As it would be written; `nil`: there is no value unless somebody gives one.
    let defaultText: String?
    let summary: String
    let form: SettingForm
    /// `nil` for text that can't be one; `form` says then what would be right.
    let parse: @Sendable (String) -> Value?

    init(
        _ key: String, option: String? = nil, default defaultText: String? = nil, _ summary: String,
        _ form: SettingForm,
        parse: @escaping @Sendable (String) -> Value?
    ) {
        self.key = key
        self.option = option
        self.defaultText = defaultText
        self.summary = summary
        self.form = form
        self.parse = parse
    }

    var help: ArgumentHelp { ArgumentHelp(stringLiteral: self.helpText) }

    func help(_ valueName: String) -> ArgumentHelp { ArgumentHelp("\(self.helpText)", valueName: valueName) }

    private var helpText: String {
        self.summary + (self.defaultText.map { " Default: \($0.isEmpty ? "none" : $0)." } ?? "")
    }

    /// Without its type, for lists of all settings.
    var any: AnySetting {
        AnySetting(
            key: self.key, option: self.option, defaultText: self.defaultText, summary: self.summary, form: self.form,
            accepts: { [parse] in parse($0) != nil })
    }
}

/// A setting whatever its type.
struct AnySetting: Sendable {
    let key: String
    let option: String?
    let defaultText: String?
    let summary: String
    let form: SettingForm
    let accepts: @Sendable (String) -> Bool

    var variable: String { "TETHER_" + self.key.uppercased().replacing(".", with: "_") }
}

/// What may be written for a setting.
enum SettingForm: Sendable, Hashable {
    case text
    /// Relative to the file that it stands in.
    case path
    case number(ClosedRange<Int>)
    case bytes
    case duration
    case durationOrNever
    case flag
    case choice([String])
    /// Several, separated by commas, or a list in the file.
    case list
    /// Shown nowhere.
    case secret

    var isSecret: Bool { self == .secret }

    /// What is wrong with a text that isn't of this form.
    func problem(with text: String) -> String {
        switch self {
        case .text, .path: "must not be empty"
        case .number(let range): "must be a whole number from \(range.lowerBound) to \(range.upperBound)"
        case .bytes: "must be a number of bytes such as `1048576`, `512KiB`, `4MiB` or `1GiB`"
        case .duration: "must be a time span such as `30s`, `500ms`, `10m`, `2h` or `7d`"
        case .durationOrNever: "must be a time span such as `30s`, `10m` or `2h`, or `never`"
        case .flag: "must be `true` or `false`"
        case .choice(let words): StrictValue.problem(withWord: text, among: words)
        case .list: "must be one or several, separated by commas"
        case .secret: "must not be empty"
        }
    }
}

extension Setting where Value == String {
    static func text(_ key: String, option: String? = nil, default text: String? = nil, _ summary: String) -> Setting {
        Setting(key, option: option, default: text, summary, .text) { $0.isEmpty ? nil : $0 }
    }

    static func path(_ key: String, option: String? = nil, _ summary: String) -> Setting {
        Setting(key, option: option, summary, .path) { $0.isEmpty ? nil : $0 }
    }

    static func secret(_ key: String, _ summary: String) -> Setting {
        Setting(key, summary, .secret) { $0.isEmpty ? nil : $0 }
    }
}

extension Setting where Value == Int {
    static func number(
        _ key: String, option: String? = nil, default number: Int, in range: ClosedRange<Int>, _ summary: String
    ) -> Setting {
        Setting(key, option: option, default: String(number), summary, .number(range)) { text in
            Int(text).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    static func bytes(_ key: String, option: String? = nil, default bytes: Int, _ summary: String) -> Setting {
        Setting(key, option: option, default: SettingText.bytes(bytes), summary, .bytes) { text in
            StrictValue.byteCount(text).flatMap { $0 > 0 ? $0 : nil }
        }
    }
}

extension Setting where Value == Duration {
    static func duration(_ key: String, option: String? = nil, default duration: Duration, _ summary: String) -> Setting
    {
        Setting(key, option: option, default: SettingText.duration(duration), summary, .duration) {
            SettingText.duration($0)
        }
    }
}

extension Setting where Value == Duration? {
    static func durationOrNever(
        _ key: String, option: String? = nil, default duration: Duration?, _ summary: String
    ) -> Setting {
        Setting(
            key, option: option, default: duration.map { SettingText.duration($0) } ?? "never", summary,
            .durationOrNever
        ) {
            text -> Duration?? in
            if text == "never" { return .some(nil) }
            return SettingText.duration(text).map { .some($0) }
        }
    }
}

extension Setting where Value == Bool {
    static func flag(_ key: String, option: String? = nil, default flag: Bool, _ summary: String) -> Setting {
        Setting(key, option: option, default: String(flag), summary, .flag) { Bool($0) }
    }
}

extension Setting where Value == [String] {
    static func list(_ key: String, option: String? = nil, default list: [String]? = nil, _ summary: String) -> Setting
    {
        Setting(key, option: option, default: list?.joined(separator: ","), summary, .list) { text in
            let items = SettingText.items(text)
            return items.isEmpty && !text.isEmpty ? nil : items
        }
    }
}

extension Setting where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
    static func choice(_ key: String, option: String? = nil, default choice: Value? = nil, _ summary: String) -> Setting
    {
        Setting(key, option: option, default: choice?.rawValue, summary, .choice(Value.allCases.map(\.rawValue))) {
            Value(rawValue: $0)
        }
    }
}

/// How values of settings are written.
enum SettingText {
    /// `500ms`, `30s`, `10m`, `2h`, `7d`, or a number of seconds.
    static func duration(_ text: String) -> Duration? {
        let units: [(suffix: String, milliseconds: Double)] = [
            ("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000), ("", 1_000),
        ]
        guard let unit = units.first(where: { text.hasSuffix($0.suffix) }),
            case let digits = text.dropLast(unit.suffix.count), !digits.isEmpty,
            digits.allSatisfy({ $0 == "." || ("0"..."9").contains($0) }), let number = Double(digits),
            case let milliseconds = number * unit.milliseconds, milliseconds >= 1, milliseconds < 1e13
        else { return nil }
        return .milliseconds(Int64(milliseconds))
    }

    static func duration(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        guard attoseconds == 0 else { return "\(seconds * 1_000 + attoseconds / 1_000_000_000_000_000)ms" }
        for (unit, length) in [("h", Int64(3_600)), ("m", 60)] where seconds >= length && seconds % length == 0 {
            return "\(seconds / length)\(unit)"
        }
        return "\(seconds)s"
    }

    static func bytes(_ bytes: Int) -> String {
        for (unit, size) in [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)]
        where bytes >= size && bytes % size == 0 {
            return "\(bytes / size)\(unit)"
        }
        return String(bytes)
    }

    static func items(_ text: String) -> [String] {
        text.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
    }
}
