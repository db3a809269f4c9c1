// Credentials hold secrets, so whoever imports this module can make them.
@_exported import struct SSH.Secret
