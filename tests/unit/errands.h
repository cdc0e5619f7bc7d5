/*
 * errands - each case of a world has somewhere to go: what is met least is set out for, by
 * a plan, with a case that is near it or a new one; waits are waited together.
 */
#ifndef ERRANDS_H
#define ERRANDS_H

#include "engine_aid.h"
#include "manual/manual.h"

/* errands_start - in a new world.  `calm`: without clocks that ring every hour, so that weeks
 * can pass; else days pass. */
void errands_start(struct engine *engine, const struct manual *manual, bool calm);

/* errands_step - one visit to a case, or some time; `more`: set out for more.  False: there
 * is nothing left. */
bool errands_step(bool more);

#endif
