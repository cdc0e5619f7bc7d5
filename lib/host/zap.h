/*
 * zap - the doorkeeper: a thread that answers every CURVE handshake of this
 * process from the allow list.  It does nothing else, so it cannot hang; and
 * when it is gone, nobody gets in (ZMQ_ZAP_ENFORCE_DOMAIN, set by link.c).
 */
#ifndef ZAP_H
#define ZAP_H

#include "base/err.h"
#include "host/keys.h"

struct zap;

/* zap_new - must be there before the first socket is bound.  The list is copied. */
struct zap *zap_new(void *context, const struct allow *allow, struct err *err);

/* zap_set - from now on, this list. */
void zap_set(struct zap *zap, const struct allow *allow);

/* zap_free - end the thread.  NULL is allowed. */
void zap_free(struct zap *zap);

#endif
