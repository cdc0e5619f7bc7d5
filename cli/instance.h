/*
 * instance - one folder with everything that a running house needs: for each
 * service its configuration, store, keys, secrets, socket, pid file and log; and
 * the list of who may call whom.
 *
 *     run/ticketing.yaml  ticketing.db  ticketing.sock  ticketing.pid  ticketing.log
 *     run/keys/ticketing.key   run/secrets/ticketing.yaml   run/allow
 */
#ifndef INSTANCE_H
#define INSTANCE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "cli/cli.h"
#include "host/keys.h"

enum { INSTANCE_NAME_MAX = 32, INSTANCE_ENDPOINT_MAX = 160 };

struct instance {
    char dir[CLI_PATH_MAX];
    int fd; /* of the folder */
};

/* instance_services - their names, in no order that matters; NULL ends. */
extern const char *const instance_services[];
bool instance_knows(const char *service);

/* instance_wrong - says which of these names is no service, and which may be meant.  True then. */
bool instance_wrong(const struct cli *cli, int count, char *const *names);

/* instance_open - an existing one.  ERR_NOT_FOUND: there is none. */
int instance_open(struct instance *instance, const char *dir, struct err *err);

/* instance_make - a new one, in a folder that has none; port_base 0: ports that are free now. */
int instance_make(struct instance *instance, const char *dir, int port_base, struct err *err);

/* instance_path - of a file in it. */
const char *instance_path(const struct instance *instance, const char *service, const char *suffix,
                          struct arena *arena);

/* instance_endpoint - where its local socket is, whatever the length of the folder's path. */
const char *instance_endpoint(const struct instance *instance, const char *service,
                              struct arena *arena);

/* instance_keys - the command line's own pair, and a service's public key. */
int instance_keys(const struct instance *instance, const char *service, struct keys *mine,
                  uint8_t server_key[KEYS_SIZE], struct err *err);

/* instance_pid - 0: it does not run. */
pid_t instance_pid(const struct instance *instance, const char *service);

/* instance_start - as a process of its own that outlives this one; *child to wait for. */
int instance_start(const struct instance *instance, const char *service, const char *option,
                   pid_t *child, struct err *err);

/* instance_stop - SIGTERM (or `signal`), and wait for its end.  Not running is fine. */
int instance_stop(const struct instance *instance, const char *service, int signal, int64_t wait_ms,
                  struct err *err);

/* instance_last_words - the last line of its log. */
const char *instance_last_words(const struct instance *instance, const char *service,
                                struct arena *arena);

#endif
