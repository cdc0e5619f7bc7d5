/*
 * house - a running house for tests: a folder of its own with six real processes,
 * the manual in force and the demo estate brought in.  $BIN says where the
 * programs are.  Everything is on loopback and ends with the test.
 */
#ifndef HOUSE_H
#define HOUSE_H

#include <limits.h>
#include <signal.h>

#include "cli/session.h"

enum { HOUSE_SERVICES_MAX = 8 };

struct house {
    char dir[PATH_MAX];
    pid_t children[HOUSE_SERVICES_MAX]; /* that house_start made; 0: none */
    struct cli cli;
    struct session *session;
};

/* house_run - a command of ours, as a user would type it: bin/shouwen --dir … ARGS.
 * Its exit status; its output goes to dir/said. */
int house_run(const struct house *house, const char *const *args);

/*
 * house_new - make it, bring the demo estate in, and wait until every service is ready.
 * With `parameters` (a file) minutes may run as seconds; NULL: the manual as it is.
 * Fails the test with what was said.
 */
void house_new(struct house *house, const char *parameters);

/* house_duty - 周涛 (S402) is the technician on duty, 吴刚 (S403) after him, these days. */
void house_duty(struct house *house);

/* house_open - new connections to a house that exists (after a fork). */
void house_open(struct house *house);

/* house_end - (also when the test that made it ends early) SIGTERM to all, and the folder goes;
 * with KEEP=1 in the environment it stays. */
void house_end(struct house *house);

/* house_kill - SIGKILL, also before it has written its pid.  house_start - start it again, without
 * waiting; its pid.  house_stop - SIGTERM. */
void house_kill(struct house *house, const char *service);
pid_t house_start(struct house *house, const char *service);
void house_stop(struct house *house, const char *service);

/* house_ready - wait until all are ready and have caught up with the bus, at most wait_ms. */
bool house_ready(struct house *house, int64_t wait_ms);

/* house_client - a link of one's own, over the local socket. */
struct client *house_client(struct house *house, const char *service, size_t in_flight);

/* house_client_once - one that never sends a request a second time. */
struct client *house_client_once(struct house *house, const char *service, size_t in_flight);

/* house_wait - until `done` says so, at most wait_ms; looks every 20 ms. */
bool house_wait(bool (*done)(void *arg), void *arg, int64_t wait_ms);

int64_t house_now_ms(void);

#endif
