/*
 * live - a service as a process: its core between ZeroMQ sockets, the machine's
 * clock, signals and threads for its jobs.
 *
 *     drain what waits (up to a group) → core_step: one commit → replies leave
 *
 * One thread owns the core and all sockets.  Who may say what is checked on every
 * message against the current allow list (keys.h), before the core sees it.
 *
 *     SIGTERM, SIGINT   finish what is taken, answer, end with 0
 *     SIGHUP            read the allow list again
 *
 * A failed write or flush of the store ends the process at once with 1: nobody
 * knows what is on the disk, and the next start finds out.
 */
#ifndef LIVE_H
#define LIVE_H

#include "core/core.h"

/* live_main - what a service's main returns.  0, 1 (failed), 2 (wrong arguments). */
int live_main(const struct service_def *def, int argc, char **argv);

#endif
