/*
 * log - where the merged events are kept: a small interface, so that the engine
 * can be another one.  `builtin` keeps them in the bus's own SQLite store, in
 * the transaction of the request.
 *
 * An engine stores what it is told: which events follow, who may append and
 * what is a repeat is decided in append.c, the same for all engines.
 */
#ifndef BUS_LOG_H
#define BUS_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/err.h"
#include "shouwen/wire/v1/wire.pb-c.h"

enum {
    LOG_SOURCE_SIZE = 16,
    LOG_LANES = 2,
    LOG_EVENTS_MAX = 256,       /* of one append or read */
    LOG_BYTES_MAX = 240 * 1024, /* of the events of one reply */
    LOG_SCAN_MAX = 1024,        /* rows that one read looks at for those it wants */
    LOG_SOURCES_MAX = 256,
    LOG_EVENT_MAX = 48 * 1024,
};

/* A store whose events are in the log. */
struct log_source {
    int64_t id; /* the engine's */
    uint8_t source[LOG_SOURCE_SIZE];
    const char *service;
    uint64_t epoch;
    uint64_t head[LOG_LANES]; /* last sequence stored, by lane */
};

struct log_entry {
    uint64_t seq;
    const char *topic;
    struct bytes body;
    uint64_t position; /* in its lane: set by append */
};

/* What a read asks for: of the patterns given one must match; none: all. */
struct log_want {
    Wire__Lane lane;
    uint64_t after;
    const char *const *patterns;
    size_t pattern_count;
    size_t max;
};

struct log_found {
    struct log_entry entries[LOG_EVENTS_MAX];
    size_t count;
    uint64_t next;  /* all up to here was looked at */
    uint64_t first; /* the first position that was looked at; 0: there was none */
    uint64_t head;  /* last position of the lane */
};

struct log;

/* All return -1 with err set when they fail. */
struct log_engine {
    const char *name;
    /* 1: found.  0: no such source. */
    int (*find)(const struct log *log, const uint8_t *source, struct log_source *found,
                struct arena *arena, struct err *err);
    /* A new source, or a higher epoch of one.  Sets source->id. */
    int (*put)(const struct log *log, struct log_source *source, struct err *err);
    /* Entries that follow source->head[lane]; moves the head. */
    int (*append)(const struct log *log, struct log_source *source, Wire__Lane lane,
                  struct log_entry *entries, size_t count, struct err *err);
    /* 1: the event that was stored.  0: none, or it was removed. */
    int (*body)(const struct log *log, const struct log_source *source, Wire__Lane lane,
                uint64_t seq, struct arena *arena, struct bytes *body, struct err *err);
    int (*head)(const struct log *log, Wire__Lane lane, uint64_t *position, struct err *err);
    int (*read)(const struct log *log, const struct log_want *want, struct arena *arena,
                struct log_found *found, struct err *err);
    /* Removes the oldest of a lane, at most max of them, none behind the position.  The last
     * one of a lane is never asked for.  Returns how many. */
    int (*prune)(const struct log *log, Wire__Lane lane, uint64_t upto, int max, struct err *err);
    /* Returns how many, at most LOG_SOURCES_MAX. */
    int (*sources)(const struct log *log, struct arena *arena, struct log_source *list,
                   struct err *err);
};

struct log {
    const struct log_engine *engine;
    void *arg;
};

struct store;

/* log_builtin - the log in this store (schema/001_init.sql). */
struct log log_builtin(struct store *store);

/* log_wanted - does a topic match one of the patterns?  For engines. */
bool log_wanted(const struct log_want *want, const char *topic);

#endif
