/*
 * receiver - a small HTTP receiver of pages: what a text-message gateway or an app
 * would be in life.  For the demo and for tests.  `shouwen receiver --port N`.
 */
#ifndef RECEIVER_H
#define RECEIVER_H

#include <stdio.h>
#include <sys/types.h>

#include "cli/cli.h"

extern const struct command receiver_command;

enum { RECEIVER_NAMES_MAX = 64 };

struct receiver {
    int port;        /* 0: a free one, filled in */
    int64_t hang_ms; /* answer so late */
    FILE *out;
    size_t name_count;
    const char *staff[RECEIVER_NAMES_MAX]; /* numbers, and who they are */
    const char *names[RECEIVER_NAMES_MAX];
};

/* receiver_start - listen on the loopback address, and serve in a process of its own that
 * ends with this one. */
int receiver_start(const struct cli *cli, struct receiver *receiver, pid_t *child, struct err *err);

#endif
