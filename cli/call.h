/* call - `shouwen call METHOD JSON`: any rpc of the contract. */
#ifndef CALL_H
#define CALL_H

#include "cli/cli.h"

extern const struct command call_command;

#endif
