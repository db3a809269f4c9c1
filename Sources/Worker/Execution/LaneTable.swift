import NIOConcurrencyHelpers
import NIOCore

/// The lane groups, one an event loop, made when first needed.
final class LaneTable: Sendable {
    private let table = NIOLockedValueBox<[ObjectIdentifier: LaneGroup]>([:])

    var groups: [LaneGroup] { self.table.withLockedValue { Array($0.values) } }

    func group(on eventLoop: any EventLoop, services: @autoclosure () -> LaneGroup.Services) -> LaneGroup {
        self.table.withLockedValue { table in
            let key = ObjectIdentifier(eventLoop)
            if let group = table[key] { return group }
            let group = LaneGroup(eventLoop: eventLoop, services: services())
            table[key] = group
            return group
        }
    }
}
