// The reference that Tether's own SSH engine is held against: the least that a client on libssh2 has to do, in C, on one
// thread with epoll. Prints one line of JSON with what the work cost this process.
//
//   BenchFloor connect HOST HOSTS PORT USER PASSWORD COUNT IN_FLIGHT
//   BenchFloor visit   HOST HOSTS PORT USER PASSWORD COUNT COMMAND
//   BenchFloor warm    HOST HOSTS PORT USER PASSWORD SESSIONS COMMANDS COMMAND
//   BenchFloor exec    HOST HOSTS PORT USER PASSWORD SESSIONS COMMANDS COMMAND
//   BenchFloor idle    HOST HOSTS PORT USER PASSWORD SESSIONS
//
// HOST is the IPv4 address of the first device, HOSTS the number of devices, each on an address of its own after it.
// A visit is all of it, one after the other: connect, log in, shell, one command, close.

#include "session.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/// No event for this long means that the peer has stopped answering.
static const int silence_milliseconds = 30000;
/// Sessions that are being opened at the same time in the modes that need many.
static const long opening_in_flight = 32;

enum mode { MODE_CONNECT, MODE_VISIT, MODE_WARM, MODE_EXEC, MODE_IDLE };

struct run {
    enum mode mode;
    struct sockaddr_in address;
    long hosts;
    const char *user, *password, *command;
    /// Sessions to open in all, and at the same time.
    long sessions, in_flight;
    long opened, ready, failures;
    /// Commands to run in all.
    long commands, started, finished;
    /// Whether the sessions may run commands: they start together, when all are open.
    bool working;
    struct session **open;
    /// How long each visit took to the answer, and each command in a shell, in seconds; `timed` of them.
    double *times;
    long timed;
    /// One for each device.
    struct known_key *known;
    int epoll;
};

struct usage {
    double user, system, wall;
};

static double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static struct usage usage_now(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (struct usage){
        .user = (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6,
        .system = (double)usage.ru_stime.tv_sec + (double)usage.ru_stime.tv_usec / 1e6,
        .wall = seconds_now(),
    };
}

/// Resident memory in bytes.
static long resident_bytes(void) {
    long size = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file) return 0;
    if (fscanf(file, "%ld %ld", &size, &resident) != 2) resident = 0;
    fclose(file);
    return resident * sysconf(_SC_PAGESIZE);
}

static int compare_times(const void *left, const void *right) {
    double difference = *(const double *)left - *(const double *)right;
    return (difference > 0) - (difference < 0);
}

static void die(const char *message) {
    fprintf(stderr, "BenchFloor: %s\n", message);
    exit(1);
}

// MARK: - Work

static void open_session(struct run *run) {
    struct sockaddr_in address = run->address;
    long host = run->opened % run->hosts;
    address.sin_addr.s_addr = htonl(ntohl(address.sin_addr.s_addr) + (uint32_t)host);
    struct session *session = session_create(&address, &run->known[host], run->user, run->password);
    if (!session) die("no session could be made");
    run->opened++;
    session->begun = seconds_now();
    session->events = EPOLLOUT;
    struct epoll_event event = {.events = session->events, .data.ptr = session};
    if (epoll_ctl(run->epoll, EPOLL_CTL_ADD, session->descriptor, &event) != 0) die("epoll_ctl failed");
}

/// The session can take a command now; gives it one, unless all are begun.
static void give_work(struct run *run, struct session *session) {
    if (!run->working || run->started == run->commands) return;
    run->started++;
    if (run->mode == MODE_EXEC) {
        session_begin_exec(session, run->command);
    } else {
        session->begun = seconds_now();
        session_begin_command(session, run->command);
    }
}

static void note_time(struct run *run, const struct session *session) {
    run->times[run->timed++] = seconds_now() - session->begun;
}

/// Reacts to a step's outcome. Returns whether the session is to be closed.
static bool react(struct run *run, struct session *session, enum outcome outcome) {
    switch (outcome) {
    case OUTCOME_WAIT:
        return false;
    case OUTCOME_LOGGED_IN:
        if (run->mode != MODE_EXEC) {
            session_begin_shell(session);
            return false;
        }
        run->open[run->ready++] = session;
        return false;
    case OUTCOME_PROMPT:
        if (run->mode == MODE_CONNECT) {
            run->ready++;
            return true;
        }
        if (run->mode == MODE_VISIT) {
            if (!session->command) {
                session_begin_command(session, run->command);
                return false;
            }
            note_time(run, session);
            run->ready++;
            return true;
        }
        if (run->working) {
            note_time(run, session);
            run->finished++;
            give_work(run, session);
        } else {
            run->open[run->ready++] = session;
        }
        return false;
    case OUTCOME_EXIT:
        run->finished++;
        give_work(run, session);
        return false;
    case OUTCOME_FAILED:
        if (run->mode != MODE_CONNECT) die("a session failed");
        run->failures++;
        return true;
    }
    return false;
}

/// Steps a session until it waits, and writes what came of it. Returns false when the session has been closed.
static bool advance(struct run *run, struct session *session) {
    bool closing = false;
    for (;;) {
        size_t before = session->input_length;
        enum outcome outcome = session_step(session);
        closing = react(run, session, outcome);
        if (closing || outcome == OUTCOME_FAILED) break;
        // Bytes may be left although the step waits: libssh2 then wants to be called again.
        if (outcome == OUTCOME_WAIT && (session->input_length == 0 || session->input_length == before)) break;
    }
    if (!closing && session_keep_input(session) && session_flush(session)) {
        uint32_t events = EPOLLIN | EPOLLRDHUP | (session->output.end > session->output.start ? EPOLLOUT : 0);
        if (events != session->events) {
            session->events = events;
            struct epoll_event event = {.events = events, .data.ptr = session};
            epoll_ctl(run->epoll, EPOLL_CTL_MOD, session->descriptor, &event);
        }
        return true;
    }
    if (!closing) {
        if (run->mode != MODE_CONNECT) die("a connection broke");
        run->failures++;
    }
    session_destroy(session);
    return false;
}

static void serve(struct run *run, struct session *session, uint32_t events) {
    static uint8_t buffer[64 * 1024];
    if (session->phase == PHASE_CONNECT) {
        advance(run, session);
        return;
    }
    if ((events & EPOLLOUT) && !session_flush(session)) session->error = EPIPE;
    if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
        ssize_t count = recv(session->descriptor, buffer, sizeof buffer, 0);
        if (count > 0) {
            session_feed(session, buffer, (size_t)count);
        } else if (count == 0 || errno != EAGAIN) {
            session->error = ECONNRESET;
        }
    }
    advance(run, session);
}

static void wait_for_events(struct run *run) {
    struct epoll_event events[256];
    int count = epoll_wait(run->epoll, events, 256, silence_milliseconds);
    if (count < 0 && errno != EINTR) die("epoll_wait failed");
    if (count == 0) die("the devices have stopped answering");
    for (int index = 0; index < count; index++) serve(run, events[index].data.ptr, events[index].events);
}

/// Opens sessions, `in_flight` at a time. In `MODE_CONNECT` each is closed at its first prompt, in `MODE_VISIT` at its second.
static void open_all(struct run *run) {
    while (run->ready + run->failures < run->sessions) {
        while (run->opened < run->sessions && run->opened - run->ready - run->failures < run->in_flight) open_session(run);
        wait_for_events(run);
    }
}

static void run_commands(struct run *run) {
    run->working = true;
    for (long index = 0; index < run->ready; index++) {
        give_work(run, run->open[index]);
        advance(run, run->open[index]);
    }
    while (run->finished < run->commands) wait_for_events(run);
}

// MARK: - Command line

static long number(const char *text) {
    char *end = NULL;
    long value = strtol(text, &end, 10);
    if (*end != '\0' || value <= 0) die("counts and ports are positive numbers");
    return value;
}

int main(int argc, char **argv) {
    static const char *const names[] = {"connect", "visit", "warm", "exec", "idle"};
    static const int counts[] = {9, 9, 10, 10, 8};
    struct run run = {0};
    int mode = 0;
    while (mode < 5 && (argc < 2 || strcmp(argv[1], names[mode]) != 0)) mode++;
    if (mode == 5 || argc != counts[mode]) die("usage: see the head of main.c");
    run.mode = (enum mode)mode;
    run.address.sin_family = AF_INET;
    if (inet_pton(AF_INET, argv[2], &run.address.sin_addr) != 1) die("HOST is an IPv4 address");
    run.hosts = number(argv[3]);
    run.address.sin_port = htons((uint16_t)number(argv[4]));
    run.user = argv[5];
    run.password = argv[6];
    run.sessions = number(argv[7]);
    run.in_flight = run.mode == MODE_CONNECT ? number(argv[8]) : run.mode == MODE_VISIT ? 1 : opening_in_flight;
    if (run.mode == MODE_WARM || run.mode == MODE_EXEC) run.commands = number(argv[8]);
    char line[256] = "";
    if (run.mode == MODE_VISIT || run.commands) {
        // A shell wants the return key, an exec request doesn't.
        const char *end = run.mode == MODE_EXEC ? "" : "\r";
        if (snprintf(line, sizeof line, "%s%s", argv[argc - 1], end) >= (int)sizeof line) die("COMMAND is too long");
        run.command = line;
    }

    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    run.epoll = epoll_create1(EPOLL_CLOEXEC);
    run.open = calloc((size_t)run.sessions, sizeof *run.open);
    run.known = calloc((size_t)run.hosts, sizeof *run.known);
    run.times = calloc((size_t)(run.sessions + run.commands), sizeof *run.times);
    if (run.epoll < 0 || !run.open || !run.times || !run.known || libssh2_init(0) != 0) die("out of memory or descriptors");

    long sessions = run.sessions;
    if (run.mode == MODE_VISIT || run.mode == MODE_IDLE) {
        // What the first session brings into memory once for all isn't the sessions' own.
        run.sessions = 1;
        open_all(&run);
        run.sessions = sessions;
    }
    if (run.mode == MODE_VISIT) run.opened = run.ready = run.timed = 0;
    long resident_before = resident_bytes();
    struct usage start = usage_now();
    open_all(&run);
    if (run.mode == MODE_WARM || run.mode == MODE_EXEC) {
        // Only the commands are measured: opening the sessions is `connect`'s matter.
        start = usage_now();
        run_commands(&run);
    }
    struct usage end = usage_now();
    long resident = resident_bytes();
    qsort(run.times, (size_t)run.timed, sizeof *run.times, compare_times);
    char median[32] = "null";
    if (run.timed > 0) snprintf(median, sizeof median, "%.9f", run.times[run.timed / 2]);

    printf("{\"mode\":\"%s\",\"sessions\":%ld,\"count\":%ld,\"failures\":%ld,\"user_seconds\":%.6f,\"system_seconds\":%.6f,"
           "\"wall_seconds\":%.6f,\"rss_bytes\":%ld,\"rss_before_bytes\":%ld,\"p50_seconds\":%s}\n",
           names[mode], run.mode == MODE_CONNECT || run.mode == MODE_VISIT ? run.in_flight : run.sessions,
           run.commands ? run.finished : run.ready, run.failures, end.user - start.user, end.system - start.system,
           end.wall - start.wall, resident, resident_before, median);
    bool held = run.mode != MODE_CONNECT && run.mode != MODE_VISIT;
    for (long index = 0; held && index < run.ready; index++) session_destroy(run.open[index]);
    free(run.open);
    free(run.times);
    free(run.known);
    close(run.epoll);
    return run.failures ? 1 : 0;
}
