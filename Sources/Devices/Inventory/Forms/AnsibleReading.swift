/// An Ansible inventory in YAML (docs.ansible.com, "ansible.builtin.yaml inventory"), as Containerlab writes it: groups with hosts, variables and
/// groups below them.
struct AnsibleReading {
    struct Group {
        var depth: Int
        var variables: [String: YAMLValue] = [:]
    }

    struct Host {
        var name: String
        var place: InventoryPlace
        var variables: [String: YAMLValue] = [:]
        var groups: [String] = []
    }

    private(set) var groups: [String: Group] = [:]
    /// In the order of the file.
    private(set) var groupNames: [(name: String, place: InventoryPlace)] = []
    private(set) var hosts: [Host] = []
    private var hostIndex: [String: Int] = [:]
    private var parents: [String: Set<String>] = [:]

    private static let keys: Set<String> = ["hosts", "children", "vars"]
    private static let maximumDepth = 32

    /// Whether a file's fields are of this form.
    static func holds(_ fields: [YAMLValue.Field]) -> Bool {
        var isAnythingSaid = false
        for field in fields {
            guard let group = try? field.value.fields(), group.allSatisfy({ self.keys.contains($0.key) }) else {
                return false
            }
            isAnythingSaid = isAnythingSaid || group.contains { $0.key == "hosts" || $0.key == "children" }
        }
        return isAnythingSaid
    }

    init(_ fields: [YAMLValue.Field]) throws(InventoryError) {
        for field in fields { try self.add(field, below: []) }
    }

    private mutating func add(_ field: YAMLValue.Field, below parents: [String]) throws(InventoryError) {
        guard parents.count < Self.maximumDepth else { throw field.value.error("groups are nested too deep") }
        let name = field.key
        let depth = name == "all" ? 0 : max(1, parents.count)
        if self.groups[name] == nil, name != "all", name != "ungrouped" {
            self.groupNames.append((name, field.value.place))
        }
        let known = self.groups[name]?.depth ?? 0
        self.groups[name, default: Group(depth: depth)].depth = max(depth, known)
        let path = parents + [name]
        self.parents[name, default: []].formUnion(parents)
        for part in try field.value.fields() {
            switch part.key {
            case "vars":
                for variable in try part.value.fields() { self.groups[name]?.variables[variable.key] = variable.value }
            case "hosts":
                for host in try part.value.fields() { try self.add(host, to: name) }
            default:
                for child in try part.value.fields() { try self.add(child, below: path) }
            }
        }
    }

    private mutating func add(_ field: YAMLValue.Field, to group: String) throws(InventoryError) {
        guard !field.key.contains("[") else {
            throw field.value.error("ranges of hosts (`web[01:50]`) aren't taken: give each host")
        }
        let index = self.hostIndex[field.key] ?? self.hosts.count
        if index == self.hosts.count {
            self.hosts.append(Host(name: field.key, place: field.value.place))
            self.hostIndex[field.key] = index
        }
        if !self.hosts[index].groups.contains(group) { self.hosts[index].groups.append(group) }
        for variable in try field.value.fields() { self.hosts[index].variables[variable.key] = variable.value }
    }

    /// All groups of a host, those above its own too, the one that counts most first: the deepest, and of equals the last by name, as in Ansible.
    func allGroups(of host: Host) -> [String] {
        let all = host.groups.reduce(into: Set(["all"])) { $0.formUnion([$1] + (self.parents[$1] ?? [])) }
        return all.sorted { one, other in
            let (first, second) = (self.groups[one]?.depth ?? 0, self.groups[other]?.depth ?? 0)
            return first != second ? first > second : one > other
        }
    }
}

extension InventoryReader {
    /// Ansible's variables by our keys; the first name that is given counts.
    private static let ansibleVariables: [(key: String, names: [String])] = [
        ("host", ["ansible_host", "ansible_ssh_host"]),
        ("port", ["ansible_port", "ansible_ssh_port"]),
        ("user", ["ansible_user", "ansible_ssh_user"]),
        ("password", ["ansible_password", "ansible_ssh_pass", "ansible_ssh_password"]),
        ("private_key", ["ansible_ssh_private_key_file", "ansible_private_key_file"]),
        ("enable_secret", ["ansible_become_password", "ansible_become_pass"]),
        ("device_type", ["ansible_network_os"]),
    ]

    mutating func readAnsible(_ fields: [YAMLValue.Field]) {
        let reading: AnsibleReading
        do throws(InventoryError) { reading = try AnsibleReading(fields) } catch { return self.mistakes.add(error) }
        for (name, place) in reading.groupNames { self.add(GroupDraft(name: name, place: place)) }
        var byGroupName: [String] = []
        for host in reading.hosts {
            var device = DeviceDraft(name: host.name, place: host.place, host: host.name)
            let groups = reading.allGroups(of: host)
            var mistakes = InventoryMistakes()
            for (key, names) in Self.ansibleVariables {
                let places = [host.variables] + groups.compactMap { reading.groups[$0]?.variables }
                let value = places.lazy.compactMap { variables in names.lazy.compactMap { variables[$0] }.first }.first
                guard let value, !value.isNull else { continue }
                do throws(InventoryError) {
                    if case .scalar(let scalar) = value.node,
                        scalar.string.contains("{{") || scalar.string.hasPrefix("$ANSIBLE_VAULT")
                    {
                        throw value.error(
                            "is a template or encrypted, and only Ansible can read it: write the value, or give it by the environment"
                        )
                    }
                    try self.read(key, value, into: &device)
                } catch {
                    mistakes.add(error)
                }
            }
            if device.platform == nil, let kind = groups.first(where: ForeignPlatform.isKnown) {
                device.platform = ForeignPlatform.platform(kind)
                byGroupName.append(host.name)
            }
            if let problem = HostName.problem(with: device.host) {
                mistakes.add(
                    InventoryError(
                        host.place, "hosts.\(host.name)",
                        "without `ansible_host` the name must be an address: \(problem)"))
            }
            device.groups = groups.filter { $0 != "all" && $0 != "ungrouped" }.map { ($0, host.place) }
            device.hasMistakes = !mistakes.isEmpty
            self.mistakes.add(all: mistakes)
            self.add(device)
        }
        if let first = byGroupName.first {
            let others = byGroupName.count > 1 ? " and \(byGroupName.count - 1) more" : ""
            self.notes.append(
                InventoryWarning(
                    reading.hosts.first?.place,
                    "\(first)\(others): without `ansible_network_os` the device_type is taken from the group's name"))
        }
    }
}
