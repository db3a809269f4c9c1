/// Where devices are asked for over HTTP: an entry of `sources:`.
struct InventorySource: Sendable, Hashable {
    enum Kind: String, Sendable, Hashable, CaseIterable {
        /// NetBox's list of devices or virtual machines.
        case netbox
        /// A list of devices in JSON, with the keys of our own form.
        case tether
    }

    var url: String
    var kind: Kind
    var token: Secret?
    /// How often it is asked, by chance up to a tenth more or less.
    var refresh: Duration = .seconds(300)
    /// For one answer.
    var timeout: Duration = .seconds(30)
    /// A file for the last good answer, which serves at the start when the source doesn't.
    var cache: String?
    /// The platform of devices that say none.
    var platform: String?
    /// What the source's platforms are called here.
    var platforms: [String: String] = [:]
    var place: InventoryPlace

    /// The address without what may be a secret in it.
    var name: String { String(self.url.prefix { $0 != "?" && $0 != "#" }) }

    func error(_ problem: String) -> InventoryError {
        InventoryError(self.place, "sources", "\(quoted(self.name)) \(problem)")
    }
}

extension InventoryReader {
    private static let sourceKeys = [
        "url", "kind", "token", "refresh", "timeout", "cache", "device_type", "platforms",
    ]

    mutating func readSources(_ section: YAMLValue) throws(InventoryError) {
        for entry in try section.items() {
            do throws(InventoryError) { try self.readSource(entry) } catch { self.mistakes.add(error) }
        }
    }

    /// Read with the inventory, and again with each reload.
    private mutating func token(_ value: YAMLValue) throws(InventoryError) -> Secret {
        switch try self.ownSecret(value) {
        case .value(let secret): return secret
        case .stored(let location, _):
            guard case .file(let path) = location.place else { throw value.error("must be text or in a file") }
            switch SecretFetcher.read(path, location) {
            case .success(let document):
                guard let text = document.text else { throw value.error("is not text") }
                return text
            case .failure(let failure): throw value.error(failure.message)
            }
        }
    }

    private mutating func readSource(_ entry: YAMLValue) throws(InventoryError) {
        var source = InventorySource(url: "", kind: .tether, place: entry.place)
        var hasKind = false
        for field in try entry.fields() {
            let value = field.value
            switch field.key {
            case "url":
                source.url = try value.string()
                if let problem = SourceClient.problem(with: source.url) { throw value.error(problem) }
            case "kind":
                source.kind = try value.choice(InventorySource.Kind.self)
                hasKind = true
            case "token": source.token = try self.token(value)
            case "refresh": source.refresh = try value.duration(in: .seconds(1)...(.seconds(86_400)))
            case "timeout": source.timeout = try value.duration(in: .milliseconds(100)...(.seconds(600)))
            case "cache": source.cache = SecretReader.absolute(try value.string(), besides: value.file)
            case "device_type", "platform": source.platform = try value.string()
            case "platforms":
                for platform in try value.fields() { source.platforms[platform.key] = try platform.value.string() }
            default: throw Self.unknownKey(field, among: Self.sourceKeys)
            }
        }
        guard !source.url.isEmpty else { throw entry.error("`url` is missing") }
        guard hasKind else { throw entry.error("`kind` is missing: `netbox` or `tether`") }
        if let first = self.sources.first(where: { $0.url == source.url }) {
            throw entry.error("this address is given twice; the first is at \(first.place): keep one of them")
        }
        self.sources.append(source)
    }

    /// Takes the devices that a source has given, in our own form of JSON.
    mutating func read(_ answer: SourceAnswer, of source: InventorySource) {
        self.isRemote = true
        defer { self.isRemote = false }
        let before = self.draft.devices.count
        let hasPlatform =
            source.platform != nil || self.draft.defaults.platform != nil
            || self.draft.groups.contains { $0.platform != nil }
        var withoutPlatform: [String] = []
        do throws(InventoryError) {
            let document = try InventoryDocument(json: answer.json, file: source.name)
            guard let root = YAMLValue(document) else { return }
            for item in try Self.devices(in: root) {
                do throws(InventoryError) {
                    let left = try self.readDevice(item, of: source, hasPlatform: hasPlatform)
                    if let left { withoutPlatform.append(left) }
                } catch {
                    self.mistakes.add(error)
                }
            }
        } catch {
            self.mistakes.add(error)
        }
        if let first = withoutPlatform.first {
            self.notes.append(
                InventoryWarning(
                    source.place,
                    "\(quoted(source.name)): \(withoutPlatform.count) without a platform left out, \(quoted(first)) the first; a `device_type` of the source would serve them"
                ))
        }
        self.files.append(
            InventoryFile(
                name: source.name, form: source.kind == .netbox ? .netbox : .json,
                devices: self.draft.devices.count - before))
        self.notes += answer.notes.map { InventoryWarning(source.place, "\(quoted(source.name)): \($0)") }
    }

    /// A list, or an object with a list under `devices`.
    static func devices(in root: YAMLValue) throws(InventoryError) -> [YAMLValue] {
        var value = root
        // Not for ever: the depth of JSON is bounded.
        while case .mapping = value.node {
            guard let devices = try value.fields().first(where: { $0.key == "devices" })?.value else {
                throw root.error("must be a list of devices, or an object with such a list under `devices`")
            }
            value = devices
        }
        return try value.items()
    }

    /// - Returns: the name of a device that is left out, because nothing says what it is: one that is new there mustn't keep all others from being read.
    private mutating func readDevice(
        _ item: YAMLValue, of source: InventorySource, hasPlatform: Bool
    ) throws(InventoryError) -> String? {
        let fields = try item.fields()
        guard let name = try fields.first(where: { $0.key == "name" })?.value.string() else {
            throw item.error("`name` is missing")
        }
        // What isn't known there is mostly said so.
        let said = fields.filter { $0.key != "name" && !$0.value.isNull }.map { field in
            YAMLValue.Field(key: field.key, value: field.value.moved(below: "devices.\(name)"))
        }
        guard hasPlatform || said.contains(where: { $0.key == "device_type" || $0.key == "platform" }) else {
            return name
        }
        self.readDevice(name, item, said, platform: source.platform)
        return nil
    }
}
