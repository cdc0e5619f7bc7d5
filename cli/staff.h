/* staff - `shouwen staff list|token|revoke`: who works here, and tokens for them. */
#ifndef STAFF_H
#define STAFF_H

#include "cli/cli.h"

extern const struct command staff_command;

#endif
