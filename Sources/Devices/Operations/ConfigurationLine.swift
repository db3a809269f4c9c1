import Dialogue

/// One line of a configuration as it is typed, with the text of several lines that belongs to it on some platforms (`banner motd ^`).
struct ConfigurationLine: Sendable {
    var line: String
    /// The lines behind it, the one that ends the text included.
    var text: [String] = []
    /// What the device says when it waits for the text.
    var invitation: Pattern?

    var typedText: TypedText? { self.invitation.map { TypedText(self.text, invitation: $0) } }

    /// All lines that belong together.
    var whole: String { ([self.line] + self.text).joined(separator: "\n") }

    /// Tells the lines from the texts. Blank lines count in texts only.
    ///
    /// - Throws: `operation.unsupported` where nobody has said how the platform takes a text, `command.invalid` for one that doesn't end. Nothing
    ///   has been sent then: a device that waits for the rest of a text takes everything for it.
    static func reading(
        _ lines: [String], by definitions: [MultiLineText], device: Device
    ) throws(DeviceError) -> [ConfigurationLine] {
        var result: [ConfigurationLine] = []
        var rest = lines[...]
        while let line = rest.popFirst() {
            guard !line.allSatisfy(\.isWhitespace) else { continue }
            var entry = ConfigurationLine(line: line)
            for definition in definitions {
                guard let end = definition.end(after: line) else { continue }
                guard let invitation = definition.invitation else {
                    throw DeviceError(
                        code: "operation.unsupported",
                        message:
                            "\(device.name): \(quoted(line)) begins a text of several lines, and it isn't known how \(device.platform) takes one: put the text on one line, or upload it as a file"
                    )
                }
                guard end.utf8.allSatisfy({ $0 < 0x80 }) else {
                    throw DeviceCommand.invalid(
                        device.name,
                        "\(quoted(line)) has a delimiter that devices may take for several characters: choose one of ASCII"
                    )
                }
                guard let last = rest.firstIndex(where: { definition.isLast($0, end: end) }) else {
                    throw DeviceCommand.invalid(
                        device.name,
                        "\(quoted(line)) begins a text that doesn't end: no line after it has \(quoted(end))")
                }
                entry.text = Array(rest[...last])
                entry.invitation = invitation
                rest = rest[(last + 1)...]
                // A device may take the caret alone for the delimiter, and what follows the next one for commands.
                guard end != "^C" || !entry.text.dropLast().contains(where: { $0.utf8.contains(UInt8(ascii: "^")) })
                else {
                    throw DeviceCommand.invalid(
                        device.name,
                        "the text after \(quoted(line)) has a caret in it, which may be taken for its end: choose a delimiter that doesn't occur in the text"
                    )
                }
                break
            }
            result.append(entry)
        }
        return result
    }
}
