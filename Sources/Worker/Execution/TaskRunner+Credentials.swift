import Devices
import Foundation
import Jobs

/// What a job logs in with.
extension TaskRunner {
    /// - Throws: `credential.missing`, `credential.sealed`.
    func credential(_ chosen: JobCredential, of task: DeviceTask) throws(DeviceError) -> Credential {
        switch chosen {
        case .named(let name):
            guard let credential = self.client.credential(named: name) else {
                throw DeviceError(code: "credential.missing", message: "this worker has no credential named \(name)")
            }
            return credential
        case .sealed(let text):
            do throws(SealingError) {
                return try self.open(text, of: task)
            } catch {
                throw DeviceError(
                    code: "credential.sealed",
                    message: "\(task.device): the job's sealed credential can't be used: \(error.message)")
            }
        }
    }

    /// Opened for each attempt: nothing keeps it, and it may expire between two.
    private func open(_ text: String, of task: DeviceTask) throws(SealingError) -> Credential {
        let sealed = try SealedCredential(text)
        guard let keys = self.configuration.sealingKeys else {
            throw SealingError("this worker has no keys for it (`--sealing-keys`)")
        }
        guard let key = keys.key(sealed.keyID) else {
            throw SealingError("this worker doesn't have the key \(sealed.keyID): seal it with the newest public key")
        }
        let payload = try sealed.open(with: key)
        let now = Int64(Date().timeIntervalSince1970 * 1000)
        try payload.check(device: task.device, job: task.job, in: self.client.inventory, now: now)
        let credential = payload.credential
        guard credential.password != nil || credential.privateKey != nil else {
            throw SealingError("it holds neither a password nor a private key")
        }
        return credential
    }
}
