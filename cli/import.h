/* import - `shouwen import FILE…`: people, units and rosters from CSV. */
#ifndef CLI_IMPORT_H
#define CLI_IMPORT_H

#include "cli/cli.h"
#include "cli/session.h"
#include "host/import.h"

extern const struct command import_command;

/* import_over - a link for host/import.h over a session; session and cli outlive it. */
struct import_link import_over(struct session *session);

/* import_kind - what a file held ("staff"), in the reader's language. */
const char *import_kind(const struct cli *cli, const char *kind);

#endif
