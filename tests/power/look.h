/*
 * look - open a store as a service would after a power cut, and say what is wrong with it.
 */
#ifndef LOOK_H
#define LOOK_H

#include "power/player.h"

/* The files that player_cut has left are looked at, and are gone afterwards. */
#define LOOK_FOLDER "image"

/*
 * look_at - NULL: all is well; else what is wrong, valid until the next call.
 * `thorough`: every page and index, the whole chain, and the service starts.
 */
const char *look_at(const struct player *player, size_t store, bool thorough);

/* look_path - what to hand to player_cut. */
const char *look_path(size_t store);

#endif
