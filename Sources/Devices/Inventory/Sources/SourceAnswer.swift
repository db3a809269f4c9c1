import Foundation

/// What a source has given: devices in our own form of JSON, and what was left out. Holds no secret.
struct SourceAnswer: Sendable, Hashable {
    /// `{"source": …, "fetched": …, "devices": [{"name": …, "host": …, …}]}`
    var json: [UInt8]
    var fetched: Date
    /// What was left out, and why.
    var notes: [String] = []

    static func == (one: Self, other: Self) -> Bool { one.devices == other.devices }
    func hash(into hasher: inout Hasher) { hasher.combine(self.devices) }

    /// The devices alone: the time isn't news.
    private var devices: ArraySlice<UInt8> {
        let key = Array("\"devices\":".utf8)
        guard let start = self.json.indices.first(where: { self.json[$0...].starts(with: key) }) else {
            return self.json[...]
        }
        return self.json[start...]
    }

    /// - Parameter devices: what ``InventoryReader/devices(in:)`` takes.
    init(devices: [UInt8], of source: InventorySource, at time: Date = Date(), notes: [String] = []) {
        var json: [UInt8] = Array("{\"source\":".utf8)
        JSONText.append(source.name, to: &json)
        json.append(contentsOf: ",\"fetched\":\(Int(time.timeIntervalSince1970)),\"devices\":".utf8)
        json.append(contentsOf: devices)
        json.append(UInt8(ascii: "}"))
        self.json = json
        self.fetched = time
        self.notes = notes
    }

    // MARK: On disk

    /// The last good answer of a source, as it was kept; `nil` when there is none that can be read, or it is another source's.
    init?(cachedFor source: InventorySource) {
        guard let path = source.cache, let data = try? Data(contentsOf: URL(fileURLWithPath: path)),
            let document = try? InventoryDocument(json: [UInt8](data), file: path), let root = YAMLValue(document),
            let fields = try? root.fields(), let devices = try? InventoryReader.devices(in: root), !devices.isEmpty,
            (try? fields.first { $0.key == "source" }?.value.string()) == source.name,
            let time = try? fields.first(where: { $0.key == "fetched" })?.value.integer(in: 0...Int.max)
        else { return nil }
        self.json = [UInt8](data)
        self.fetched = Date(timeIntervalSince1970: Double(time))
    }

    /// Keeps the answer, in one step: a reader finds the old or the new one.
    func store(for source: InventorySource) throws {
        guard let path = source.cache else { return }
        do {
            try PrivateFile.write(self.json, to: path)
        } catch {
            throw InventoryError(
                source.place, "sources", "the cache \(quoted(path)) can't be written: \(error.localizedDescription)")
        }
    }
}

/// JSON's way to write text (RFC 8259 §7).
enum JSONText {
    static func append(_ text: String, to json: inout [UInt8]) {
        json.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): json += [UInt8(ascii: "\\"), byte]
            case 0..<0x20: json += Array((byte < 0x10 ? "\\u000" : "\\u00").utf8) + Array(String(byte, radix: 16).utf8)
            default: json.append(byte)
            }
        }
        json.append(UInt8(ascii: "\""))
    }
}
