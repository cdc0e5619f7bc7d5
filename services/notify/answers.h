/*
 * answers - a person acknowledges or rejects a page: the one door for it, from
 * whatever channel.  Once is recorded; again says the same; what somebody else has
 * answered is refused by name.
 */
#ifndef ANSWERS_H
#define ANSWERS_H

#include "core/core.h"

handler_fn answers_acknowledge, answers_reject, answers_by_link;

#endif
