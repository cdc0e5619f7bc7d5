/* The table of commands; one row each, in the order of --help. */
#include "cli/call.h"
#include "cli/cli.h"
#include "cli/completion.h"
#include "cli/publish.h"
#include "cli/up.h"

const struct command *const cli_commands[] = {
    &up_command,         &down_command, &status_command, &call_command, &publish_command,
    &completion_command, NULL,
};
