/* csv - any bytes are rows and mistakes; good rows, written again, are read the same. */
#include "base/csv.h"

#include "fuzz.h"

enum { QUOTED = 2 };

static size_t put_field(uint8_t *out, struct bytes field) {
    size_t used = 0;

    out[used++] = '"';
    for (size_t i = 0; i < field.size; i++) {
        if (field.data[i] == '"') {
            out[used++] = '"';
        }
        out[used++] = field.data[i];
    }
    out[used++] = '"';
    return used;
}

static void check_again(const struct csv_row *row, struct arena *arena) {
    size_t room = 1;

    for (size_t i = 0; i < row->count; i++) {
        room += row->fields[i].size * 2 + QUOTED + 1;
    }
    uint8_t *text = arena_alloc(arena, room);
    size_t size = 0;
    for (size_t i = 0; i < row->count; i++) {
        size += put_field(text + size, row->fields[i]);
        text[size++] = i + 1 < row->count ? ',' : '\n';
    }
    struct csv csv = csv_open((struct bytes){text, size});
    struct csv_row again;
    FUZZ_CHECK(csv_next(&csv, &again, arena) == 1);
    FUZZ_CHECK(!again.mistake && again.count == row->count && again.line == 1);
    for (size_t i = 0; i < row->count; i++) {
        FUZZ_CHECK(fuzz_same(row->fields[i], again.fields[i]));
    }
    FUZZ_CHECK(csv_next(&csv, &again, arena) == 0);
}

/* Any bytes can be one field.  (A carriage return in it comes out as a line end.) */
static void check_whole(struct bytes data, struct arena *arena) {
    if (data.size > CSV_FIELD_MAX || (data.size > 0 && memchr(data.data, '\r', data.size))) {
        return;
    }
    struct csv_row row = {.count = 1};
    row.fields[0] = data;
    check_again(&row, arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena *arena = fuzz_arena();
    struct csv csv = csv_open((struct bytes){data, size});
    struct csv_row row;
    int line = 0;

    while (csv_next(&csv, &row, arena) == 1) {
        FUZZ_CHECK(row.line > line); /* so it comes to an end */
        line = row.line;
        FUZZ_CHECK(row.mistake ? row.count == 0 : row.count > 0 && row.count <= CSV_FIELDS_MAX);
        for (size_t i = 0; i < row.count; i++) {
            FUZZ_CHECK(row.fields[i].size <= CSV_FIELD_MAX);
            FUZZ_CHECK(row.fields[i].data[row.fields[i].size] == 0);
        }
        size_t used = arena_used(arena);
        if (!row.mistake) {
            check_again(&row, arena);
        }
        arena_rewind(arena, used);
    }
    FUZZ_CHECK(csv.at == size);
    check_whole((struct bytes){data, size}, arena);
    return 0;
}
