/*
 * steps - what happens in the story, as a table.
 *
 * A request is JSON, as `shouwen call` takes it.  "$repair" in it is the number of the newest case
 * of this procedure, "$page" of the newest page; 'S101/desk' asks with a token, '@ticketing' is
 * another service, '-' has no token.
 */
#ifndef STEPS_H
#define STEPS_H

struct step {
    const char *service;
    const char *method; /* NULL: no request, but `what` */
    const char *who;
    const char *what;
};

extern const struct step steps_told[]; /* a step without a service ends it */

#endif
