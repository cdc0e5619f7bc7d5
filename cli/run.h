/* run - `shouwen run`: the demo estate, live, and the main job played on it. */
#ifndef RUN_H
#define RUN_H

#include "cli/cli.h"

extern const struct command run_command;

#endif
