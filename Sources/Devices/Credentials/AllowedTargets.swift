/// Devices that a credential may be shown to: names, globs, `group:NAME`, `tag:A&B`, `all`, and addresses, as in a job's targets.
///
/// A device that isn't in the inventory is allowed only by its address.
package struct AllowedTargets: Sendable, Hashable {
    package let patterns: [String]

    package init(_ patterns: [String]) {
        self.patterns = patterns
    }

    /// - Parameter device: an inventory's name, or the name of an ad-hoc target.
    package func contains(_ device: String, in inventory: Inventory) -> Bool {
        let known = inventory[device]
        return self.patterns.contains { pattern in
            if pattern == device { return true }
            guard let known else { return inventory.adHocTarget(pattern)?.name == device }
            if pattern == "all" { return true }
            if pattern.hasPrefix("group:") {
                let name = pattern.dropFirst("group:".count)
                return inventory.groups(of: device).contains { $0.name == name }
            }
            if pattern.hasPrefix("tag:") {
                return TagExpression(pattern.dropFirst("tag:".count))?.tags.allSatisfy(known.tags.contains) ?? false
            }
            return GlobPattern(pattern)?.matches(device) ?? false
        }
    }
}
