/*
 * topics - which topics events can have: those of the house (proto/README.md) and those that
 * the manual's procedures make.
 */
#ifndef TOPICS_H
#define TOPICS_H

#include "cli/cli.h"

enum { TOPICS_MAX = 2048 };

/* The house's own; NULL ends. */
extern const char *const topics_house[];

/* topics_all - those and, when the manual in `dir` can be read, its procedures'; how many. */
size_t topics_all(const struct cli *cli, const char *dir, const char *topics[TOPICS_MAX]);

#endif
