/* doctor - `shouwen doctor`: what may be wrong with this machine and this instance. */
#ifndef DOCTOR_H
#define DOCTOR_H

#include "cli/cli.h"

extern const struct command doctor_command;

#endif
