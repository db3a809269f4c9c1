import ArgumentParser
import Devices
import Foundation
import Jobs
import Kafka

/// How a command ended: one table for all of them, which README shows too. Numbers from 64 on are those of sysexits.h, `timeout(1)` and the shell.
///
/// ```swift
/// throw ExitStatus.failed.code                                              // after the command has said why
/// throw CommandFailure(.invalidInput, "keys.json:3: expected a key")        // says why, and ends
/// ```
enum ExitStatus: Int32, Sendable, CaseIterable {
    case success = 0
    case failed = 1
    case refused = 3
    case unknownOutcome = 4
    case usage = 64
    case invalidInput = 65
    case unavailable = 69
    case internalError = 70
    case cannotWrite = 73
    case timedOut = 124
    case interrupted = 130
    case brokenPipe = 141

    /// A line of the table.
    var meaning: String {
        switch self {
        case .success: "everything succeeded"
        case .failed: "at least one device, check or topic didn't; the output says which"
        case .refused: "the job was rejected as a whole, or its id was used before; nothing was begun"
        case .unknownOutcome: "at least one outcome is unknown: a change may or may not have taken effect"
        case .usage: "the command line is wrong"
        case .invalidInput: "a file that was given (job, inventory, …) can't be read or used"
        case .unavailable: "Kafka can't be reached, refuses, or lacks Tether's topics"
        case .internalError: "a mistake in tether itself"
        case .cannotWrite: "a file can't be written"
        case .timedOut: "results are missing after the deadline"
        case .interrupted: "ended by Ctrl-C; a job that was submitted goes on, unless it was cancelled"
        case .brokenPipe: "the reader of standard output has gone (as after SIGPIPE)"
        }
    }

    /// To be thrown from a command's `run`: ends it without a further word.
    var code: ExitCode { ExitCode(self.rawValue) }

    /// What an error that ends a command means for its exit status; `nil` for the parser's own, which it knows best.
    init?(of error: any Error) {
        switch error {
        case let failure as CommandFailure: self = failure.status
        case let error as KafkaError: self = error.code == "kafka.invalid_config" ? .usage : .unavailable
        case is InventoryError, is JobsError: self = .invalidInput
        case let error as DeviceError: self = error.code == "inventory.invalid" ? .invalidInput : .failed
        case is CancellationError: self = .interrupted
        case let error as CocoaError: self = Self.isAboutWriting(error.code) ? .cannotWrite : .invalidInput
        default: return nil
        }
    }

    private static func isAboutWriting(_ code: CocoaError.Code) -> Bool {
        switch code {
        case .fileWriteUnknown, .fileWriteNoPermission, .fileWriteInvalidFileName, .fileWriteFileExists,
            .fileWriteInapplicableStringEncoding, .fileWriteUnsupportedScheme, .fileWriteOutOfSpace,
            .fileWriteVolumeReadOnly:
            true
        default: false
        }
    }
}

/// Ends a command with a sentence on standard error and an exit status.
struct CommandFailure: Error, CustomStringConvertible {
    var status: ExitStatus
    /// What is wrong and what to do about it. Holds no secret.
    var description: String

    init(_ status: ExitStatus, _ description: String) {
        self.status = status
        self.description = description
    }
}
