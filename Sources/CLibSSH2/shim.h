#pragma once
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <libssh2.h>
#include <libssh2_sftp.h>

/* libssh2_session_callback_set takes `void *`; these give the callbacks their real types, so that Swift passes functions
 * without a cast. */
typedef ssize_t (*clibssh2_send)(libssh2_socket_t, const void *, size_t, int, void **);
typedef ssize_t (*clibssh2_recv)(libssh2_socket_t, void *, size_t, int, void **);
typedef void (*clibssh2_disconnect)(LIBSSH2_SESSION *, int, const char *, int, const char *, int, void **);

static inline void clibssh2_session_set_callbacks(LIBSSH2_SESSION *session, clibssh2_send send, clibssh2_recv recv,
                                                  clibssh2_disconnect disconnect) {
    libssh2_session_callback_set(session, LIBSSH2_CALLBACK_SEND, (void *)send);
    libssh2_session_callback_set(session, LIBSSH2_CALLBACK_RECV, (void *)recv);
    libssh2_session_callback_set(session, LIBSSH2_CALLBACK_DISCONNECT, (void *)disconnect);
}

/* libssh2 keeps a channel's exit status as an `int` that starts at zero, and has no call that tells "the server said zero"
 * from "the server said nothing". The status therefore starts at this value, which no server sends. */
static inline int clibssh2_no_exit_status(void) { return INT_MIN; }

/* The first members of the library's private `struct _LIBSSH2_CHANNEL`, the same in 1.9.0, 1.10.0 and 1.11.0. */
struct clibssh2_channel_prefix {
    void *node[3];
    unsigned char *channel_type;
    unsigned channel_type_len;
    int exit_status;
    char *exit_signal;
};

/* Marks the exit status of a channel that was just opened as not received. Returns 0 without touching anything when the
 * library is another version than the known ones or the channel doesn't look as expected. */
static inline int clibssh2_channel_clear_exit_status(LIBSSH2_CHANNEL *channel, const char *type) {
    const char *version = libssh2_version(0);
    struct clibssh2_channel_prefix *prefix = (struct clibssh2_channel_prefix *)channel;
    if (!channel || !version) return 0;
    if (strcmp(version, "1.9.0") && strcmp(version, "1.10.0") && strcmp(version, "1.11.0")) return 0;
    if (prefix->channel_type_len != strlen(type) || !prefix->channel_type) return 0;
    if (memcmp(prefix->channel_type, type, prefix->channel_type_len)) return 0;
    if (prefix->exit_status != 0 || prefix->exit_signal) return 0;
    prefix->exit_status = clibssh2_no_exit_status();
    return 1;
}
