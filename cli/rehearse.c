#include "cli/rehearse.h"

#include "cli/publish.h"
#include "cli/services.h"
#include "host/rehearse.h"

static int run(struct cli *cli, int argc, char **argv) {
    const struct rehearse_options options = {
        .services = services_all,
        .manual = publish_folder(cli, "manual"),
        .demo = publish_folder(cli, "deploy/demo"),
        .seed = 1,
        .out = stdout,
    };

    return rehearse_main(&options, argc, argv);
}

const struct command rehearse_command = {
    .name = "rehearse",
    .arguments = "[--explain] [--twice] [--store DIR] FILE...",
    .zh = "在一个进程里按虚拟时间演练：故事和它应有的结果",
    .en = "play rehearsals in one process under virtual time",
    .run = run,
    .own_options = true,
};
