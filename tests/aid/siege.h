/*
 * siege - a house at whose ports somebody does what nobody should, honest callers who are
 * answered meanwhile, and how it must stand afterwards.
 */
#ifndef SIEGE_H
#define SIEGE_H

#include "aid/desk.h"
#include "aid/house.h"

enum { SIEGE_TARGETS = 2, SIEGE_WAIT_MS = 30000 };

/* siege_targets - the services that are besieged. */
extern const char *const siege_targets[SIEGE_TARGETS];

struct siege {
    struct house house;
    pid_t pids[SIEGE_TARGETS];
    int64_t begun_ms;
    struct desk_case known; /* what honest callers talk about */
    size_t calls;
    int64_t worst_ms;
};

/* siege_begin - a new house (house_new). */
void siege_begin(struct siege *siege, const char *parameters);

/* siege_call - one honest call; not answered, or wrongly: the test fails. */
void siege_call(struct siege *siege);

/* siege_said - how they fared; a call that took more than five seconds fails the test. */
void siege_said(const struct siege *siege);

/* siege_end - the processes are those of the beginning and serve; they end in order, and their
 * chains and files are whole. */
void siege_end(struct siege *siege);

/* Where a service listens, the keys of who may talk to it ("cli", "patrol"), and its own. */
int siege_port(struct siege *siege, const char *service);
const char *siege_tcp(struct siege *siege, const char *service);
void siege_keys(struct siege *siege, const char *name, struct keys *keys);
void siege_server_key(struct siege *siege, const char *service, uint8_t key[KEYS_SIZE]);

/* siege_seed - $SEED, or one of this moment; it is printed. */
uint64_t siege_seed(void);

#endif
