#include "cli/import.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

enum { LOOK_MS = 20, LINE_MAX_BYTES = 4096 };

static ProtobufCMessage *ask(void *arg, const char *service, const char *method,
                             const ProtobufCMessage *request,
                             const ProtobufCMessageDescriptor *reply_type, struct arena *arena,
                             struct err *err) {
    struct session *session = arg;
    struct bytes token;
    struct client *client = session_client(session, service, err);

    if (!client || session_token(session, NULL, &token, err)) {
        return NULL;
    }
    return client_ask(client, method, token, request, reply_type, arena, err);
}

static int wait(void *arg, struct err *err) {
    (void)arg;
    (void)err;
    (void)poll(NULL, 0, LOOK_MS);
    return 0;
}

struct import_link import_over(struct session *session) {
    return (struct import_link){.arg = session, .ask = ask, .wait = wait};
}

static void print_json(const char *path, const struct import_result *result) {
    json_t *bad = json_array();

    for (size_t i = 0; i < result->bad_count; i++) {
        const Registry__BadRow *row = result->bad_rows[i];
        json_t *mistakes = json_array();
        for (size_t m = 0; m < row->n_mistakes; m++) {
            (void)json_array_append_new(
                mistakes, json_pack("{s:s, s:s, s:s}", "field", row->mistakes[m]->field, "rule",
                                    row->mistakes[m]->rule, "message", row->mistakes[m]->message));
        }
        (void)json_array_append_new(
            bad, json_pack("{s:i, s:o}", "line", (int)row->line, "mistakes", mistakes));
    }
    json_t *all = json_pack("{s:s, s:s, s:I, s:I, s:o}", "file", path, "kind", result->kind, "rows",
                            (json_int_t)result->rows, "bad", (json_int_t)result->bad, "bad_rows",
                            bad);
    char *text = json_dumps(all, JSON_COMPACT);
    (void)printf("%s\n", text ? text : "{}");
    free(text);
    json_decref(all);
}

const char *import_kind(const struct cli *cli, const char *kind) {
    static const char *const names[][2] = {
        {"staff", "员工"}, {"units", "房屋"}, {"persons", "住户"}, {"roster", "排班"}};

    for (size_t i = 0; !cli->english && i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i][0], kind) == 0) {
            return names[i][1];
        }
    }
    return kind;
}

static void print_text(const struct cli *cli, const char *path,
                       const struct import_result *result) {
    for (size_t i = 0; i < result->bad_count; i++) {
        const Registry__BadRow *row = result->bad_rows[i];
        for (size_t m = 0; m < row->n_mistakes; m++) {
            (void)printf("%s:%u: %s%s%s\n", path, row->line, row->mistakes[m]->field,
                         *row->mistakes[m]->field ? ": " : "", row->mistakes[m]->message);
        }
    }
    if (result->bad > 0) {
        (void)printf(
            cli_say(cli, "%s：%zu 行，其中 %zu 行有误\n", "%s: %zu rows, %zu of them bad\n"), path,
            result->rows, result->bad);
    } else {
        (void)printf(cli_say(cli, "%s：%zu 行%s已导入\n",
                             result->rows == 1 ? "%s: %zu row of %s is in\n"
                                               : "%s: %zu rows of %s are in\n"),
                     path, result->rows, import_kind(cli, result->kind));
    }
}

/* Units name stewards, persons units, and rosters staff: what is named comes first. */
static int turn_of(const char *path) {
    static const char *const columns[] = {"roles", "building", "person", "post"};
    const int count = (int)(sizeof columns / sizeof columns[0]);
    char line[LINE_MAX_BYTES] = "";
    FILE *in = fopen(path, "rb");

    if (in) {
        line[fread(line, 1, sizeof line - 1, in)] = '\0';
        line[strcspn(line, "\r\n")] = '\0';
        (void)fclose(in);
    }
    for (int turn = count - 1; turn >= 0; turn--) {
        if (strstr(line, columns[turn])) {
            return turn;
        }
    }
    return count;
}

/* By turn; what is of one kind stays in the order it was named. */
static void sort_files(int count, char **files) {
    for (int i = 1; i < count; i++) {
        char *file = files[i];
        int turn = turn_of(file);
        int to = i;
        for (; to > 0 && turn_of(files[to - 1]) > turn; to--) {
            files[to] = files[to - 1];
        }
        files[to] = file;
    }
}

/* What is wrong with the file as a whole says which. */
static int fail(const struct cli *cli, struct err *err, const char *path) {
    if (strncmp(err->rule, "import_", strlen("import_")) == 0) {
        char rule[ERR_RULE_MAX];
        (void)snprintf(rule, sizeof rule, "%s", err->rule);
        (void)err_set(err, err->code, rule, "file=%s", path);
    }
    return cli_fail(cli, err);
}

static int run(struct cli *cli, int argc, char **argv) {
    struct err err = {0};
    bool partial = cli_flag(&argc, argv, "--partial");
    int status = CLI_OK;

    if (cli_unknown(cli, &argc, argv) || argc < 2) {
        return cli_usage(cli, "用法：import 文件…", "usage: import FILE…");
    }
    struct session *session = session_new(cli, &err);
    if (!session) {
        return cli_fail(cli, &err);
    }
    struct import_link link = import_over(session);
    sort_files(argc - 1, argv + 1);
    for (int i = 1; i < argc; i++) {
        struct import_result result = {0};
        if (import_path(&link, argv[i], partial, &result, cli->arena, &err)) {
            status = fail(cli, &err, argv[i]);
            break;
        }
        if (cli->json) {
            print_json(argv[i], &result);
        } else {
            print_text(cli, argv[i], &result);
        }
        status = result.bad > 0 ? CLI_FAILED : status;
    }
    session_free(session);
    return status;
}

const struct command import_command = {
    .name = "import",
    .arguments = "[--partial] FILE…",
    .zh = "从 CSV 导入员工、房屋、住户、排班；逐行列出错误，全有或全无",
    .en = "staff, units, persons and rosters from CSV; every bad row by its line, all or nothing",
    .more_zh = "  --partial  有错也导入其余的行。是哪一种由列名决定（样子见 deploy/demo/）；\n"
               "             先后不限：员工、房屋、住户、排班依次导入。\n"
               "  例：shouwen import deploy/demo/*.csv",
    .more_en = "  --partial  bring in the good rows all the same.  Its columns say what a file is\n"
               "             (see deploy/demo/); their order does not matter.\n"
               "  e.g. shouwen import deploy/demo/*.csv",
    .run = run,
};
