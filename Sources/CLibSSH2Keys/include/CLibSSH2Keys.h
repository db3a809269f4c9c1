#pragma once
#include <libssh2.h>
#include <stddef.h>

/* Key operations that libssh2 1.10.0 has no public call for: host keys and user keys that sign RSA with SHA-2 (RFC 8332), and
 * private keys that are parsed once for many connections.
 *
 * They go through the library's table of key methods, which it exports but doesn't declare. Its layout is that of 1.10.0 with
 * OpenSSL; with any other version nothing here does anything, and newer ones have RSA with SHA-2 of their own. */

/* Whether the library is the one that this is written for. Thread-safe. */
int clibssh2_keys_available(void);

/* Puts rsa-sha2-512 and rsa-sha2-256 in the place of two host certificate types that the library can't check anyway.
 * To be called once, after libssh2_init and before the first session. Returns 1 if the two can now be negotiated. */
int clibssh2_keys_add_rsa_sha2(void);

/* A parsed private key. Immutable: any number of threads may sign with it at the same time. */
typedef struct clibssh2_key clibssh2_key;

/* Parses the text of a key file, which must end in a NUL. `algorithm` is the key's type where it is known
 * (`ssh-ed25519`, `ssh-rsa`, `ecdsa-sha2-…`), or NULL. Returns NULL with a reason in `error` when it can't be read. */
clibssh2_key *clibssh2_key_parse(const char *text, size_t length, const char *algorithm, const char *passphrase,
                                 char *error, size_t error_size);
void clibssh2_key_free(clibssh2_key *key);

/* The public key in wire format; belongs to the key. */
const unsigned char *clibssh2_key_blob(const clibssh2_key *key, size_t *length);

/* libssh2_userauth_publickey with this key. For an RSA key `algorithm` is the name to sign under (`rsa-sha2-512`,
 * `rsa-sha2-256`), or NULL for `ssh-rsa`; for others NULL. After LIBSSH2_ERROR_EAGAIN to be repeated with the same arguments. */
int clibssh2_key_authenticate(LIBSSH2_SESSION *session, const char *username, const clibssh2_key *key,
                              const char *algorithm);

/* A signature that somebody else makes, in their own time. Works with every version of libssh2. */
typedef struct clibssh2_deferred clibssh2_deferred;

clibssh2_deferred *clibssh2_deferred_new(void);
void clibssh2_deferred_free(clibssh2_deferred *deferred);

/* What is to be signed; NULL while nothing is. Belongs to the object. */
const unsigned char *clibssh2_deferred_data(const clibssh2_deferred *deferred, size_t *length);

/* Gives the signature without its algorithm's name (the second string of RFC 4253 §6.6); length 0: there is none. */
void clibssh2_deferred_answer(clibssh2_deferred *deferred, const unsigned char *signature, size_t length);

/* libssh2_userauth_publickey with this signature. LIBSSH2_ERROR_EAGAIN while the server or the signature is awaited; to be
 * repeated with the same arguments. `blob` is the public key; the name that it begins with is that of the signature. */
int clibssh2_deferred_authenticate(LIBSSH2_SESSION *session, const char *username, const unsigned char *blob, size_t length,
                                   clibssh2_deferred *deferred);
