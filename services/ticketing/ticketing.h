/*
 * ticketing - contacts and cases (README.md).
 */
#ifndef TICKETING_H
#define TICKETING_H

#include "core/core.h"

extern const struct service_def ticketing_def;

#endif
