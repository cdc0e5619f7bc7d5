/*
 * unreachable - what no history of the department's manual can meet, and why.  Whatever is
 * met all the same makes the test fail: the table cannot rot.
 */
#ifndef UNREACHABLE_H
#define UNREACHABLE_H

#include "coverage.h"

extern const struct unreachable unreachable[];
extern const size_t unreachable_count;

#endif
