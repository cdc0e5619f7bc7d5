/* The table of commands; one row each, in the order of --help. */
#include "cli/backup.h"
#include "cli/call.h"
#include "cli/cli.h"
#include "cli/completion.h"
#include "cli/doctor.h"
#include "cli/events.h"
#include "cli/import.h"
#include "cli/pager.h"
#include "cli/publish.h"
#include "cli/receiver.h"
#include "cli/rehearse.h"
#include "cli/run.h"
#include "cli/staff.h"
#include "cli/up.h"

/* clang-format off */
const struct command *const cli_commands[] = {
    &up_command,
    &down_command,
    &status_command,
    &doctor_command,
    &call_command,
    &rehearse_command,
    &pager_command,
    &events_command,
    &staff_command,
    &publish_command,
    &import_command,
    &backup_command,
    &restore_command,
    &run_command,
    &receiver_command,
    &completion_command,
    NULL,
};
/* clang-format on */
