import CLibSSH2

extension LibSSH2Session {
    /// What the server accepts from a user.
    enum OfferedMethods {
        /// `none` was enough; the user is signed on.
        case authenticated
        case methods([String])
    }

    /// Asks which methods can continue (RFC 4252 §5.2), by the request `none`.
    func offeredMethods(username: String) -> LibSSH2Progress<OfferedMethods> {
        if let list = libssh2_userauth_list(self.handle, username, UInt32(username.utf8.count)) {
            return .ready(.methods(String(cString: list).split(separator: ",").map(String.init)))
        }
        if libssh2_userauth_authenticated(self.handle) != 0 { return .ready(.authenticated) }
        let code = libssh2_session_last_errno(self.handle)
        return code == LIBSSH2_ERROR_EAGAIN ? .pending : .failed(self.lastFailure(code))
    }

    /// Fails with `LIBSSH2_ERROR_PASSWORD_EXPIRED` when the server asks for a new password instead (RFC 4252 §8).
    func authenticate(username: String, password: Secret) -> LibSSH2Progress<Void> {
        let code = password.withExposedValue { password in
            libssh2_userauth_password_ex(
                self.handle, username, UInt32(username.utf8.count), password, UInt32(password.utf8.count),
                libSSH2PasswordChange)
        }
        return self.progress(code)
    }

    /// `keyboard-interactive` (RFC 4256); the answers come from ``WireBuffers/interactive``.
    func authenticateInteractively(username: String) -> LibSSH2Progress<Void> {
        self.progress(
            libssh2_userauth_keyboard_interactive_ex(
                self.handle, username, UInt32(username.utf8.count), libSSH2KeyboardInteractive))
    }

    /// Parses the key, and signs with it once the server has said that it would accept it.
    ///
    /// Costs milliseconds of CPU, or a quarter of a second for an encrypted OpenSSH key, whose key derivation is slow on
    /// purpose: not for an event loop.
    func authenticate(username: String, key: Secret, passphrase: Secret?) -> LibSSH2Progress<Void> {
        let passphrase = passphrase ?? Secret("")
        let code = key.withExposedValue { key in
            passphrase.withExposedValue { passphrase in
                libssh2_userauth_publickey_frommemory(
                    self.handle, username, username.utf8.count, nil, 0, key, key.utf8.count, passphrase)
            }
        }
        return self.progress(code)
    }
}
