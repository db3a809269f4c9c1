import Foundation

extension Inventory {
    /// Reads an inventory: one file, or every `*.yaml`, `*.yml` and `*.csv` of a directory (not of those below it) as one.
    ///
    /// Each file's form is found by its content: Tether's own YAML, CSV, Nornir's SimpleInventory (Containerlab's `nornir-simple-inventory.yml` too),
    /// or Ansible's YAML. An inventory with `sources:` is read with ``load(path:)``.
    ///
    /// - Throws: the mistakes, each with file, line, column and field.
    public init(path: String) throws(InventoryError) {
        try self.init(path: path, environment: ProcessInfo.processInfo.environment)
    }

    /// - Parameters:
    ///   - environment: What `{env: NAME}` refers to.
    ///   - isWithoutSources: What sources would give is left out, where nothing is to be connected to.
    package init(
        path: String, environment: [String: String], isWithoutSources: Bool = false
    ) throws(InventoryError) {
        let reader = try InventoryReader(path: path, environment: environment)
        if let source = reader.sources.first, !isWithoutSources {
            throw InventoryError(source.place, "sources", "are read with `Inventory.load(path:)`, which waits for them")
        }
        try self.init(reader)
    }

    /// Reads an inventory from text. `file` is what errors call it.
    package init(
        yaml: String,
        file: String = "inventory.yaml",
        environment: [String: String] = [:]
    ) throws(InventoryError) {
        var reader = InventoryReader(environment: environment)
        reader.read(yaml: Array(yaml.utf8), file: file)
        try self.init(reader)
    }

    package init(csv: String, file: String = "inventory.csv") throws(InventoryError) {
        var reader = InventoryReader(environment: [:])
        reader.read(csv: Array(csv.utf8), file: file)
        try self.init(reader)
    }

    /// - Throws: every mistake that the reader has found, and those between files.
    init(_ reader: InventoryReader) throws(InventoryError) {
        if reader.hasUnreadFile, let error = reader.mistakes.error { throw error }
        var mistakes = reader.mistakes
        self.init(reader.draft, &mistakes)
        if let error = mistakes.error { throw error }
        try reader.checkVault()
        self.files = reader.files
        self.notes = reader.notes
    }
}

/// Turns files into one draft of an inventory. Goes on behind a mistake, so that all are told at once.
struct InventoryReader {
    var draft = InventoryDraft()
    var secrets: SecretReader
    /// Where each setting that may be given only once was given: `general.timeout`, `credentials.netops`, …
    var settings: [String: InventoryPlace] = [:]
    var mistakes = InventoryMistakes()
    /// There is a file of which nobody knows what it says: what is missing elsewhere may stand there.
    var hasUnreadFile = false
    /// What was read and not taken.
    var notes: [InventoryWarning] = []
    var files: [InventoryFile] = []
    var sources: [InventorySource] = []
    /// Devices that are read come from somebody else's computer: they name no secrets of this one.
    var isRemote = false

    init(environment: [String: String]) {
        self.secrets = SecretReader(environment: environment)
    }

    init(path: String, environment: [String: String]) throws(InventoryError) {
        self.init(environment: environment)
        var nornir = NornirFiles()
        for file in try Self.files(at: path) {
            let bytes: [UInt8]
            do {
                bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: file)))
            } catch {
                self.mistakes.add(
                    InventoryError(file: file, message: "the inventory can't be read: \(error.localizedDescription)"))
                self.hasUnreadFile = true
                continue
            }
            if file.lowercased().hasSuffix(".csv") {
                self.read(csv: bytes, file: file)
            } else {
                self.read(yaml: bytes, file: file, nornir: &nornir)
            }
        }
        self.read(nornir)
    }

    /// The files of an inventory in the order of their names, hidden ones left out (Kubernetes puts `..data` beside mounted files).
    static func files(at path: String) throws(InventoryError) -> [String] {
        var isDirectory: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else {
            throw InventoryError(file: path, message: "there is no such file or directory")
        }
        guard isDirectory.boolValue else { return [path] }
        let names: [String]
        do {
            names = try FileManager.default.contentsOfDirectory(atPath: path)
        } catch {
            throw InventoryError(file: path, message: "the directory can't be read: \(error.localizedDescription)")
        }
        let base = path.hasSuffix("/") ? path : path + "/"
        let files = names.filter { name in
            !name.hasPrefix(".") && [".yaml", ".yml", ".csv"].contains { name.lowercased().hasSuffix($0) }
        }.sorted()
        guard !files.isEmpty else {
            throw InventoryError(file: path, message: "the directory holds no `*.yaml`, `*.yml` or `*.csv` file")
        }
        return files.map { base + $0 }
    }

    mutating func read(yaml: [UInt8], file: String) {
        var nornir = NornirFiles()
        self.read(yaml: yaml, file: file, nornir: &nornir)
        self.read(nornir)
    }

    /// - Parameter nornir: takes what belongs to a Nornir inventory, whose files only together say what devices are.
    private mutating func read(yaml: [UInt8], file: String, nornir: inout NornirFiles) {
        do throws(InventoryError) {
            let document = try InventoryDocument(yaml: yaml, file: file)
            guard let root = YAMLValue(document) else {
                self.files.append(InventoryFile(name: file, form: .tether))
                return
            }
            let fields = try root.fields()
            let before = self.draft.devices.count
            let form = Self.form(of: fields, file: file)
            switch form {
            case .nornir: nornir.add(fields, file: file)
            case .ansible: self.readAnsible(fields)
            case .tether, .csv, .netbox, .json: self.readSections(fields)
            }
            self.files.append(InventoryFile(name: file, form: form, devices: self.draft.devices.count - before))
        } catch {
            self.mistakes.add(error)
            self.hasUnreadFile = true
        }
    }

    static let sections = [
        "general", "defaults", "credentials", "vault", "auth_domains", "sequences", "devices", "groups", "sources",
    ]

    /// Finds a file's form by what stands in it. Our own sections decide before anything else; a file that is neither form is ours, with a mistake.
    private static func form(of fields: [YAMLValue.Field], file: String) -> InventoryFile.Form {
        guard !fields.contains(where: { self.sections.contains($0.key) || $0.key.hasPrefix("x-") }) else {
            return .tether
        }
        if AnsibleReading.holds(fields) { return .ansible }
        return NornirFiles.holds(fields, file: file) ? .nornir : .tether
    }

    private mutating func readSections(_ fields: [YAMLValue.Field]) {
        for field in fields {
            do throws(InventoryError) {
                switch field.key {
                case "general": try self.readGeneral(field.value)
                case "defaults": try self.readDefaults(field.value)
                case "credentials": try self.readCredentials(field.value)
                case "vault": try self.readVault(field.value)
                case "auth_domains": try self.readAuthDomains(field.value)
                case "sequences": try self.readSequences(field.value)
                case "devices": try self.readDevices(field.value)
                case "groups": try self.readGroups(field.value)
                case "sources": try self.readSources(field.value)
                // A place for anchors, as in Compose files.
                case let key where key.hasPrefix("x-"): continue
                default: throw Self.unknownKey(field, among: Self.sections)
                }
            } catch {
                self.mistakes.add(error)
            }
        }
    }

    /// - Parameter hints: What to write instead of keys that other tools use.
    static func unknownKey(_ field: YAMLValue.Field, among keys: [String], hints: [String: String] = [:])
        -> InventoryError
    {
        field.value.error("unknown key" + self.instead(of: field.key, among: keys, hints: hints))
    }

    /// What may have been meant by a key or column that is unknown.
    static func instead(of key: String, among keys: [String], hints: [String: String]) -> String {
        if let hint = hints[key.lowercased()] { return "; \(hint)" }
        return Suggestion.closest(to: key, among: keys).map { Suggestion.sentence($0) }
            ?? "; known are \(keys.map { "`\($0)`" }.joined(separator: ", "))"
    }

    /// Notes a setting; the second time, in whatever file, is an error that names both places.
    mutating func once(_ value: YAMLValue) throws(InventoryError) {
        if let first = self.settings.updateValue(value.place, forKey: value.path) {
            throw value.error("is given twice; the first is at \(first): keep one of them")
        }
    }

    /// Adds a device unless there is something wrong with it.
    mutating func add(_ device: DeviceDraft) {
        do throws(InventoryError) { try self.draft.add(device) } catch { self.mistakes.add(error) }
    }

    mutating func add(_ group: GroupDraft) {
        do throws(InventoryError) { try self.draft.add(group) } catch { self.mistakes.add(error) }
    }
}
