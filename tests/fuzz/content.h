/*
 * content - what all tables of a store hold, as one number; the store may be in use.
 */
#ifndef CONTENT_H
#define CONTENT_H

#include <stdint.h>

/* content_of - of the store at `path`, as of its last commit. */
uint64_t content_of(const char *path);

/* content_copy - a file as it is; nothing where there is none. */
void content_copy(const char *from, const char *to);

#endif
