/*
 * cli - what the commands of `shouwen` share: the options that all take, two
 * languages, and the table of commands.
 *
 * Exit codes: 0 done; 1 refused or failed; 2 wrong usage.
 */
#ifndef CLI_H
#define CLI_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

enum { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2, CLI_PATH_MAX = 4096 };

struct cli {
    const char *dir; /* of the instance: --dir, $SHOUWEN_DIR, or ./run */
    const char *as;  /* --as: whose token; NULL: the system's */
    bool english;    /* --lang, or the locale */
    bool json;       /* --json */
    bool colour;     /* a terminal, and no $NO_COLOR */
    bool dir_given;
    struct arena *arena;
};

struct command {
    const char *name;
    const char *arguments;                              /* "[--follow] [TOPIC]" */
    const char *zh, *en;                                /* one line */
    const char *more_zh, *more_en;                      /* the rest of its --help */
    int (*run)(struct cli *cli, int argc, char **argv); /* argv[0]: its name */
};

/* cli_say - of two texts the one in the caller's language. */
const char *cli_say(const struct cli *cli, const char *zh, const char *en)
    __attribute__((format_arg(2), format_arg(3)));

/* cli_fail - "shouwen: …" on stderr (or {"error": …} with --json).  Always CLI_FAILED. */
int cli_fail(const struct cli *cli, const struct err *err);

/* cli_usage - what is wrong with the arguments.  Always CLI_USAGE. */
int cli_usage(const struct cli *cli, const char *zh, const char *en);

/* cli_flag, cli_value - take an option out of argv; value: "--name X" or "--name=X".  The rest
 * stays in order.  cli_value gives NULL when it is not there. */
bool cli_flag(int *argc, char **argv, const char *name);
const char *cli_value(int *argc, char **argv, const char *name);

/* cli_number - of an option; `otherwise` when it is not there.  False: no whole number. */
bool cli_number(int *argc, char **argv, const char *name, int64_t otherwise, int64_t *number);

/* cli_unknown - an option is left over: says so.  True then.  Options may stand anywhere, until
 * a "--", which is taken out. */
bool cli_unknown(const struct cli *cli, int *argc, char **argv);

/* cli_commands - the table, NULL-ended. */
extern const struct command *const cli_commands[];

#endif
