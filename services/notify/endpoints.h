/*
 * endpoints - where channels lead (table channel), and whose console is open (table
 * attending).
 */
#ifndef ENDPOINTS_H
#define ENDPOINTS_H

#include <stdbool.h>

#include "core/core.h"

#define ENDPOINTS_DESK "desk"           /* the channel inside: console and pager; no job */
#define ENDPOINTS_EVERYBODY "*"         /* staff of the default address of a channel */
#define ENDPOINTS_HEARTBEAT "heartbeat" /* staff of the dead-man's switch */

enum { ENDPOINTS_MAX = 100, ENDPOINTS_ADDRESS_MAX = 500, ENDPOINTS_KEY_SIZE = 32 };

struct endpoint {
    const char *staff;
    const char *channel;
    const char *address;
    bool private; /* in our own network; else only https, and no private address */
};

/* endpoints_find - of this person, else of everybody.  1: found, 0: none, -1: err set. */
int endpoints_find(struct call *call, const char *staff, const char *channel,
                   struct endpoint *endpoint, struct err *err);

/* endpoints_put - set it; an empty address forgets it. */
int endpoints_put(struct call *call, const struct endpoint *endpoint, struct err *err);

/* endpoints_tell - who has put it where, for ever. */
int endpoints_tell(struct call *call, const struct endpoint *endpoint, struct err *err);

/* endpoints_list - of a person, or ("") all, up to ENDPOINTS_MAX.  Returns how many, or -1. */
int endpoints_list(struct call *call, const char *staff, struct endpoint *endpoints,
                   struct err *err);

/* endpoints_key - what signs the messages to an address: made from the keys of the house, so
 * that it is in no store. */
void endpoints_key(const struct call *call, const char *address, uint8_t key[ENDPOINTS_KEY_SIZE]);

/* endpoints_attend - his console is open until then; endpoints_attending: 1 if it is now. */
int endpoints_attend(struct call *call, const char *staff, int64_t until_ms, struct err *err);
int endpoints_attending(struct call *call, const char *staff, struct err *err);
int endpoints_prune(struct call *call, struct err *err);

#endif
