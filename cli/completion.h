/* completion - `shouwen completion bash`: tab completion, made from the tables. */
#ifndef COMPLETION_H
#define COMPLETION_H

#include "cli/cli.h"

extern const struct command completion_command;

#endif
