/* up - `shouwen up`, `down`, `status`: the services of an instance as processes. */
#ifndef UP_H
#define UP_H

#include "cli/cli.h"
#include "cli/session.h"

extern const struct command up_command, down_command, status_command;

/* What `up` is asked for; the demo asks for the same. */
struct up_wish {
    const char *manual;     /* folder; NULL: the manual beside the program */
    const char *parameters; /* file put over it; NULL: none */
    int port_base;
    char *const *services; /* only these; NULL: all */
    int service_count;
};

/* up_all - make the instance if there is none, start what does not run, publish the
 * manual if none is in force, wait until all are ready.  The session, or NULL. */
struct session *up_all(const struct cli *cli, const struct up_wish *wish, struct err *err);

/* up_wait - until this service answers, and (ready) says that it is ready. */
int up_wait(struct session *session, const char *service, bool ready, struct err *err);

/* up_stop_all - the bus last, so that the others can hand over what they have. */
int up_stop_all(struct instance *instance, struct err *err);

#endif
