/*
 * settings - what a service is told at its start: one YAML file and a few
 * arguments.  Paths are relative to the file's folder, which becomes the
 * working directory.
 */
#ifndef SETTINGS_H
#define SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/config.h"
#include "base/err.h"

struct settings {
    const char *service; /* must be the program's own name */
    const char *listen;  /* tcp://127.0.0.1:7101 */
    const char *local;   /* ipc://ticketing.sock */
    const char *store;
    const char *keys;  /* key pair */
    const char *allow; /* who may connect */
    const char *secrets;
    const char *pid; /* lock and pid file */
    const char *log_level;
    bool log_time;
    struct config_map peers; /* bus: tcp://… */
    int64_t workers;
    int64_t urgent_workers;
    int64_t group_max;
    int64_t keep_days; /* of the bus's log; 0: for ever */
    bool self_test;
    /* arguments */
    bool check_only;
    bool accept_loss;
};

/* settings_load - a file alone, for those who look after services. */
int settings_load(const char *path, struct settings *settings, struct arena *arena,
                  struct err *err);

/*
 * settings_read - from `program --config FILE [--check-config] [--accept-loss]`.
 * 0: go on.  1: nothing more to do (--help, --version).  -1: err set.
 */
int settings_read(const char *service, int argc, char **argv, struct settings *settings,
                  struct arena *arena, struct err *err);

#endif
