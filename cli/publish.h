/* publish - `shouwen manual check|publish|show`: the department's manual as data. */
#ifndef PUBLISH_H
#define PUBLISH_H

#include "cli/cli.h"
#include "cli/session.h"

extern const struct command publish_command; /* "manual" */

/* publish_if_none - the manual in `dir` (NULL: that beside the program), when registry
 * has none in force. */
int publish_if_none(const struct cli *cli, struct session *session, const char *dir,
                    const char *parameters, bool *published, struct err *err);

/* publish_folder - where a folder of this program is: beside build/, or installed; NULL: nowhere.
 */
const char *publish_folder(const struct cli *cli, const char *name);

#endif
