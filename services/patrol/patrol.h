/*
 * patrol - what is planned on a calendar and walked (README.md).
 */
#ifndef PATROL_H
#define PATROL_H

#include "core/core.h"

extern const struct service_def patrol_def;

#endif
