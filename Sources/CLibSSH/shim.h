#pragma once
#include <libssh/callbacks.h>
#include <libssh/libssh.h>
#include <libssh/server.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

// `ssh_callbacks_init` is a macro that stores the structure's size: libssh uses it to tell which members exist.
static inline void lab_server_callbacks_init(struct ssh_server_callbacks_struct *callbacks) {
    ssh_callbacks_init(callbacks);
}

static inline void lab_channel_callbacks_init(struct ssh_channel_callbacks_struct *callbacks) {
    ssh_callbacks_init(callbacks);
}
