/*
 * receiver - an HTTP server on loopback where pages arrive: it notes each message
 * with the time of its first byte, and answers 200; or it hangs.  A thread of its own.
 */
#ifndef RECEIVER_H
#define RECEIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "aid/house.h"

enum { RECEIVER_BODY_MAX = 1024 };

struct received {
    int64_t at_us; /* CLOCK_REALTIME of the first byte */
    bool answered;
    char body[RECEIVER_BODY_MAX]; /* without the headers */
};

struct receiver;

/* receiver_new - on a free port, with room for so many messages; more are only answered. */
struct receiver *receiver_new(size_t room);
void receiver_free(struct receiver *receiver);

/* receiver_lead - from now on the house leads everybody's pages here; receiver_lead_one - those
 * of one person. */
void receiver_lead(struct receiver *receiver, struct house *house);
void receiver_lead_one(struct receiver *receiver, struct house *house, const char *staff);

/* receiver_hang - take what comes and answer nothing; with false those that wait are cut off. */
void receiver_hang(struct receiver *receiver, bool hang);

size_t receiver_count(struct receiver *receiver);

/* receiver_get - a copy of the n-th message; false: there are not so many. */
bool receiver_get(struct receiver *receiver, size_t n, struct received *out);

/* receiver_find - how many messages hold both texts (NULL: any). */
size_t receiver_find(struct receiver *receiver, const char *one, const char *other);

#endif
