/*
 * diskfull - a disk that is full when told so: for rehearsals and tests only.
 *
 * diskfull_install puts a thin layer under every store that is opened afterwards.
 * While diskfull_set(true) holds in this thread, whatever would write fails as on a
 * full disk (SQLITE_FULL); reading goes on.  A store that is not written to does not
 * notice.
 */
#ifndef DISKFULL_H
#define DISKFULL_H

#include <stdbool.h>

void diskfull_install(void);
void diskfull_set(bool full);

#endif
