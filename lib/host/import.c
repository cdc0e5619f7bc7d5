#include "host/import.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/speak.h"
#include "base/text.h"
#include "host/import_roster.h"

enum {
    FILE_MAX = 64 * 1024 * 1024,
    PART_ROWS = 256,
    PART_BYTES = 40 * 1024,
    BAD_AT_ONCE = 50,
    POLLS_MAX = 100 * 1000,
};

/* ---- what it is ---- */

static bool is(struct bytes field, const char *name) {
    return field.size == strlen(name) && memcmp(field.data, name, field.size) == 0;
}

static bool has(const struct csv_row *header, const char *name) {
    for (size_t i = 0; i < header->count; i++) {
        if (is(header->fields[i], name)) {
            return true;
        }
    }
    return false;
}

static const char *kind_of(const struct csv_row *header) {
    if (has(header, "post") && has(header, "shift")) {
        return "roster";
    }
    if (has(header, "person")) {
        return "persons";
    }
    if (has(header, "building")) {
        return "units";
    }
    return has(header, "roles") ? "staff" : NULL;
}

/* ---- registry ---- */

static int send_part(const struct import_link *link, int64_t id, Registry__ImportRow **rows,
                     size_t count, struct arena *arena, struct err *err) {
    Registry__ImportRowsRequest request = REGISTRY__IMPORT_ROWS_REQUEST__INIT;

    request.import = id;
    request.rows = rows;
    request.n_rows = count;
    return link->ask(link->arg, "registry", "shouwen.registry.v1.Registry/ImportRows",
                     &request.base, &registry__import_rows_reply__descriptor, arena, err)
               ? 0
               : -1;
}

static Registry__ImportRow *packed_row(const struct csv_row *row, size_t *bytes,
                                       struct arena *arena) {
    Registry__ImportRow *made = ARENA_NEW(arena, Registry__ImportRow);

    registry__import_row__init(made);
    made->line = (uint32_t)row->line;
    if (row->mistake) {
        made->mistake = row->mistake;
        return made;
    }
    made->n_values = row->count;
    made->values = arena_alloc(arena, row->count * sizeof *made->values);
    for (size_t i = 0; i < row->count; i++) {
        made->values[i].len = row->fields[i].size;
        made->values[i].data = arena_copy(arena, row->fields[i].data, row->fields[i].size);
        *bytes += row->fields[i].size + 4;
    }
    return made;
}

static int send_rows(const struct import_link *link, struct csv *csv, int64_t id,
                     struct import_result *result, struct arena *arena, struct err *err) {
    for (bool more = true; more;) {
        size_t used = arena_used(arena);
        Registry__ImportRow *rows[PART_ROWS];
        size_t count = 0;
        size_t bytes = 0;
        struct csv_row row;
        while (count < PART_ROWS && bytes < PART_BYTES
               && (more = csv_next(csv, &row, arena) == 1)) {
            rows[count++] = packed_row(&row, &bytes, arena);
            bytes += 16;
        }
        result->rows += count;
        if (count > 0 && send_part(link, id, rows, count, arena, err)) {
            return -1;
        }
        arena_rewind(arena, used);
    }
    return 0;
}

static int list_bad(const struct import_link *link, int64_t id, struct import_result *result,
                    struct arena *arena, struct err *err) {
    Registry__GetImportRequest request = REGISTRY__GET_IMPORT_REQUEST__INIT;

    request.import = id;
    request.max = BAD_AT_ONCE;
    result->bad_rows = arena_alloc(arena, IMPORT_BAD_MAX * sizeof(*result->bad_rows));
    for (;;) {
        const Registry__GetImportReply *reply = (const Registry__GetImportReply *)link->ask(
            link->arg, "registry", "shouwen.registry.v1.Registry/GetImport", &request.base,
            &registry__get_import_reply__descriptor, arena, err);
        if (!reply) {
            return -1;
        }
        for (size_t i = 0; i < reply->n_bad_rows && result->bad_count < IMPORT_BAD_MAX; i++) {
            result->bad_rows[result->bad_count++] = reply->bad_rows[i];
            request.after_line = reply->bad_rows[i]->line;
        }
        if (reply->n_bad_rows < request.max || result->bad_count == IMPORT_BAD_MAX) {
            return 0;
        }
    }
}

/* Until it is done or refused: checked and applied in slices. */
static int wait_done(const struct import_link *link, int64_t id, struct import_result *result,
                     struct arena *arena, struct err *err) {
    Registry__GetImportRequest request = REGISTRY__GET_IMPORT_REQUEST__INIT;

    request.import = id;
    for (int poll = 0; poll < POLLS_MAX; poll++) {
        size_t used = arena_used(arena);
        const Registry__GetImportReply *reply = (const Registry__GetImportReply *)link->ask(
            link->arg, "registry", "shouwen.registry.v1.Registry/GetImport", &request.base,
            &registry__get_import_reply__descriptor, arena, err);
        if (!reply) {
            return -1;
        }
        const Registry__ImportProgress *progress = reply->progress;
        result->bad = progress ? progress->bad : 0;
        bool ended = progress
                     && (text_eq(progress->state, "done") || text_eq(progress->state, "refused")
                         || text_eq(progress->state, "dropped"));
        if (ended) {
            return result->bad > 0 ? list_bad(link, id, result, arena, err) : 0;
        }
        arena_rewind(arena, used);
        if (link->wait(link->arg, err)) {
            return -1;
        }
    }
    return err_plain(err, ERR_DEADLINE, "import %lld does not come to an end", (long long)id);
}

static int to_registry(const struct import_link *link, struct csv *csv,
                       const struct csv_row *header, bool partial, struct import_result *result,
                       struct arena *arena, struct err *err) {
    Registry__StartImportRequest start = REGISTRY__START_IMPORT_REQUEST__INIT;
    const char *columns[CSV_FIELDS_MAX];

    for (size_t i = 0; i < header->count; i++) {
        columns[i] = (const char *)header->fields[i].data;
    }
    start.kind = result->kind;
    start.columns = columns;
    start.n_columns = header->count;
    start.partial = partial;
    const Registry__StartImportReply *started = (const Registry__StartImportReply *)link->ask(
        link->arg, "registry", "shouwen.registry.v1.Registry/StartImport", &start.base,
        &registry__start_import_reply__descriptor, arena, err);
    if (!started || send_rows(link, csv, started->import, result, arena, err)) {
        return -1;
    }
    Registry__FinishImportRequest finish = REGISTRY__FINISH_IMPORT_REQUEST__INIT;
    finish.import = started->import;
    if (!link->ask(link->arg, "registry", "shouwen.registry.v1.Registry/FinishImport", &finish.base,
                   &registry__finish_import_reply__descriptor, arena, err)) {
        return -1;
    }
    return wait_done(link, started->import, result, arena, err);
}

int import_file(const struct import_link *link, struct bytes file, bool partial,
                struct import_result *result, struct arena *arena, struct err *err) {
    struct csv csv = csv_open(file);
    struct csv_row header;

    *result = (struct import_result){0};
    if (csv_next(&csv, &header, arena) != 1 || header.mistake) {
        return err_set(err, ERR_INVALID, "import_empty", "file=");
    }
    result->kind = kind_of(&header);
    if (!result->kind) {
        return err_set(err, ERR_INVALID, "import_columns", "file=");
    }
    return text_eq(result->kind, "roster")
               ? import_roster(link, file, result, arena, err)
               : to_registry(link, &csv, &header, partial, result, arena, err);
}

int import_path(const struct import_link *link, const char *path, bool partial,
                struct import_result *result, struct arena *arena, struct err *err) {
    FILE *in = fopen(path, "rb");
    long size = -1;

    if (!in) {
        return err_plain(err, ERR_NOT_FOUND, "%s: %s", path, speak(strerror(errno)));
    }
    if (fseek(in, 0, SEEK_END) == 0) {
        size = ftell(in);
    }
    if (size < 0 || size > FILE_MAX || fseek(in, 0, SEEK_SET)) {
        (void)fclose(in);
        return err_plain(err, ERR_INVALID, "%s: larger than %d bytes, or no file", path, FILE_MAX);
    }
    uint8_t *data = malloc((size_t)size + 1);
    size_t got = data ? fread(data, 1, (size_t)size, in) : 0;
    (void)fclose(in);
    int rc = data && got == (size_t)size
                 ? import_file(link, (struct bytes){data, got}, partial, result, arena, err)
                 : err_plain(err, ERR_UNAVAILABLE, "%s cannot be read", path);
    free(data);
    return rc;
}
