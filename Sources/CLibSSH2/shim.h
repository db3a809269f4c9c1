#pragma once
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#ifdef __linux__
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>
#endif
#ifdef __APPLE__
#include <malloc/malloc.h>
#endif
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

/* How much memory a block of malloc's takes. */
static inline size_t clibssh2_block_size(void *block) {
#ifdef __APPLE__
    return malloc_size(block);
#else
    return malloc_usable_size(block);
#endif
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

/* A session is one block of 55 KB, most of it two packet buffers (`struct transportpacket`: 16 KB in, 35,000 bytes out), and
 * libssh2_session_init_ex clears all of it, so that all of it becomes resident. What an idle session uses of it is the
 * beginnings of the buffers. The pages that hold nothing but zeros go back to the kernel (madvise(2), MADV_DONTNEED: private
 * anonymous memory, which malloc's is, reads as zeros from then on, and gets a new page when it is written to): the session can't
 * tell the difference. */
static inline void clibssh2_session_release_untouched_pages(LIBSSH2_SESSION *session) {
#ifdef __linux__
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t start = ((uintptr_t)session + page - 1) / page * page;
    uintptr_t end = ((uintptr_t)session + malloc_usable_size(session)) / page * page;
    uintptr_t zeros = 0;
    for (uintptr_t at = start; at < end; at += page) {
        const unsigned char *bytes = (const unsigned char *)at;
        /* Zero at the beginning, and each byte like the one before it. */
        if (bytes[0] == 0 && memcmp(bytes, bytes + 1, page - 1) == 0) {
            zeros += page;
        } else {
            if (zeros) madvise((void *)(at - zeros), zeros, MADV_DONTNEED);
            zeros = 0;
        }
    }
    if (zeros) madvise((void *)(end - zeros), zeros, MADV_DONTNEED);
#endif
}
