/*
 * methods - every rpc of the contract by its full name, as the wire carries it:
 * "shouwen.ticketing.v1.Ticketing/GetCase".  The list is made from proto/ at build
 * time, so a new service needs no line here.
 */
#ifndef METHODS_H
#define METHODS_H

#include <stdbool.h>
#include <stddef.h>

#include <protobuf-c/protobuf-c.h>

#include "base/arena.h"
#include "base/err.h"

/* All service blocks; NULL ends. */
extern const ProtobufCServiceDescriptor *const methods_services[];

struct methods_found {
    const char *service;                     /* "ticketing": whose process answers */
    const char *full;                        /* its full name, however it was asked for */
    const ProtobufCMethodDescriptor *method; /* name, input, output */
};

/*
 * methods_find - by full name, or for people "ticketing/GetCase", "Ticketing/GetCase"
 * or, where only one service has it, "GetCase".  0, or -1 with err set:
 *   ERR_UNIMPLEMENTED  method_unknown  method, nearest
 *   ERR_INVALID        method_several  method, first, second
 */
int methods_find(const char *name, struct methods_found *found, struct arena *arena,
                 struct err *err);

/* methods_next - walk over all: start with {0}; false at the end. */
struct methods_walk {
    size_t service;
    unsigned method;
};
bool methods_next(struct methods_walk *walk, struct methods_found *found, struct arena *arena);

#endif
