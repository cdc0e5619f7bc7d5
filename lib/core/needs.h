/*
 * needs - what a request must not leave empty: checked by the core before a handler, so
 * that "there is no case “”" is said as what it is, by the name of the field.
 * A service that decides itself who may (registry) asks for it then.
 */
#ifndef NEEDS_H
#define NEEDS_H

#include <protobuf-c/protobuf-c.h>

#include "base/arena.h"
#include "base/err.h"
#include "core/core.h"

/* needs_check - 0; or -1 with ERR_INVALID field_missing, which names all that is empty. */
int needs_check(const struct need *needs, const ProtobufCMessage *request, struct arena *arena,
                struct err *err);

/* needs_sound - every row names a method of the contract and fields of its request. */
int needs_sound(const struct service_def *def, struct err *err);

#endif
