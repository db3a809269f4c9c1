import ArgumentParser
import Foundation
import Worker

struct KeysCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys",
        abstract: "Make and rotate the keys that credentials in jobs are sealed with.",
        discussion: """
            Workers have the folder of private keys (`tether worker --sealing-keys DIRECTORY`); whoever seals credentials has the public key. To rotate: `tether \
            keys rotate` on the folder of every worker's keys, give the new public key to those who seal, and remove the old key when all that was sealed with it has expired.
            """,
        subcommands: [Generate.self, Public.self, List.self, Rotate.self, Remove.self]
    )

    struct Folder: ParsableArguments {
        @Option(help: ArgumentHelp("Folder of the private keys.", valueName: "path"))
        var directory: String

        func keys() throws -> SealingKeys {
            do throws(SealingKeyError) { return try SealingKeys(folder: self.directory) } catch {
                throw ValidationError("\(error)")
            }
        }

        /// Makes a key and prints its public half.
        func generate() throws {
            do throws(SealingKeyError) {
                let key = try SealingKeys.generate(in: self.directory, now: Int64(Date().timeIntervalSince1970))
                Console.error("made the key \(key.publicKey.id) in \(self.directory)")
                Console.write(key.publicKey.text)
            } catch {
                throw ValidationError("\(error)")
            }
        }
    }

    struct Generate: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make the first key; its public half goes to standard output.",
            discussion: "Example: tether keys generate --directory /etc/tether/keys > sealing.pub")
        @OptionGroup var folder: Folder

        func run() throws {
            if FileManager.default.fileExists(atPath: self.folder.directory), let key = try self.folder.keys().newest {
                throw ValidationError(
                    "There is a key in \(self.folder.directory) (\(key.publicKey.id)): use `tether keys rotate` for another one."
                )
            }
            try self.folder.generate()
        }
    }

    struct Public: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print the public half of the newest key.",
            discussion: "Example: tether keys public --directory /etc/tether/keys > sealing.pub")
        @OptionGroup var folder: Folder

        func run() throws {
            guard let key = try self.folder.keys().newest else {
                throw ValidationError("There is no key in \(self.folder.directory).")
            }
            Console.write(key.publicKey.text)
        }
    }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the keys, the newest last.",
            discussion: "Example: tether keys list --directory /etc/tether/keys")
        @OptionGroup var folder: Folder

        func run() throws {
            for key in try self.folder.keys().all {
                let created = Date(timeIntervalSince1970: TimeInterval(key.publicKey.created))
                Console.write("\(key.publicKey.id)  \(created.formatted(.iso8601))\n")
            }
        }
    }

    struct Rotate: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make another key; the old ones still open what was sealed with them.",
            discussion: "Example: tether keys rotate --directory /etc/tether/keys > sealing.pub")
        @OptionGroup var folder: Folder

        func run() throws {
            guard try self.folder.keys().newest != nil else {
                throw ValidationError("There is no key in \(self.folder.directory): use `tether keys generate`.")
            }
            try self.folder.generate()
        }
    }

    struct Remove: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Remove a key: what was sealed with it can never be opened again.",
            discussion: "Example: tether keys remove --directory /etc/tether/keys 5d41402a")
        @OptionGroup var folder: Folder
        @Argument(help: "The key's id.") var id: String

        func run() throws {
            let keys = try self.folder.keys()
            guard keys.all.contains(where: { $0.publicKey.id == self.id }) else {
                throw ValidationError("There is no key \(self.id) in \(self.folder.directory).")
            }
            guard keys.all.count > 1 else {
                throw ValidationError("It is the only key: use `tether keys rotate` first.")
            }
            do throws(SealingKeyError) { try SealingKeys.remove(self.id, from: self.folder.directory) } catch {
                throw ValidationError("\(error)")
            }
        }
    }
}
