#define _GNU_SOURCE
#include "key_methods.h"
#include "CLibSSH2Keys.h"
#include <dlfcn.h>
#include <string.h>

/* The order in which 1.10.0 with OpenSSL lists its methods; rsa-sha2 entries take the two certificate places. */
static const char *const expected[] = {
    "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ecdsa-sha2-nistp256-cert-v01@openssh.com",
    NULL, NULL, "ssh-ed25519", "ssh-rsa",
};
enum { first_replaced = 4, expected_count = sizeof expected / sizeof *expected };

const struct key_method **key_methods(void) {
    const char *version = libssh2_version(0);
    if (!version || strcmp(version, "1.10.0")) return NULL;
    /* Looked up at run time: other versions don't export it, and must still load. */
    const struct key_method **(*methods)(void) = (const struct key_method **(*)(void))dlsym(RTLD_DEFAULT, "libssh2_hostkey_methods");
    const struct key_method **table = methods ? methods() : NULL;
    if (!table) return NULL;
    for (int index = 0; index < expected_count; index++) {
        if (!table[index] || !table[index]->name) return NULL;
        if (expected[index] && strcmp(table[index]->name, expected[index])) return NULL;
    }
    return table;
}

const struct key_method *key_method(const char *name) {
    const struct key_method **table = key_methods();
    for (; table && *table; table++)
        if (!strcmp((*table)->name, name)) return *table;
    return NULL;
}

int clibssh2_keys_available(void) { return key_methods() != NULL; }

int take_string(const unsigned char **bytes, size_t *length, const unsigned char **string, size_t *string_length) {
    if (*length < 4) return 0;
    const unsigned char *head = *bytes;
    size_t size = (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
    if (size > *length - 4) return 0;
    *string = head + 4;
    *string_length = size;
    *bytes += 4 + size;
    *length -= 4 + size;
    return 1;
}
