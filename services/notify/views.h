/*
 * views - pages and notices as they are shown, and the long poll of pagers.
 */
#ifndef VIEWS_H
#define VIEWS_H

#include "core/core.h"
#include "shouwen/notify/v1/notify.pb-c.h"

/* views_page - a page with its records (of one person, or "" all).  NULL with err set. */
Notify__Page *views_page(struct call *call, int64_t id, const char *staff, struct err *err);

handler_fn views_wait, views_get, views_list, views_status, views_attend, views_put_channel,
    views_channels;

#endif
