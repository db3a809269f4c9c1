// One SSH session of the reference program: libssh2 in non-blocking mode, fed from and into queues of our own.
//
// libssh2 never touches the socket. Its send callback always takes all bytes, into `output`; its receive callback gives
// what the loop has read. The caller moves bytes between queues and socket and repeats `session_step` until it waits.
#pragma once

#include <libssh2.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// A byte queue that frees its memory when it runs empty, so that an idle session costs none.
struct queue {
    uint8_t *bytes;
    size_t start, end, capacity;
};

/// What a session is doing; `session_step` goes on with it.
enum phase {
    PHASE_CONNECT,
    PHASE_HANDSHAKE,
    PHASE_METHODS,
    PHASE_PASSWORD,
    PHASE_OPEN_SHELL,
    PHASE_TERMINAL,
    PHASE_START_SHELL,
    PHASE_WRITE,
    PHASE_READ_PROMPT,
    PHASE_OPEN_EXEC,
    PHASE_START_EXEC,
    PHASE_READ_OUTPUT,
    PHASE_CLOSE_EXEC,
    PHASE_FREE_EXEC,
    PHASE_IDLE,
};

/// What a step came to.
enum outcome {
    /// Nothing more without bytes from the peer.
    OUTCOME_WAIT,
    /// Authentication is done.
    OUTCOME_LOGGED_IN,
    /// The prompt is there: the first one, or the one after a command.
    OUTCOME_PROMPT,
    /// An exec channel has ended and is freed.
    OUTCOME_EXIT,
    OUTCOME_FAILED,
};

/// What is known of a device's host key: the first one that it shows is learned, another one is refused.
struct known_key {
    bool is_known;
    /// SHA-256 of the key.
    char hash[32];
};

struct session {
    int descriptor;
    enum phase phase;
    LIBSSH2_SESSION *ssh;
    LIBSSH2_CHANNEL *channel;
    const char *user, *password;
    struct known_key *known;
    /// What is sent in `PHASE_WRITE`, or run in `PHASE_START_EXEC`.
    const char *command;
    size_t command_length, command_sent;
    /// Bytes for libssh2: first those left over from the last event, else those just read into the loop's buffer.
    const uint8_t *input;
    size_t input_length;
    struct queue left_over, output;
    /// What epoll is asked for now.
    uint32_t events;
    /// The error that the callbacks report once the connection is gone; 0 while it is there.
    int error;
    /// The last bytes of output since the command was sent, enough to hold a prompt.
    char tail[192];
    size_t tail_length;
    /// The prompt as the device first showed it. Commands are taken as finished when it comes again on a line of its own.
    char prompt[96];
    size_t prompt_length;
    /// When the caller gave it the work that it does now, in seconds; not used here.
    double begun;
};

/// Starts to connect. Returns NULL, with a message on standard error, when there is no descriptor or memory.
struct session *session_create(
    const struct sockaddr_in *address, struct known_key *known, const char *user, const char *password);

/// Says goodbye if the socket takes it, and frees everything. Never blocks.
void session_destroy(struct session *session);

void session_begin_shell(struct session *session);
/// Sends a command line to the shell, return included.
void session_begin_command(struct session *session, const char *line);
/// Runs a command on a channel of its own.
void session_begin_exec(struct session *session, const char *command);

enum outcome session_step(struct session *session);

/// Gives bytes to the next steps; they stay the caller's until `session_keep_input`.
void session_feed(struct session *session, const uint8_t *bytes, size_t length);
/// Copies what libssh2 has not taken, so that the caller can use its buffer again.
bool session_keep_input(struct session *session);
/// Writes queued output to the socket, as much as it takes.
bool session_flush(struct session *session);
