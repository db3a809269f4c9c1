#include "session.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

// MARK: - Queue

static bool queue_append(struct queue *queue, const void *bytes, size_t length) {
    if (queue->end + length > queue->capacity) {
        size_t held = queue->end - queue->start;
        if (queue->start > 0) memmove(queue->bytes, queue->bytes + queue->start, held);
        queue->start = 0;
        queue->end = held;
        if (held + length > queue->capacity) {
            size_t capacity = (held + length) * 2;
            uint8_t *grown = realloc(queue->bytes, capacity);
            if (!grown) return false;
            queue->bytes = grown;
            queue->capacity = capacity;
        }
    }
    memcpy(queue->bytes + queue->end, bytes, length);
    queue->end += length;
    return true;
}

static size_t queue_length(const struct queue *queue) { return queue->end - queue->start; }

static void queue_clear(struct queue *queue) {
    free(queue->bytes);
    *queue = (struct queue){0};
}

// MARK: - libssh2's callbacks

static ssize_t callback_send(libssh2_socket_t socket, const void *bytes, size_t length, int flags, void **abstract) {
    (void)socket, (void)flags;
    struct session *session = *abstract;
    if (session->error) return -session->error;
    return queue_append(&session->output, bytes, length) ? (ssize_t)length : -ENOMEM;
}

static ssize_t callback_receive(libssh2_socket_t socket, void *bytes, size_t length, int flags, void **abstract) {
    (void)socket, (void)flags;
    struct session *session = *abstract;
    if (session->input_length == 0) return session->error ? -session->error : -EAGAIN;
    size_t count = length < session->input_length ? length : session->input_length;
    memcpy(bytes, session->input, count);
    session->input += count;
    session->input_length -= count;
    return (ssize_t)count;
}

// MARK: - Life

/// The algorithms that our engine agrees on with the same devices: a cheaper cipher would be no saving of the program's.
static bool set_algorithms(LIBSSH2_SESSION *ssh) {
    static const struct {
        int kind;
        const char *name;
    } methods[] = {
        {LIBSSH2_METHOD_KEX, "curve25519-sha256"},     {LIBSSH2_METHOD_HOSTKEY, "ssh-ed25519"},
        {LIBSSH2_METHOD_CRYPT_CS, "aes128-ctr"},       {LIBSSH2_METHOD_CRYPT_SC, "aes128-ctr"},
        {LIBSSH2_METHOD_MAC_CS, "hmac-sha2-256"},      {LIBSSH2_METHOD_MAC_SC, "hmac-sha2-256"},
    };
    for (size_t index = 0; index < sizeof methods / sizeof *methods; index++) {
        if (libssh2_session_method_pref(ssh, methods[index].kind, methods[index].name) != 0) return false;
    }
    return true;
}

struct session *session_create(
    const struct sockaddr_in *address, struct known_key *known, const char *user, const char *password) {
    struct session *session = calloc(1, sizeof *session);
    if (!session) return NULL;
    session->known = known;
    session->user = user;
    session->password = password;
    session->descriptor = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (session->descriptor < 0) {
        perror("socket");
        free(session);
        return NULL;
    }
    int on = 1;
    setsockopt(session->descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    session->ssh = libssh2_session_init_ex(NULL, NULL, NULL, session);
    bool connecting = connect(session->descriptor, (const struct sockaddr *)address, sizeof *address) == 0
        || errno == EINPROGRESS;
    if (!session->ssh || !connecting) {
        perror("connect");
        if (session->ssh) libssh2_session_free(session->ssh);
        close(session->descriptor);
        free(session);
        return NULL;
    }
    if (!set_algorithms(session->ssh)) {
        fprintf(stderr, "this libssh2 lacks an algorithm\n");
        libssh2_session_free(session->ssh);
        close(session->descriptor);
        free(session);
        return NULL;
    }
    libssh2_session_set_blocking(session->ssh, 0);
    libssh2_session_callback_set(session->ssh, LIBSSH2_CALLBACK_SEND, callback_send);
    libssh2_session_callback_set(session->ssh, LIBSSH2_CALLBACK_RECV, callback_receive);
    session->phase = PHASE_CONNECT;
    return session;
}

void session_destroy(struct session *session) {
    if (!session->error) {
        libssh2_session_disconnect_ex(session->ssh, SSH_DISCONNECT_BY_APPLICATION, "done", "");
        session_flush(session);
    }
    // From here on the callbacks fail, so that freeing can't wait for the peer.
    session->input_length = 0;
    session->error = ECONNRESET;
    libssh2_session_free(session->ssh);
    close(session->descriptor);
    queue_clear(&session->left_over);
    queue_clear(&session->output);
    free(session);
}

void session_begin_shell(struct session *session) { session->phase = PHASE_OPEN_SHELL; }

void session_begin_command(struct session *session, const char *line) {
    session->command = line;
    session->command_length = strlen(line);
    session->command_sent = 0;
    session->phase = PHASE_WRITE;
}

void session_begin_exec(struct session *session, const char *command) {
    session->command = command;
    session->phase = PHASE_OPEN_EXEC;
}

// MARK: - Bytes

void session_feed(struct session *session, const uint8_t *bytes, size_t length) {
    if (queue_length(&session->left_over) == 0) {
        session->input = bytes;
        session->input_length = length;
        return;
    }
    if (!queue_append(&session->left_over, bytes, length)) {
        session->error = ENOMEM;
        return;
    }
    session->input = session->left_over.bytes + session->left_over.start;
    session->input_length = queue_length(&session->left_over);
}

bool session_keep_input(struct session *session) {
    struct queue kept = {0};
    bool stored = session->input_length == 0 || queue_append(&kept, session->input, session->input_length);
    queue_clear(&session->left_over);
    session->left_over = kept;
    session->input = kept.bytes;
    return stored;
}

bool session_flush(struct session *session) {
    struct queue *output = &session->output;
    while (queue_length(output) > 0) {
        ssize_t sent = send(session->descriptor, output->bytes + output->start, queue_length(output), MSG_NOSIGNAL);
        if (sent < 0) return errno == EAGAIN || errno == EINTR;
        output->start += (size_t)sent;
    }
    output->start = output->end = 0;
    if (output->capacity > 4096) queue_clear(output);
    return true;
}

// MARK: - Prompt

/// Keeps the end of the output.
static void keep_tail(struct session *session, const char *bytes, size_t length) {
    const size_t room = sizeof session->tail;
    if (length >= room) {
        memcpy(session->tail, bytes + length - room, room);
        session->tail_length = room;
        return;
    }
    if (session->tail_length + length > room) {
        size_t dropped = session->tail_length + length - room;
        memmove(session->tail, session->tail + dropped, session->tail_length - dropped);
        session->tail_length -= dropped;
    }
    memcpy(session->tail + session->tail_length, bytes, length);
    session->tail_length += length;
}

/// Whether the output ends with a prompt. The first one is learned: an unfinished line that ends like one.
static bool has_prompt(struct session *session) {
    const char *tail = session->tail;
    size_t end = session->tail_length, start = end;
    while (start > 0 && tail[start - 1] != '\n' && tail[start - 1] != '\r') start--;
    size_t length = end - start;
    if (session->prompt_length > 0) {
        return length == session->prompt_length && memcmp(tail + start, session->prompt, length) == 0;
    }
    size_t visible = length;
    while (visible > 0 && tail[start + visible - 1] == ' ') visible--;
    if (visible == 0 || length > sizeof session->prompt || !strchr("#>$", tail[start + visible - 1])) return false;
    memcpy(session->prompt, tail + start, length);
    session->prompt_length = length;
    return true;
}

// MARK: - Steps

/// A step that failed, or has to wait.
static enum outcome unfinished(struct session *session, long result, const char *action) {
    if (result == LIBSSH2_ERROR_EAGAIN) return OUTCOME_WAIT;
    fprintf(stderr, "%s: libssh2 error %ld\n", action, result);
    if (!session->error) session->error = EPROTO;
    return OUTCOME_FAILED;
}

static bool check_host_key(struct session *session) {
    const char *hash = libssh2_hostkey_hash(session->ssh, LIBSSH2_HOSTKEY_HASH_SHA256);
    if (!hash) return false;
    struct known_key *known = session->known;
    if (!known->is_known) {
        memcpy(known->hash, hash, sizeof known->hash);
        known->is_known = true;
    }
    return memcmp(known->hash, hash, sizeof known->hash) == 0;
}

static bool open_channel(struct session *session) {
    session->channel = libssh2_channel_open_ex(
        session->ssh, "session", 7, 256 * 1024, LIBSSH2_CHANNEL_PACKET_DEFAULT, NULL, 0);
    return session->channel != NULL;
}

enum outcome session_step(struct session *session) {
    char buffer[32 * 1024];
    for (;;) {
        long result = 0;
        switch (session->phase) {
        case PHASE_CONNECT: {
            int error = 0;
            socklen_t size = sizeof error;
            getsockopt(session->descriptor, SOL_SOCKET, SO_ERROR, &error, &size);
            if (error) {
                fprintf(stderr, "connect: %s\n", strerror(error));
                session->error = error;
                return OUTCOME_FAILED;
            }
            session->phase = PHASE_HANDSHAKE;
            break;
        }
        case PHASE_HANDSHAKE:
            result = libssh2_session_handshake(session->ssh, session->descriptor);
            if (result) return unfinished(session, result, "handshake");
            if (!check_host_key(session)) {
                fprintf(stderr, "the host key has changed\n");
                session->error = EPROTO;
                return OUTCOME_FAILED;
            }
            session->phase = PHASE_METHODS;
            break;
        case PHASE_METHODS: {
            // A password is shown to no server that doesn't take one.
            const char *methods = libssh2_userauth_list(session->ssh, session->user, (unsigned)strlen(session->user));
            if (!methods) return unfinished(session, libssh2_session_last_errno(session->ssh), "methods");
            if (!strstr(methods, "password")) {
                fprintf(stderr, "methods: %s\n", methods);
                session->error = EPROTO;
                return OUTCOME_FAILED;
            }
            session->phase = PHASE_PASSWORD;
            break;
        }
        case PHASE_PASSWORD:
            result = libssh2_userauth_password_ex(
                session->ssh, session->user, (unsigned)strlen(session->user), session->password,
                (unsigned)strlen(session->password), NULL);
            if (result) return unfinished(session, result, "password");
            session->phase = PHASE_IDLE;
            return OUTCOME_LOGGED_IN;

        case PHASE_OPEN_SHELL:
            if (!open_channel(session)) {
                return unfinished(session, libssh2_session_last_errno(session->ssh), "channel");
            }
            libssh2_channel_handle_extended_data2(session->channel, LIBSSH2_CHANNEL_EXTENDED_DATA_MERGE);
            session->phase = PHASE_TERMINAL;
            break;
        case PHASE_TERMINAL:
            result = libssh2_channel_request_pty_ex(session->channel, "vt100", 5, NULL, 0, 511, 1000, 0, 0);
            if (result) return unfinished(session, result, "terminal");
            session->phase = PHASE_START_SHELL;
            break;
        case PHASE_START_SHELL:
            result = libssh2_channel_process_startup(session->channel, "shell", 5, NULL, 0);
            if (result) return unfinished(session, result, "shell");
            session->phase = PHASE_READ_PROMPT;
            break;
        case PHASE_WRITE:
            while (session->command_sent < session->command_length) {
                result = libssh2_channel_write_ex(
                    session->channel, 0, session->command + session->command_sent,
                    session->command_length - session->command_sent);
                if (result < 0) return unfinished(session, result, "write");
                session->command_sent += (size_t)result;
            }
            session->tail_length = 0;
            session->phase = PHASE_READ_PROMPT;
            break;
        case PHASE_READ_PROMPT:
            result = libssh2_channel_read_ex(session->channel, 0, buffer, sizeof buffer);
            if (result < 0) return unfinished(session, result, "read");
            if (result == 0) {
                if (!libssh2_channel_eof(session->channel)) return OUTCOME_WAIT;
                fprintf(stderr, "read: the device closed the shell\n");
                session->error = ECONNRESET;
                return OUTCOME_FAILED;
            }
            keep_tail(session, buffer, (size_t)result);
            if (has_prompt(session)) {
                // Reading goes on in this phase: an idle session must be read to answer the server's own requests.
                session->tail_length = 0;
                return OUTCOME_PROMPT;
            }
            break;

        case PHASE_OPEN_EXEC:
            if (!open_channel(session)) {
                return unfinished(session, libssh2_session_last_errno(session->ssh), "channel");
            }
            session->phase = PHASE_START_EXEC;
            break;
        case PHASE_START_EXEC:
            result = libssh2_channel_process_startup(
                session->channel, "exec", 4, session->command, (unsigned)strlen(session->command));
            if (result) return unfinished(session, result, "exec");
            session->phase = PHASE_READ_OUTPUT;
            break;
        case PHASE_READ_OUTPUT:
            result = libssh2_channel_read_ex(session->channel, 0, buffer, sizeof buffer);
            if (result < 0) return unfinished(session, result, "read");
            if (result == 0) {
                if (!libssh2_channel_eof(session->channel)) return OUTCOME_WAIT;
                session->phase = PHASE_CLOSE_EXEC;
            }
            break;
        case PHASE_CLOSE_EXEC:
            result = libssh2_channel_close(session->channel);
            if (result) return unfinished(session, result, "close");
            session->phase = PHASE_FREE_EXEC;
            break;
        case PHASE_FREE_EXEC:
            result = libssh2_channel_free(session->channel);
            if (result) return unfinished(session, result, "free");
            session->channel = NULL;
            session->phase = PHASE_IDLE;
            return OUTCOME_EXIT;

        case PHASE_IDLE:
            return OUTCOME_WAIT;
        }
    }
}
