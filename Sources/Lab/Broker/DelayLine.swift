import NIOCore

/// Frames of one direction that wait for their time. They leave in the order they came. A value without I/O; time comes in as a
/// parameter.
struct DelayLine {
    private struct Item {
        var earliest: NIODeadline
        /// Waits only for want of something better to say: may go at once.
        var isHeld: Bool
        var frame: ByteBuffer
    }

    private var items = CircularBuffer<Item>()
    /// When the last frame has gone through a throttled line.
    private var throttledUntil = NIODeadline.distantPast
    /// Bytes waiting.
    private(set) var bytes = 0
    private(set) var hasHeld = false

    var isEmpty: Bool { items.isEmpty }
    /// When the first frame may leave; those behind it never leave earlier.
    var nextDue: NIODeadline? { items.first?.earliest }

    /// Adds a frame that may leave `delay` from now, and at no more than `bytesPerSecond`.
    mutating func append(
        _ frame: ByteBuffer,
        delay: TimeAmount,
        bytesPerSecond: Int? = nil,
        isHeld: Bool = false,
        at now: NIODeadline
    ) {
        var earliest = now + delay
        if let bytesPerSecond {
            let time = Double(frame.readableBytes) / Double(max(bytesPerSecond, 1)) * 1e9
            throttledUntil = max(throttledUntil, now) + .nanoseconds(Int64(time))
            earliest = max(earliest, throttledUntil)
        }
        items.append(Item(earliest: earliest, isHeld: isHeld, frame: frame))
        bytes += frame.readableBytes
        hasHeld = hasHeld || isHeld
    }

    /// Lets held frames go.
    mutating func release(at now: NIODeadline) {
        guard hasHeld else { return }
        for index in items.indices where items[index].isHeld {
            items[index].isHeld = false
            items[index].earliest = min(items[index].earliest, now)
        }
        hasHeld = false
    }

    mutating func next(at now: NIODeadline) -> ByteBuffer? {
        guard let first = items.first, first.earliest <= now else { return nil }
        items.removeFirst()
        bytes -= first.frame.readableBytes
        return first.frame
    }
}
