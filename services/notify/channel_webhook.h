/*
 * channel_webhook - a channel that posts JSON over HTTP.
 *
 * The worker's half of a page: bytes in (a packed Send), bytes out (a packed
 * SendResult), no store.  Headers: Idempotency-Key (the same for every repeat) and
 * X-Shouwen-Signature (HMAC-SHA256 of the body).  An answer of 2xx is accepted, 4xx is
 * refused, 5xx and 429 have failed; what broke off after the body had left is unknown.
 */
#ifndef CHANNEL_WEBHOOK_H
#define CHANNEL_WEBHOOK_H

#include "core/core.h"

enum {
    CHANNEL_WEBHOOK_CONNECT_MS = 5000,
    CHANNEL_WEBHOOK_TIMEOUT_MS = 15000,
    CHANNEL_WEBHOOK_LIMIT_MS = 20000, /* no outcome until then: something is broken */
};

job_run_fn channel_webhook_run;
job_place_fn channel_webhook_place; /* scheme, host and port of the address */

#endif
