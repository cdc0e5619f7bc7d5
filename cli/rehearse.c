#include "cli/rehearse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/log.h"
#include "cli/publish.h"
#include "cli/run.h"
#include "cli/services.h"
#include "host/rehearse.h"

static const char usage_zh[] = "用法：rehearse [选项] 文件…（见 rehearse --help）";
static const char usage_en[] = "usage: rehearse [OPTION]… FILE… (see rehearse --help)";

/* Against real processes, one file after the other. */
static int play_live(struct cli *cli, const char *log, int argc, char **argv) {
    int status = CLI_OK;

    for (int i = 1; i < argc && status == CLI_OK; i++) {
        status = run_live(cli, argv[i], log);
    }
    return status;
}

static void print_result(const struct cli *cli, const char *file, bool fine,
                         const struct rehearse_result *result) {
    if (!cli->json) {
        (void)printf(cli_say(cli, "%s %s：%zu 项符合，%zu 项不符，%zu 条事件，%.1f 秒\n",
                             "%s %s: %zu held, %zu failed, %zu events, %.1f s\n"),
                     fine ? cli_say(cli, "通过", "passed") : cli_say(cli, "未通过", "FAILED"), file,
                     result->held, result->failures, result->events, result->seconds);
        return;
    }
    json_t *line = json_pack("{s:s, s:b, s:I, s:I, s:I, s:f}", "file", file, "passed", (int)fine,
                             "held", (json_int_t)result->held, "failed",
                             (json_int_t)result->failures, "events", (json_int_t)result->events,
                             "seconds", result->seconds);
    char *text = line ? json_dumps(line, JSON_COMPACT) : NULL;
    (void)printf("%s\n", text ? text : "{}");
    free(text);
    json_decref(line);
}

static bool play_one(const struct cli *cli, const struct rehearse_options *options,
                     const char *file, bool twice) {
    struct rehearse_result first;
    struct rehearse_result second;

    rehearse_file(options, file, &first);
    bool fine = first.played && first.failures == 0;
    if (fine && twice) {
        struct rehearse_options quiet = *options;
        quiet.explain = false;
        quiet.log = NULL;
        rehearse_file(&quiet, file, &second);
        fine = memcmp(first.log, second.log, sizeof first.log) == 0;
        if (!fine) {
            (void)fprintf(options->out,
                          cli_say(cli, "%s:0: 演了两遍，两遍的事件记录不同\n",
                                  "%s:0: played twice, the event logs differ\n"),
                          file);
        }
    }
    print_result(cli, file, fine, &first);
    return fine;
}

static int run(struct cli *cli, int argc, char **argv) {
    struct rehearse_options options = {
        .services = services_all, .locale = cli->english ? "en" : "zh", .out = stdout};
    int64_t seed = 1;
    int64_t groups = 0;
    bool fine = true;
    bool live = cli_flag(&argc, argv, "--live");
    bool twice = cli_flag(&argc, argv, "--twice");

    options.explain = cli_flag(&argc, argv, "--explain");
    options.log = cli_value(&argc, argv, "--log");
    options.store = cli_value(&argc, argv, "--store");
    options.manual = cli_value(&argc, argv, "--manual");
    options.demo = cli_value(&argc, argv, "--demo");
    if (!cli_number(&argc, argv, "--seed", 1, &seed)
        || !cli_number(&argc, argv, "--groups", 0, &groups) || seed < 0 || groups < 0) {
        return cli_usage(cli, "--seed 和 --groups 要整数",
                         "--seed and --groups take whole numbers");
    }
    if (cli_unknown(cli, &argc, argv) || argc < 2) {
        return cli_usage(cli, usage_zh, usage_en);
    }
    if (live && (twice || options.store || options.manual || options.demo)) {
        return cli_usage(cli, "--live 不能和 --twice、--store、--manual、--demo 同用",
                         "--live goes without --twice, --store, --manual and --demo");
    }
    if (live) {
        return play_live(cli, options.log, argc, argv);
    }
    options.seed = (uint64_t)seed;
    options.group_max = (size_t)groups;
    options.manual = options.manual ? options.manual : publish_folder(cli, "manual");
    options.demo = options.demo ? options.demo : publish_folder(cli, "deploy/demo");
    options.out = cli->json ? stderr : stdout;
    if (!options.manual || !options.demo) {
        return cli_usage(cli, "找不到手册或演示小区；请给出 --manual 和 --demo",
                         "where are the manual and the demo estate?  Say --manual and --demo");
    }
    log_set(LOG_ERROR, false); /* refusals are part of the play */
    for (int i = 1; i < argc; i++) {
        fine = play_one(cli, &options, argv[i], twice) && fine;
    }
    rehearse_drop_templates();
    return fine ? CLI_OK : CLI_FAILED;
}

const struct command rehearse_command = {
    .name = "rehearse",
    .arguments = "[--explain] [--twice] [--live] [--log FILE] [--store DIR] FILE…",
    .zh = "在一个进程里按虚拟时间演练：故事和它应有的结果",
    .en = "play rehearsals in one process under virtual time",
    .more_zh =
        "  --explain    时间线：谁做了什么，寻呼按哪条规则、经哪个渠道到了谁\n"
        "  --twice      各演两遍，事件须完全相同\n"
        "  --live       对真正的进程演，一分钟演作一秒\n"
        "  --log 文件   各事项的事件，一行一件，可与另一次演练比较\n"
        "  --store 目录 留下各库    --seed 数    --groups 数    --manual 目录    --demo 目录\n"
        "全部符合时退出码为 0，否则为 1；不符的逐条列出：文件:行: 应如何，实如何。",
    .more_en =
        "  --explain    the timeline: who did what, which page went to whom, by which rule\n"
        "  --twice      play each twice: the event logs must be equal\n"
        "  --live       against real processes, a minute in a second\n"
        "  --log FILE   the events of the cases, a line each, to compare with another play\n"
        "  --store DIR  keep the stores    --seed N    --groups N    --manual DIR    --demo DIR\n"
        "Exits with 0 when everything held, else with 1; what did not is listed as\n"
        "file:line: what was expected; what was there.",
    .run = run,
};
