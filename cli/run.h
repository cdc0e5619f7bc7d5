/* run - `shouwen run`: the demo estate, live, and the main job played on it. */
#ifndef RUN_H
#define RUN_H

#include "cli/cli.h"

extern const struct command run_command;

/* run_live - a rehearsal file against real processes in a folder of its own, which is removed
 * after it; what `rehearse --live` does.  An exit code. */
int run_live(struct cli *cli, const char *file, const char *log);

#endif
