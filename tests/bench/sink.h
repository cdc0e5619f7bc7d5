/*
 * sink - an HTTP server on loopback that takes many messages: connections are kept, bodies
 * are not.  A thread of its own.  (tests/aid/receiver keeps every message, one to a connection.)
 */
#ifndef SINK_H
#define SINK_H

#include <stdbool.h>
#include <stddef.h>

#include "aid/house.h"

struct sink;

struct sink *sink_new(void);
void sink_free(struct sink *sink);

/* sink_lead - a channel of everybody leads here from now on. */
void sink_lead(struct sink *sink, struct house *house, const char *channel);

/* sink_hold - take and answer nothing until told otherwise. */
void sink_hold(struct sink *sink, bool hold);

size_t sink_count(struct sink *sink);       /* messages answered */
size_t sink_connections(struct sink *sink); /* that came */

/* sink_raw - messages of `size` bytes a second that it takes from a bare loop over one connection.
 */
double sink_raw(struct sink *sink, size_t n, size_t size);

#endif
