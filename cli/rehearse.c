#include "cli/rehearse.h"

#include "cli/publish.h"
#include "cli/run.h"
#include "cli/services.h"
#include "host/rehearse.h"

/* Against real processes, one file after the other. */
static int play_live(struct cli *cli, int argc, char **argv) {
    const char *log = cli_value(&argc, argv, "--log");
    int status = CLI_OK;

    for (int i = 1; i < argc && status == CLI_OK; i++) {
        status = run_live(cli, argv[i], log);
    }
    return argc > 1 ? status
                    : cli_usage(cli, "用法：rehearse --live [--log 文件] 文件…",
                                "usage: rehearse --live [--log FILE] FILE…");
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
    .arguments = "[--explain] [--twice] [--live] [--store DIR] FILE...",
    .zh = "在一个进程里按虚拟时间演练：故事和它应有的结果",
    .en = "play rehearsals in one process under virtual time",
    .more_zh = "  --explain    时间线：谁做了什么，寻呼按哪条规则、经哪个渠道到了谁\n"
               "  --twice      各演两遍，事件须完全相同\n"
               "  --live       对真正的进程演，一分钟演作一秒\n"
               "  --log 文件   各事项的事件，一行一件，可与另一次演练比较\n"
               "  --store 目录 留下各库    --seed N    --groups N    --manual 目录    --demo 目录",
    .more_en =
        "  --explain    the timeline: who did what, which page went to whom, by which rule\n"
        "  --twice      play each twice: the event logs must be equal\n"
        "  --live       against real processes, a minute in a second\n"
        "  --log FILE   the events of the cases, a line each, to compare with another play\n"
        "  --store DIR  keep the stores    --seed N    --groups N    --manual DIR    --demo DIR",
    .run = run,
    .own_options = true,
};
