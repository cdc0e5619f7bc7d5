#include "cli/rehearse.h"

#include "cli/publish.h"
#include "cli/run.h"
#include "cli/services.h"
#include "host/rehearse.h"

/* Against real processes, one file after the other. */
static int play_live(struct cli *cli, int argc, char **argv) {
    int status = CLI_OK;

    for (int i = 1; i < argc && status == CLI_OK; i++) {
        status = run_live(cli, argv[i]);
    }
    return argc > 1 ? status
                    : cli_usage(cli, "用法：rehearse --live 文件…", "usage: rehearse --live FILE…");
}

static int run(struct cli *cli, int argc, char **argv) {
    if (cli_flag(&argc, argv, "--live")) {
        return play_live(cli, argc, argv);
    }
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
