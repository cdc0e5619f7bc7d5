/*
 * whole - is this file a whole store?
 */
#ifndef WHOLE_H
#define WHOLE_H

#include <stdbool.h>
#include <stddef.h>

/* whole_store - as SQLite's own check says; false with its first word against it in `why`. */
bool whole_store(const char *path, char *why, size_t size);

#endif
