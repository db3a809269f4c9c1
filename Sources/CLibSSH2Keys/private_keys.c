/* The library's own key objects are OpenSSL's legacy ones. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "CLibSSH2Keys.h"
#include "key_methods.h"
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct clibssh2_key {
    const struct key_method *method;
    /* What the method's init made: RSA, EC_KEY or EVP_PKEY. */
    void *abstract;
    /* Only allocates and remembers errors; belongs to the key so that it can be destroyed. */
    LIBSSH2_SESSION *session;
    /* Of an RSA key, for signatures with SHA-2. */
    EVP_PKEY *rsa;
    unsigned char *blob;
    size_t blob_length;
};

struct writer {
    unsigned char bytes[8192];
    size_t length;
    int failed;
};

static void put_string(struct writer *writer, const void *bytes, size_t length) {
    if (writer->failed || length > sizeof writer->bytes - writer->length || sizeof writer->bytes - writer->length - length < 4) {
        writer->failed = 1;
        return;
    }
    unsigned char *head = writer->bytes + writer->length;
    head[0] = (unsigned char)(length >> 24);
    head[1] = (unsigned char)(length >> 16);
    head[2] = (unsigned char)(length >> 8);
    head[3] = (unsigned char)length;
    memcpy(head + 4, bytes, length);
    writer->length += 4 + length;
}

static void put_number(struct writer *writer, const BIGNUM *number) {
    unsigned char bytes[4096];
    int length = number ? BN_num_bytes(number) : 0;
    if (length <= 0 || length >= (int)sizeof bytes) {
        writer->failed = 1;
        return;
    }
    /* A leading zero keeps it positive (RFC 4251 §5, mpint). */
    bytes[0] = 0;
    BN_bn2bin(number, bytes + 1);
    int is_negative = bytes[1] & 0x80;
    put_string(writer, is_negative ? bytes : bytes + 1, (size_t)length + (is_negative ? 1 : 0));
}

static void put_rsa(struct writer *writer, RSA *rsa) {
    const BIGNUM *n = NULL, *e = NULL;
    RSA_get0_key(rsa, &n, &e, NULL);
    put_string(writer, "ssh-rsa", 7);
    put_number(writer, e);
    put_number(writer, n);
}

static void put_ecdsa(struct writer *writer, EC_KEY *key) {
    const EC_GROUP *group = EC_KEY_get0_group(key);
    const EC_POINT *point = EC_KEY_get0_public_key(key);
    const char *curve = NULL;
    char name[32];
    unsigned char bytes[256];
    switch (group ? EC_GROUP_get_curve_name(group) : 0) {
    case NID_X9_62_prime256v1: curve = "nistp256"; break;
    case NID_secp384r1: curve = "nistp384"; break;
    case NID_secp521r1: curve = "nistp521"; break;
    }
    size_t length = curve && point ? EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, bytes, sizeof bytes, NULL) : 0;
    if (!length) {
        writer->failed = 1;
        return;
    }
    snprintf(name, sizeof name, "ecdsa-sha2-%s", curve);
    put_string(writer, name, strlen(name));
    put_string(writer, curve, strlen(curve));
    put_string(writer, bytes, length);
}

static void put_ed25519(struct writer *writer, EVP_PKEY *key) {
    unsigned char bytes[32];
    size_t length = sizeof bytes;
    if (EVP_PKEY_get_raw_public_key(key, bytes, &length) != 1 || length != sizeof bytes) {
        writer->failed = 1;
        return;
    }
    put_string(writer, "ssh-ed25519", 11);
    put_string(writer, bytes, length);
}

static int is(const struct key_method *method, const char *name) { return !strcmp(method->name, name); }

/* Works out the public key, and for RSA the form that signs with SHA-2. */
static int complete(clibssh2_key *key) {
    struct writer *writer = calloc(1, sizeof *writer);
    if (!writer) return 0;
    if (is(key->method, "ssh-rsa")) {
        put_rsa(writer, key->abstract);
        key->rsa = EVP_PKEY_new();
        if (!key->rsa || EVP_PKEY_set1_RSA(key->rsa, key->abstract) != 1) writer->failed = 1;
    } else if (is(key->method, "ssh-ed25519")) {
        put_ed25519(writer, key->abstract);
    } else {
        put_ecdsa(writer, key->abstract);
    }
    int result = 0;
    if (!writer->failed && (key->blob = malloc(writer->length))) {
        memcpy(key->blob, writer->bytes, writer->length);
        key->blob_length = writer->length;
        result = 1;
    }
    free(writer);
    return result;
}

static int parse_as(clibssh2_key *key, const char *name, const char *text, size_t length, const char *passphrase) {
    key->method = key_method(name);
    if (!key->method || !key->method->init_memory || !key->method->sign || !key->method->destroy) return 0;
    key->abstract = NULL;
    if (key->method->init_memory(key->session, text, length, (const unsigned char *)passphrase, &key->abstract) != 0) {
        key->abstract = NULL;
        return 0;
    }
    return key->abstract && complete(key);
}

clibssh2_key *clibssh2_key_parse(const char *text, size_t length, const char *algorithm, const char *passphrase,
                                 char *error, size_t error_size) {
    static const char *const all[] = {"ssh-rsa", "ecdsa-sha2-nistp256", "ssh-ed25519"};
    clibssh2_key *key = calloc(1, sizeof *key);
    if (error_size) error[0] = 0;
    if (!key || !(key->session = libssh2_session_init_ex(NULL, NULL, NULL, NULL))) {
        clibssh2_key_free(key);
        return NULL;
    }
    if (algorithm) {
        if (parse_as(key, algorithm, text, length, passphrase)) return key;
    } else {
        for (size_t index = 0; index < sizeof all / sizeof *all; index++)
            if (parse_as(key, all[index], text, length, passphrase)) return key;
    }
    char *message = NULL;
    libssh2_session_last_error(key->session, &message, NULL, 0);
    if (error_size) snprintf(error, error_size, "%s", message && *message ? message : "unknown format");
    clibssh2_key_free(key);
    return NULL;
}

void clibssh2_key_free(clibssh2_key *key) {
    if (!key) return;
    if (key->abstract) key->method->destroy(key->session, &key->abstract);
    EVP_PKEY_free(key->rsa);
    if (key->session) libssh2_session_free(key->session);
    free(key->blob);
    free(key);
}

const unsigned char *clibssh2_key_blob(const clibssh2_key *key, size_t *length) {
    *length = key->blob_length;
    return key->blob;
}

struct signing {
    const clibssh2_key *key;
    const EVP_MD *digest;
};

static int sign_rsa(const struct signing *signing, unsigned char **signature, size_t *signature_length,
                    const unsigned char *data, size_t data_length) {
    size_t length = (size_t)EVP_PKEY_get_size(signing->key->rsa);
    unsigned char *bytes = malloc(length);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    int result = bytes && context && EVP_DigestSignInit(context, NULL, signing->digest, NULL, signing->key->rsa) == 1 &&
                 EVP_DigestSign(context, bytes, &length, data, data_length) == 1;
    EVP_MD_CTX_free(context);
    if (!result) {
        free(bytes);
        return -1;
    }
    *signature = bytes;
    *signature_length = length;
    return 0;
}

/* Runs inside libssh2_userauth_publickey; libssh2 frees the signature with malloc's free. */
static int sign(LIBSSH2_SESSION *session, unsigned char **signature, size_t *signature_length, const unsigned char *data,
                size_t data_length, void **abstract) {
    const struct signing *signing = (const struct signing *)abstract;
    if (signing->digest) return sign_rsa(signing, signature, signature_length, data, data_length);
    void *key = signing->key->abstract;
    struct iovec piece = {.iov_base = (void *)data, .iov_len = data_length};
    return signing->key->method->sign(session, signature, signature_length, 1, &piece, &key);
}

int clibssh2_key_authenticate(LIBSSH2_SESSION *session, const char *username, const clibssh2_key *key,
                              const char *algorithm) {
    struct signing signing = {.key = key, .digest = NULL};
    if (!algorithm) return libssh2_userauth_publickey(session, username, key->blob, key->blob_length, sign, (void **)&signing);

    /* libssh2 takes the algorithm's name from the blob and uses it everywhere, so the blob carries the other name. OpenSSH
     * takes that. */
    const unsigned char *rest = key->blob, *name;
    size_t rest_length = key->blob_length, name_length;
    if (!key->rsa || !take_string(&rest, &rest_length, &name, &name_length)) return LIBSSH2_ERROR_INVAL;
    signing.digest = strcmp(algorithm, "rsa-sha2-256") ? EVP_sha512() : EVP_sha256();
    size_t algorithm_length = strlen(algorithm), length = 4 + algorithm_length + rest_length;
    unsigned char *blob = malloc(length);
    if (!blob) return LIBSSH2_ERROR_ALLOC;
    memset(blob, 0, 4);
    blob[3] = (unsigned char)algorithm_length;
    memcpy(blob + 4, algorithm, algorithm_length);
    memcpy(blob + 4 + algorithm_length, rest, rest_length);
    int code = libssh2_userauth_publickey(session, username, blob, length, sign, (void **)&signing);
    free(blob);
    return code;
}
