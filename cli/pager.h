/* pager - `shouwen pager --as WHO`: a pager in a terminal. */
#ifndef PAGER_H
#define PAGER_H

#include "cli/cli.h"

extern const struct command pager_command;

#endif
