/*
 * chinese - the Chinese words of everything that speaks to whoever runs a command
 * (base/speak.h): by the English ones, in the order of the files that say them.
 *
 * tests/unit/test_speak.c reads the sources and says which text has no row here, which
 * row is of no text, and whose conversions differ.
 */
#ifndef CHINESE_H
#define CHINESE_H

#include "base/speak.h"

/* What chinese_manual.c and the others hold. */
extern const struct speech chinese_manual[];   /* lib/manual: what is wrong in a manual */
extern const struct speech chinese_rehearse[]; /* lib/host/rehearse*: what did not hold */
extern const struct speech chinese_house[];    /* the rest of lib, the services, the commands */
extern const struct speech chinese_others[];   /* what libc, libyaml and services answer */

/* All of them, for speak_use. */
extern const struct speech *const chinese_tables[];

#endif
