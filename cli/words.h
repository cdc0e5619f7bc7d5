/*
 * words - sentences for what the command line itself refuses, before any service
 * with its texts has been asked.
 */
#ifndef CLI_WORDS_H
#define CLI_WORDS_H

#include <stddef.h>

#include "base/err.h"
#include "cli/cli.h"

/* words_of - the sentence of this error in `out`; its arguments if there is none. */
const char *words_of(const struct cli *cli, const struct err *err, char *out, size_t size);

#endif
