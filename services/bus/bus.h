/*
 * bus - the service that merges every store's events into one log (README.md).
 */
#ifndef BUS_H
#define BUS_H

#include "core/core.h"
#include "services/bus/log.h"

extern const struct service_def bus_def;
extern const struct migration bus_schema[];

/* bus_log - the log of this bus. */
struct log bus_log(const struct call *call);

/* bus_lane_name - what a Pull of this lane is parked on. */
const char *bus_lane_name(Wire__Lane lane);

/* bus_keep_consumers - who has pulled since the start and that time, into log_consumer. */
int bus_keep_consumers(struct call *call, int64_t since_ms, struct err *err);

/* bus_append - the method Append (append.c). */
int bus_append(struct call *call, struct err *err);

/* bus_id - the id of this life of the log (it begins with the process), in the arena. */
void bus_id(struct call *call, ProtobufCBinaryData *id);

#endif
