/*
 * The demo: services as processes, the estate from deploy/demo, pages to a
 * receiver over HTTP, and a story (deploy/demo/story.yaml) told live by the same
 * runner as rehearsals.  A minute of the story is a second.
 */
#include "cli/run.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/speak.h"
#include "base/text.h"
#include "cli/column.h"
#include "cli/import.h"
#include "cli/publish.h"
#include "cli/receiver.h"
#include "cli/services.h"
#include "cli/session.h"
#include "cli/stage.h"
#include "cli/up.h"
#include "shouwen/notify/v1/notify.pb-c.h"
#include "shouwen/reports/v1/reports.pb-c.h"

enum {
    SPEED = 60,
    STAFF_PAGE = 100,
    OFFSET_MIN = 480,
    DAY_SIZE = 10,
    NAME_WIDTH = 12,
    FIGURE_WIDTH = 8,
    OF_WIDTH = 9,
    MODE_FILE = 0600
};

static const char marker[] = "demo"; /* file in a folder that may be made anew */

struct demo {
    const struct cli *cli;
    const char *folder; /* deploy/demo */
    const char *story;
    const char *log; /* of the events; or NULL */
    struct session *session;
    struct receiver receiver;
    pid_t receiver_pid;
};

static volatile sig_atomic_t interrupted;

static void on_signal(int signal) {
    (void)signal;
    interrupted = 1;
}

static void title(const struct cli *cli, const char *text) {
    (void)printf("%s%s%s\n", cli->colour ? "\033[1m" : "", text, cli->colour ? "\033[0m" : "");
    (void)fflush(stdout);
}

/* ---- before ---- */

static int remove_folder(const char *path, struct err *err) {
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        (void)execlp("rm", "rm", "-rf", "--", path, (char *)NULL);
        _exit(CLI_FAILED);
    }
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0) {
        return err_plain(err, ERR_UNAVAILABLE, "%s: cannot be removed", path);
    }
    return 0;
}

/* Yesterday's demo goes; anything else stays, and is said. */
static int clear_folder(const struct cli *cli, struct err *err) {
    struct instance instance = {.fd = -1};
    struct err none = {0};
    char self[CLI_PATH_MAX];

    if (instance_open(&instance, cli->dir, &none)) {
        return 0;
    }
    if (faccessat(instance.fd, marker, F_OK, 0)) {
        (void)close(instance.fd);
        return err_plain(err, ERR_EXISTS, "%s is an instance, but no demo; say another --dir",
                         cli->dir);
    }
    (void)close(instance.fd);
    if (instance_open(&instance, cli->dir, err) || up_stop_all(&instance, err)) {
        return -1;
    }
    (void)snprintf(self, sizeof self, "%s", instance.dir);
    return remove_folder(self, err);
}

static int mark_folder(struct session *session, struct err *err) {
    int fd = openat(session_instance(session)->fd, marker, O_WRONLY | O_CREAT | O_CLOEXEC,
                    MODE_FILE);

    if (fd < 0) {
        return err_plain(err, ERR_UNAVAILABLE, "%s: %s", marker, speak(strerror(errno)));
    }
    (void)close(fd);
    return 0;
}

/* ---- the estate ---- */

static int import_estate(struct demo *demo, struct err *err) {
    static const char *const files[] = {"staff.csv", "units.csv", "persons.csv"};
    struct import_link link = import_over(demo->session);

    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        struct import_result result = {0};
        const char *path = arena_text(demo->cli->arena, "%s/%s", demo->folder, files[i]);
        if (import_path(&link, path, false, &result, demo->cli->arena, err)) {
            return err_wrap(err, "%s", path);
        }
        if (result.bad > 0) {
            return err_plain(err, ERR_INVALID, "%s: %zu rows are bad", path, result.bad);
        }
        (void)printf("  %s %5zu\n",
                     column_left(import_kind(demo->cli, result.kind), NAME_WIDTH, demo->cli->arena),
                     result.rows);
    }
    return 0;
}

/* Who is who on the receiver's screen. */
static int learn_names(struct demo *demo, struct err *err) {
    Registry__ListStaffRequest request = REGISTRY__LIST_STAFF_REQUEST__INIT;

    request.max = STAFF_PAGE;
    const Registry__ListStaffReply *reply = (const Registry__ListStaffReply *)session_ask(
        demo->session, "shouwen.registry.v1.Registry/ListStaff", &request.base,
        &registry__list_staff_reply__descriptor, err);
    for (size_t i = 0; reply && i < reply->n_staff && i < RECEIVER_NAMES_MAX; i++) {
        demo->receiver.staff[i] = reply->staff[i]->staff;
        demo->receiver.names[i] = reply->staff[i]->name;
        demo->receiver.name_count = i + 1;
    }
    return reply ? 0 : -1;
}

/* Staff are paged, and residents told, at the receiver of this play. */
static int open_channels(struct demo *demo, struct err *err) {
    static const char *const channels[] = {"webhook", "sms"};

    if (learn_names(demo, err)
        || receiver_start(demo->cli, &demo->receiver, &demo->receiver_pid, err)) {
        return -1;
    }
    for (size_t i = 0; i < sizeof channels / sizeof channels[0]; i++) {
        Notify__PutChannelRequest request = NOTIFY__PUT_CHANNEL_REQUEST__INIT;
        request.staff = "*";
        request.channel = channels[i];
        request.address = arena_text(demo->cli->arena, "http://127.0.0.1:%d/%s",
                                     demo->receiver.port, channels[i]);
        request.private_ = true;
        if (!session_ask(demo->session, "shouwen.notify.v1.Notify/PutChannel", &request.base,
                         &notify__put_channel_reply__descriptor, err)) {
            return -1;
        }
        (void)printf("  %-12s %s\n", channels[i], request.address);
    }
    return 0;
}

static int prepare(struct demo *demo, struct err *err) {
    const struct cli *cli = demo->cli;
    struct up_wish wish = {
        .parameters = arena_text(cli->arena, "%s/parameters.yaml", demo->folder)};

    title(cli,
          cli_say(cli, "一、启动六个服务，发布手册", "1. Start six services, publish the manual"));
    if (clear_folder(cli, err)) {
        return -1;
    }
    demo->session = up_all(cli, &wish, err);
    if (!demo->session || mark_folder(demo->session, err)) {
        return -1;
    }
    for (int i = 0; instance_services[i]; i++) {
        (void)printf("  %-12s pid %d\n", instance_services[i],
                     (int)instance_pid(session_instance(demo->session), instance_services[i]));
    }
    title(cli, cli_say(cli, "二、演示小区 E01 恋日花都", "2. The demo estate E01"));
    return import_estate(demo, err) || open_channels(demo, err) ? -1 : 0;
}

/* ---- the figures ---- */

/* Today's, as reports has them now. */
static const Reports__ListKpisReply *figures(struct demo *demo, struct err *err) {
    Reports__ListKpisRequest request = REPORTS__LIST_KPIS_REQUEST__INIT;
    const char *now = text_time((int64_t)time(NULL) * 1000, OFFSET_MIN, demo->cli->arena);

    request.period = arena_text(demo->cli->arena, "%.*s", DAY_SIZE, now);
    return (const Reports__ListKpisReply *)session_ask(
        demo->session, "shouwen.reports.v1.Reports/ListKpis", &request.base,
        &reports__list_kpis_reply__descriptor, err);
}

static const char *shown_before(const Reports__ListKpisReply *before, const char *kpi) {
    for (size_t i = 0; before && i < before->n_figures; i++) {
        if (strcmp(before->figures[i]->kpi, kpi) == 0) {
            return before->figures[i]->shown;
        }
    }
    return "—";
}

/* What the story changed. */
static void show_figures(struct demo *demo, const Reports__ListKpisReply *before) {
    const struct cli *cli = demo->cli;
    struct err err = {0};
    const Reports__ListKpisReply *after = figures(demo, &err);

    title(cli, cli_say(cli, "四、今天的指标", "4. Today's figures"));
    if (!after) {
        (void)cli_fail(cli, &err);
        return;
    }
    for (size_t i = 0; i < after->n_figures; i++) {
        const Reports__Figure *figure = after->figures[i];
        const char *was = shown_before(before, figure->kpi);
        if (figure->denominator > 0 || strcmp(was, figure->shown) != 0) {
            const char *of = arena_text(cli->arena, "%lld / %lld", (long long)figure->numerator,
                                        (long long)figure->denominator);
            (void)printf("  %-24s %s → %s %s  %s%s%s %s\n", figure->kpi,
                         column_right(was, FIGURE_WIDTH, cli->arena),
                         column_left(figure->shown, FIGURE_WIDTH, cli->arena),
                         column_right(of, OF_WIDTH, cli->arena),
                         !cli->colour  ? ""
                         : figure->met ? "\033[32m"
                                       : "\033[33m",
                         figure->target_per_mille == 0 ? " "
                         : figure->met                 ? "✓"
                                                       : "✗",
                         cli->colour ? "\033[0m" : "", figure->name);
        }
    }
}

/* ---- the story ---- */

static bool tell(struct demo *demo) {
    const struct cli *cli = demo->cli;
    struct stage *stage = stage_new(demo->session, SPEED,
                                    arena_text(cli->arena, "%s/roster.csv", demo->folder));
    struct rehearse_options options = {
        .services = services_all,
        .manual = publish_folder(cli, "manual"),
        .demo = demo->folder,
        .locale = cli->english ? "en" : "zh",
        .explain = true,
        .out = stdout,
        .stage = stage_play(stage),
        .log = demo->log,
    };
    struct rehearse_result result;
    struct err ignored = {0};
    const Reports__ListKpisReply *before = figures(demo, &ignored);

    title(cli,
          cli_say(cli, "三、故事：一分钟演作一秒", "3. The story; a minute of it is a second"));
    rehearse_file(&options, demo->story, &result);
    stage_free(stage);
    show_figures(demo, before);
    bool fine = result.played && result.failures == 0;
    (void)printf(cli_say(cli, "\n%s：%zu 项如手册所说，%zu 项不是\n",
                         "\n%s: %zu things as the manual says, %zu not\n"),
                 fine ? cli_say(cli, "如期", "as told") : cli_say(cli, "有出入", "NOT AS TOLD"),
                 result.held, result.failures);
    (void)fflush(stdout);
    return fine;
}

static void stay(const struct demo *demo) {
    const struct cli *cli = demo->cli;
    sigset_t none;

    (void)sigemptyset(&none);
    (void)printf(cli_say(cli,
                         "\n服务仍在运行，Ctrl-C 结束。另开一个终端：\n"
                         "  bin/shouwen --dir %s pager --as 周涛\n"
                         "  bin/shouwen --dir %s events --follow\n"
                         "  bin/shouwen --dir %s call --as 王丽 ticketing/ListCases --plain\n"
                         "  bin/shouwen --dir %s status\n",
                         "\nThe services stay up; Ctrl-C ends them.  In another terminal:\n"
                         "  bin/shouwen --dir %s pager --as 周涛\n"
                         "  bin/shouwen --dir %s events --follow\n"
                         "  bin/shouwen --dir %s call --as 王丽 ticketing/ListCases --plain\n"
                         "  bin/shouwen --dir %s status\n"),
                 cli->dir, cli->dir, cli->dir, cli->dir);
    (void)fflush(stdout);
    while (!interrupted) {
        (void)sigsuspend(&none);
    }
}

static void end(struct demo *demo) {
    struct err err = {0};

    if (demo->receiver_pid > 0) {
        (void)kill(demo->receiver_pid, SIGTERM);
        (void)waitpid(demo->receiver_pid, NULL, 0);
    }
    if (demo->session && up_stop_all(session_instance(demo->session), &err)) {
        (void)cli_fail(demo->cli, &err);
    }
    session_free(demo->session);
}

static int play(struct cli *cli, const char *story, const char *log, bool stays) {
    struct err err = {0};
    struct sigaction action = {.sa_handler = on_signal};
    struct demo demo = {.cli = cli, .log = log, .receiver = {.out = stdout}};

    demo.folder = publish_folder(cli, "deploy/demo");
    if (!demo.folder) {
        return cli_usage(cli, "找不到 deploy/demo", "where is deploy/demo?");
    }
    (void)setvbuf(stdout, NULL, _IOLBF, 0); /* as it happens, also into a pipe */
    demo.story = story ? story : arena_text(cli->arena, "%s/story.yaml", demo.folder);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    int status = CLI_FAILED;
    if (prepare(&demo, &err)) {
        status = cli_fail(cli, &err);
    } else {
        status = tell(&demo) ? CLI_OK : CLI_FAILED;
        if (stays) {
            stay(&demo);
        }
    }
    end(&demo);
    return status;
}

int run_live(struct cli *cli, const char *file, const char *log) {
    struct err err = {0};
    char folder[] = "/tmp/shouwen.live.XXXXXX";

    if (!mkdtemp(folder)) {
        (void)err_plain(&err, ERR_UNAVAILABLE, "%s: %s", folder, speak(strerror(errno)));
        return cli_fail(cli, &err);
    }
    cli->dir = folder;
    int status = play(cli, file, log, false);
    return remove_folder(folder, &err) ? cli_fail(cli, &err) : status;
}

static int run(struct cli *cli, int argc, char **argv) {
    bool ends = cli_flag(&argc, argv, "--no-stay");
    const char *story = cli_value(&argc, argv, "--story");

    if (cli_unknown(cli, &argc, argv) || argc > 1) {
        return cli_usage(cli, "run 只要选项，见 --help", "run takes only options; see --help");
    }
    return play(cli, story, NULL, !ends);
}

const struct command run_command = {
    .name = "run",
    .arguments = "[--no-stay] [--story FILE]",
    .zh = "建立演示小区，现场演一遍主要的故事，然后留着",
    .en = "make the demo estate, play the main story live on it, and stay up",
    .more_zh = "  --no-stay     演完就结束；一切如期才以 0 退出\n"
               "  --story 文件  演这一份（格式同 tests/rehearsals）",
    .more_en = "  --no-stay     end after it; with 0 only if all went as told\n"
               "  --story FILE  another one (as in tests/rehearsals)",
    .run = run,
};
