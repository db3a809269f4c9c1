#include "CLibSSH2Keys.h"
#include "key_methods.h"
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <string.h>

/* RFC 8332 §3: the key is an ordinary ssh-rsa key, only the signature names SHA-2. */

static int destroy(LIBSSH2_SESSION *session, void **abstract) {
    (void)session;
    EVP_PKEY_free(*abstract);
    *abstract = NULL;
    return 0;
}

static int init(LIBSSH2_SESSION *session, const unsigned char *blob, size_t length, void **abstract) {
    const unsigned char *name, *e, *n;
    size_t name_length, e_length, n_length;
    if (*abstract) destroy(session, abstract);
    if (!take_string(&blob, &length, &name, &name_length) || !take_string(&blob, &length, &e, &e_length) ||
        !take_string(&blob, &length, &n, &n_length))
        return -1;
    if (name_length != 7 || memcmp(name, "ssh-rsa", 7) || e_length > 1024 || n_length > 4096) return -1;

    EVP_PKEY *key = NULL;
    BIGNUM *exponent = BN_bin2bn(e, (int)e_length, NULL), *modulus = BN_bin2bn(n, (int)n_length, NULL);
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    OSSL_PARAM *parameters = NULL;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    if (exponent && modulus && builder && context && OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, exponent) &&
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, modulus) &&
        (parameters = OSSL_PARAM_BLD_to_param(builder)) && EVP_PKEY_fromdata_init(context) == 1)
        EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters);
    OSSL_PARAM_free(parameters);
    OSSL_PARAM_BLD_free(builder);
    EVP_PKEY_CTX_free(context);
    BN_free(exponent);
    BN_free(modulus);
    *abstract = key;
    return key ? 0 : -1;
}

static int verify(const char *algorithm, const EVP_MD *digest, const unsigned char *blob, size_t blob_length,
                  const unsigned char *message, size_t message_length, void **abstract) {
    const unsigned char *name, *signature;
    size_t name_length, signature_length;
    if (!*abstract || !take_string(&blob, &blob_length, &name, &name_length) ||
        !take_string(&blob, &blob_length, &signature, &signature_length))
        return -1;
    /* The signature must be of the algorithm that was agreed on. */
    if (name_length != strlen(algorithm) || memcmp(name, algorithm, name_length)) return -1;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    int result = context && EVP_DigestVerifyInit(context, NULL, digest, NULL, *abstract) == 1 &&
                 EVP_DigestVerify(context, signature, signature_length, message, message_length) == 1;
    EVP_MD_CTX_free(context);
    return result ? 0 : -1;
}

static int verify_512(LIBSSH2_SESSION *session, const unsigned char *blob, size_t blob_length, const unsigned char *message,
                      size_t message_length, void **abstract) {
    (void)session;
    return verify("rsa-sha2-512", EVP_sha512(), blob, blob_length, message, message_length, abstract);
}

static int verify_256(LIBSSH2_SESSION *session, const unsigned char *blob, size_t blob_length, const unsigned char *message,
                      size_t message_length, void **abstract) {
    (void)session;
    return verify("rsa-sha2-256", EVP_sha256(), blob, blob_length, message, message_length, abstract);
}

static const struct key_method rsa_sha2_512 = {
    .name = "rsa-sha2-512", .hash_len = 64, .init = init, .verify = verify_512, .destroy = destroy};
static const struct key_method rsa_sha2_256 = {
    .name = "rsa-sha2-256", .hash_len = 32, .init = init, .verify = verify_256, .destroy = destroy};

int clibssh2_keys_add_rsa_sha2(void) {
    const struct key_method **table = key_methods();
    if (!table || strcmp(table[4]->name, "ecdsa-sha2-nistp384-cert-v01@openssh.com") ||
        strcmp(table[5]->name, "ecdsa-sha2-nistp521-cert-v01@openssh.com"))
        return 0;
    table[4] = &rsa_sha2_512;
    table[5] = &rsa_sha2_256;
    return 1;
}
