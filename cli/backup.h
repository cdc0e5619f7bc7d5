/* backup - `shouwen backup` and `restore`: stores out of a running house, and back. */
#ifndef BACKUP_H
#define BACKUP_H

#include "cli/cli.h"

extern const struct command backup_command, restore_command;

#endif
