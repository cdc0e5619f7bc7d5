/*
 * stage - real processes as a stage for rehearsals (host/rehearse.h): the same
 * file, the same expectations, over sockets, with time that really passes.
 *
 * A minute of the story may be a second of the machine: what the story says
 * becomes the machine's time on the way in, and the machine's becomes the story's
 * on the way out, in every time of every message.  The services know nothing of
 * it; their limits are the demo's parameters.
 */
#ifndef STAGE_H
#define STAGE_H

#include "cli/session.h"
#include "host/rehearse.h"

struct stage;

/* stage_new - `speed` times as fast as life; `roster` (a file, or NULL) is imported when the
 * story begins, its duties moved like everything else. */
struct stage *stage_new(struct session *session, int speed, const char *roster);
void stage_free(struct stage *stage);

/* stage_play - what rehearse_options.stage wants; lives as long as the stage. */
const struct rehearse_stage *stage_play(struct stage *stage);

#endif
