/*
 * registry_import - files brought in: taken in parts, then checked and applied in
 * slices by a timer.
 *
 *     taking → checking → applying → done
 *                       ↘ refused          (bad rows, and not `partial`)
 *
 * All rows are checked before one is applied.  Applying cannot fail half-way for a
 * reason in the data, and after a stop it goes on, so it is all or nothing.
 */
#ifndef REGISTRY_IMPORT_H
#define REGISTRY_IMPORT_H

#include "services/registry/registry_entry.h"

enum {
    IMPORT_PART_MAX = 256,    /* rows in one ImportRows */
    IMPORT_ROWS_MAX = 200000, /* in one file */
    IMPORT_OPEN_MAX = 16,     /* files on their way at once */
    IMPORT_COLUMNS_MAX = 32,
    IMPORT_CHECK_SLICE = 128, /* rows in one transaction; a row is one look-up or two */
    IMPORT_APPLY_SLICE = 20,  /* a row writes its event and up to ten rows of tables */
    IMPORT_CLEAR_SLICE = 256,
};

struct import {
    int64_t id;
    const struct entry_kind *kind;
    const char *columns;
    bool partial;
    const char *estate;
    const char *state;
    int64_t last_line, rows, bad, position, checked, applied, unchanged;
};

/* registry_import_find - 0, or -1 with err set (not_found, too). */
int registry_import_find(struct call *call, int64_t id, struct import *import, struct err *err);

/* registry_import_save - its state and its counts. */
int registry_import_save(struct call *call, const struct import *import, struct err *err);

/* registry_import_wake - the next slice as soon as may be. */
int registry_import_wake(struct call *call, const struct import *import, struct err *err);

/* registry_import_drop_at - forget its rows at this time. */
int registry_import_drop_at(struct call *call, const struct import *import, int64_t ms,
                            struct err *err);

/* registry_import_mistakes - as they are kept: a packed BadRow; none: no bytes. */
struct bytes registry_import_mistakes(struct call *call, uint32_t line, const struct entry *entry);

#endif
