#include "CLibSSH2Keys.h"
#include <stdlib.h>
#include <string.h>

struct clibssh2_deferred {
    unsigned char *data;
    size_t data_length;
    unsigned char *signature;
    size_t signature_length;
    int refused;
};

clibssh2_deferred *clibssh2_deferred_new(void) { return calloc(1, sizeof(clibssh2_deferred)); }

void clibssh2_deferred_free(clibssh2_deferred *deferred) {
    if (!deferred) return;
    free(deferred->data);
    free(deferred->signature);
    free(deferred);
}

const unsigned char *clibssh2_deferred_data(const clibssh2_deferred *deferred, size_t *length) {
    *length = deferred->data_length;
    return deferred->data;
}

void clibssh2_deferred_answer(clibssh2_deferred *deferred, const unsigned char *signature, size_t length) {
    free(deferred->signature);
    deferred->signature = length ? malloc(length) : NULL;
    deferred->signature_length = length;
    deferred->refused = !deferred->signature;
    if (deferred->signature) memcpy(deferred->signature, signature, length);
}

/* Runs inside libssh2_userauth_publickey; libssh2 frees the signature with malloc's free. Each call of the pending operation
 * gets here again with the same data. */
static int sign(LIBSSH2_SESSION *session, unsigned char **signature, size_t *signature_length, const unsigned char *data,
                size_t data_length, void **abstract) {
    clibssh2_deferred *deferred = (clibssh2_deferred *)abstract;
    (void)session;
    if (deferred->refused) return -1;
    if (deferred->signature) {
        *signature = deferred->signature;
        *signature_length = deferred->signature_length;
        deferred->signature = NULL;
        deferred->refused = 1;
        return 0;
    }
    if (!deferred->data) {
        deferred->data = malloc(data_length ? data_length : 1);
        if (!deferred->data) return -1;
        memcpy(deferred->data, data, data_length);
        deferred->data_length = data_length;
    }
    return LIBSSH2_ERROR_EAGAIN;
}

int clibssh2_deferred_authenticate(LIBSSH2_SESSION *session, const char *username, const unsigned char *blob, size_t length,
                                   clibssh2_deferred *deferred) {
    return libssh2_userauth_publickey(session, username, blob, length, sign, (void **)deferred);
}
