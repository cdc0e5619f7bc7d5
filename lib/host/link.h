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

/* link_context - what sockets are made in; link_context_free waits for those that still send. */
void *link_context(void);
void link_context_free(void *context);

/* link_version - of the library; false: it cannot encrypt. */
bool link_version(int *major, int *minor, int *patch);

/* link_listen - a ROUTER, bound.  "ipc://…" is made so that only its owner can use it.
 * NULL with err set. */
void *link_listen(void *context, const char *endpoint, const struct keys *keys, size_t frame_max,
                  struct err *err);

/*
 * link_connect - a DEALER to the one that has this key, and in *watch a socket on which
 * its connection is reported (link_heard reads it without waiting); `name` is unique in
 * the context.  NULL with err set.
 *
 * The watch is there before the first event can be, and ends after the last: ZeroMQ's
 * own thread waits for ever for somebody to tell, and with it all sockets of the process.
 */
void *link_connect(void *context, const char *endpoint, const struct keys *keys,
                   const uint8_t server_key[KEYS_SIZE], const char *name, void **watch,
                   struct err *err);

/* link_close - both, in the order that lets nobody wait.  NULL is allowed. */
void link_close(void *socket, void *watch);

enum link_event link_heard(void *watch);

/* link_self_test - a key that nobody has must be refused here.  -1: it got in, or no answer. */
int link_self_test(void *context, const char *endpoint, const struct keys *keys, struct err *err);

#endif
