/*
 * import - a CSV file on its way into the house: units, persons and staff to
 * registry, rosters to patrol.  Which of them a file is, its columns say.  For the
 * command line, the demo estate and rehearsals; over any link that can ask.
 */
#ifndef IMPORT_H
#define IMPORT_H

#include <stdbool.h>

#include <protobuf-c/protobuf-c.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/err.h"
#include "shouwen/registry/v1/registry.pb-c.h"

enum { IMPORT_BAD_MAX = 1000 /* bad rows that are listed */ };

struct import_link {
    void *arg;
    /* The reply of a method (full name), in the arena; NULL with err set. */
    ProtobufCMessage *(*ask)(void *arg, const char *service, const char *method,
                             const ProtobufCMessage *request,
                             const ProtobufCMessageDescriptor *reply_type, struct arena *arena,
                             struct err *err);
    /* Let the service work for a moment. */
    int (*wait)(void *arg, struct err *err);
};

struct import_result {
    const char *kind; /* "staff", "units", "persons", "roster" */
    size_t rows;
    size_t bad;       /* with any, nothing came in (unless partial) */
    size_t bad_count; /* of those listed here */
    const Registry__BadRow **bad_rows;
};

/* import_file - 0, also with bad rows; -1 with err set: it cannot be read or sent. */
int import_file(const struct import_link *link, struct bytes file, bool partial,
                struct import_result *result, struct arena *arena, struct err *err);

/* import_path - the same from a path. */
int import_path(const struct import_link *link, const char *path, bool partial,
                struct import_result *result, struct arena *arena, struct err *err);

#endif
