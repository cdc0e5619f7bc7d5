#ifndef CLI_REHEARSE_H
#define CLI_REHEARSE_H

#include "cli/cli.h"

extern const struct command rehearse_command;

#endif
