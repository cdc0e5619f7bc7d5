/*
 * registry_aid - a registry to ask, in this process: a host of its core without
 * sockets, and a small manual to publish.
 */
#ifndef REGISTRY_AID_H
#define REGISTRY_AID_H

#include <limits.h>

#include "base/seal.h"
#include "core/core.h"
#include "core/event.h"
#include "harness.h"
#include "services/registry/registry.h"

struct registry {
    struct core *core;
    struct arena *scratch; /* reset by nobody: a test is short */
    struct secrets secrets;
    int64_t now_ms;
    char folder[64];
    char path[PATH_MAX];
    struct bytes system; /* token */
};

/* aid_start - a new store on the disk. */
void aid_start(struct registry *registry);
void aid_stop(struct registry *registry);
void aid_restart(struct registry *registry);

/* aid_token - of a staff number with one role, signed with registry's key. */
struct bytes aid_token(struct registry *registry, const char *staff, const char *role);

uint8_t *aid_id(struct registry *registry);

/* aid_ask - one request, one reply; `id` NULL: a new one.  `local`: over the local socket. */
Wire__Reply *aid_ask(struct registry *registry, const char *method, const ProtobufCMessage *payload,
                     struct bytes token, uint8_t *id, bool local);

/* aid_get - the unpacked reply of a request by the system that must succeed. */
void *aid_get(struct registry *registry, const char *method, const ProtobufCMessage *payload);
void *aid_get_as(struct registry *registry, const char *method, const ProtobufCMessage *payload,
                 struct bytes token);

/* aid_refused - the rule of a request that must be refused with this code. */
const char *aid_refused(struct registry *registry, const char *method,
                        const ProtobufCMessage *payload, struct bytes token, enum err_code code);

/* aid_run - timers, until nothing is due. */
void aid_run(struct registry *registry);

/* aid_count - events of a topic in this store; aid_last - the newest of them, or NULL. */
int aid_count(struct registry *registry, const char *topic);
Wire__Event *aid_last(struct registry *registry, const char *topic);

/* aid_deliver - an event of another service, through the pull of the normal lane. */
void aid_deliver(struct registry *registry, const Wire__Event *event);

/* aid_publish - revision n of a manual with the roles front (reads), boss (manages) and sysop. */
void aid_publish(struct registry *registry, uint32_t revision);

/* aid_file - a file of that manual: 0 roles, 1 texts; packed. */
struct bytes aid_file(struct registry *registry, int which);

/* aid_staff, aid_unit, aid_person - one put by the system. */
void aid_staff(struct registry *registry, const char *staff, const char *name, const char *role);
void aid_unit(struct registry *registry, const char *unit);
void aid_person(struct registry *registry, const char *person, const char *unit, const char *name,
                const char *phone);

#endif
