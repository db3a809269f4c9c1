#pragma once
#include <libssh2.h>
#include <stddef.h>
#include <sys/uio.h>

/* `struct _LIBSSH2_HOSTKEY_METHOD` of libssh2 1.10.0. */
struct key_method {
    const char *name;
    unsigned long hash_len;
    int (*init)(LIBSSH2_SESSION *, const unsigned char *, size_t, void **);
    int (*init_file)(LIBSSH2_SESSION *, const char *, const unsigned char *, void **);
    int (*init_memory)(LIBSSH2_SESSION *, const char *, size_t, const unsigned char *, void **);
    int (*verify)(LIBSSH2_SESSION *, const unsigned char *, size_t, const unsigned char *, size_t, void **);
    int (*sign)(LIBSSH2_SESSION *, unsigned char **, size_t *, int, const struct iovec[], void **);
    int (*encrypt)(LIBSSH2_SESSION *, unsigned char **, size_t *, const unsigned char *, size_t, void **);
    int (*destroy)(LIBSSH2_SESSION *, void **);
};

/* The table, ended by NULL; NULL when the library isn't the known one or the table doesn't look as expected. */
const struct key_method **key_methods(void);

/* An entry by its name, or NULL. */
const struct key_method *key_method(const char *name);

/* Takes a string (RFC 4251 §5) off the front. Returns 0 if there is none. */
int take_string(const unsigned char **bytes, size_t *length, const unsigned char **string, size_t *string_length);
