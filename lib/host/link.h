/*
 * link - a ZeroMQ socket with every option set that matters (reliability.md 2.1):
 * CURVE, the doorkeeper enforced, limits before anybody has shown a key,
 * heartbeats, no waiting at the end.
 */
#ifndef LINK_H
#define LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "host/keys.h"

#define LINK_DOMAIN "shouwen"

enum link_event { LINK_NONE, LINK_UP, LINK_DOWN, LINK_REFUSED };

/* link_listen - a ROUTER, bound.  "ipc://…" is made so that only its owner can use it.
 * NULL with err set. */
void *link_listen(void *context, const char *endpoint, const struct keys *keys, size_t frame_max,
                  struct err *err);

/* link_connect - a DEALER to the one that has this key.  NULL with err set. */
void *link_connect(void *context, const char *endpoint, const struct keys *keys,
                   const uint8_t server_key[KEYS_SIZE], struct err *err);

/* link_watch - a socket on which the connection of `socket` is reported; link_heard
 * reads it without waiting. */
void *link_watch(void *context, void *socket, const char *name, struct err *err);
enum link_event link_heard(void *watch);

/* link_unwatch - the end of it; before the socket is closed. */
void link_unwatch(void *socket, void *watch);

/* link_self_test - a key that nobody has must be refused here.  -1: it got in, or no answer. */
int link_self_test(void *context, const char *endpoint, const struct keys *keys, struct err *err);

#endif
