/*
 * form - what people write into a field, checked against the form and put into the
 * kind in which it is kept.
 *
 *   dates "2025-07-11" and times "22:14" as text · dt as milliseconds · money in cents ·
 *   staff by number · phones and ID numbers sealed · photos as their count · ratings and
 *   whole numbers as integers · several of a kind as text joined by ";"
 */
#ifndef FORM_H
#define FORM_H

#include "engine/work.h"

enum {
    FORM_TEXT_MAX = 400,  /* bytes of a short text */
    FORM_LONG_MAX = 8000, /* bytes of a free text */
    FORM_MANY_MAX = 64,   /* of a field that takes several */
    FORM_PHOTOS_MAX = 64,
};

/* The context in which phones and ID numbers of cases are sealed (base/seal.h). */
#define FORM_SEAL_CONTEXT "case:phone"

/*
 * form_typed - check and convert.  *out shares the memory of the input or the arena.
 * -1 with ERR_INVALID: field_type, field_choice, field_column, text_…, phone_wrong, rows_many;
 * ERR_NOT_FOUND: unit_unknown, staff_unknown.
 */
int form_typed(struct work *work, const Manual__Field *field, const Wire__Value *in,
               Wire__Value *out, struct err *err);

/* form_column - the same for the column of a list. */
int form_column(struct work *work, const Manual__Column *column, const Wire__Value *in,
                Wire__Value *out, struct err *err);

/* form_cell, form_value - a value as a cell, a cell as a value. */
Wire__Cell *form_cell(const Wire__Value *value, struct arena *arena);
Wire__Value form_value(const Wire__Cell *cell);

#endif
