/*
 * notify - pages that climb until a person answers, and notices to residents.
 */
#ifndef NOTIFY_H
#define NOTIFY_H

#include "core/core.h"

extern const struct service_def notify_def;

#endif
