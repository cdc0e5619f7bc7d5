#include "cli/publish.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>
#include <sodium.h>

#include "manual/compile.h"
#include "shouwen/registry/v1/registry.pb-c.h"

enum {
    PARAMETERS_MAX = 64 * 1024,
    DIGEST_SIZE = 32,
    FRAME_ROOM = 60 * 1024, /* of the two forms of a file, in one request */
};

/* ---- reading ---- */

static char *read_file(const struct cli *cli, const char *path, size_t *size, struct err *err) {
    FILE *file = fopen(path, "re");

    if (!file) {
        (void)err_plain(err, ERR_NOT_FOUND, "%s: cannot read", path);
        return NULL;
    }
    char *text = arena_alloc(cli->arena, PARAMETERS_MAX + 1);
    *size = fread(text, 1, PARAMETERS_MAX + 1, file);
    (void)fclose(file);
    if (*size > PARAMETERS_MAX) {
        (void)err_plain(err, ERR_INVALID, "%s: too long", path);
        return NULL;
    }
    return text;
}

const char *publish_folder(const struct cli *cli, const char *name) {
    char self[CLI_PATH_MAX];
    ssize_t size = readlink("/proc/self/exe", self, sizeof self - 1);

    if (size <= 0) {
        return NULL;
    }
    self[size] = '\0';
    *strrchr(self, '/') = '\0';
    for (size_t i = 0; i < 2; i++) {
        const char *path = i == 0 ? arena_text(cli->arena, "%s/../../%s", self, name)
                                  : arena_text(cli->arena, "%s/../share/shouwen/%s", self, name);
        if (access(path, R_OK) == 0) {
            return path;
        }
    }
    return NULL;
}

/* Compiled, with what is wrong in compiled->mistakes; -1 when it cannot be read at all. */
static int compile(const struct cli *cli, const char *dir, const char *parameters,
                   struct compiled *compiled, struct err *err) {
    const char *folder = dir ? dir : publish_folder(cli, "manual");
    size_t size = 0;

    if (!folder) {
        return err_plain(err, ERR_NOT_FOUND, "where is the manual?  Say its folder.");
    }
    if (compile_dir(folder, compiled, cli->arena, err)) {
        return -1;
    }
    if (parameters) {
        const char *text = read_file(cli, parameters, &size, err);
        return text ? compile_override(compiled, parameters, text, size, cli->arena, err) : -1;
    }
    return 0;
}

static void print_mistakes(const struct cli *cli, const struct compiled *compiled) {
    json_t *list = json_array();

    for (size_t i = 0; i < compiled->mistake_count; i++) {
        const struct mistake *mistake = &compiled->mistakes[i];
        if (cli->json) {
            (void)json_array_append_new(
                list, json_pack("{s:s, s:i, s:i, s:s}", "file", mistake->file, "line",
                                mistake->line, "column", mistake->column, "text", mistake->text));
        } else {
            (void)fprintf(stderr, "%s:%d:%d: %s\n", mistake->file, mistake->line, mistake->column,
                          mistake->text);
        }
    }
    if (cli->json) {
        char *text = json_dumps(list, JSON_COMPACT);
        (void)printf("%s\n", text ? text : "[]");
        free(text);
    }
    json_decref(list);
}

static int check(const struct cli *cli, const char *dir, const char *parameters) {
    struct err err = {0};
    struct compiled *compiled = arena_alloc(cli->arena, sizeof *compiled);

    if (compile(cli, dir, parameters, compiled, &err)) {
        return cli_fail(cli, &err);
    }
    if (compiled->mistake_count > 0 || cli->json) {
        print_mistakes(cli, compiled);
    } else {
        (void)printf(cli_say(cli, "手册无误：%zu 个文件\n", "the manual is right: %zu files\n"),
                     compiled->count);
    }
    return compiled->mistake_count > 0 ? CLI_FAILED : CLI_OK;
}

/* ---- publishing ---- */

static int current_revision(struct session *session, uint32_t *revision, struct err *err) {
    Registry__GetManualRequest request = REGISTRY__GET_MANUAL_REQUEST__INIT;
    const Registry__GetManualReply *reply = (const Registry__GetManualReply *)session_ask(
        session, "shouwen.registry.v1.Registry/GetManual", &request.base,
        &registry__get_manual_reply__descriptor, err);

    *revision = reply ? reply->revision : 0;
    return reply ? 0 : -1;
}

static ProtobufCBinaryData view(struct bytes bytes) {
    return (ProtobufCBinaryData){bytes.size, (uint8_t *)(uintptr_t)bytes.data};
}

static int publish(struct session *session, const struct compiled *compiled, uint32_t revision,
                   struct err *err) {
    uint8_t digest[DIGEST_SIZE];
    crypto_generichash_state state;

    (void)crypto_generichash_init(&state, NULL, 0, DIGEST_SIZE);
    for (size_t i = 0; i < compiled->count; i++) {
        (void)crypto_generichash_update(&state, compiled->files[i].data, compiled->files[i].size);
    }
    (void)crypto_generichash_final(&state, digest, DIGEST_SIZE);
    for (size_t i = 0; i < compiled->count; i++) {
        Registry__PublishManualRequest request = REGISTRY__PUBLISH_MANUAL_REQUEST__INIT;
        request.revision = revision;
        request.part = (uint32_t)i + 1;
        request.count = (uint32_t)compiled->count;
        request.digest = view((struct bytes){digest, sizeof digest});
        request.file = view(compiled->files[i]);
        if (compiled->files[i].size + compiled->sources[i].size < FRAME_ROOM) {
            request.source = view(compiled->sources[i]);
        }
        if (!session_ask(session, "shouwen.registry.v1.Registry/PublishManual", &request.base,
                         &registry__publish_manual_reply__descriptor, err)) {
            return err_wrap(err, "%s", compiled->names[i]);
        }
    }
    return 0;
}

static int compile_and_publish(const struct cli *cli, struct session *session, const char *dir,
                               const char *parameters, uint32_t revision, struct err *err) {
    struct compiled *compiled = arena_alloc(cli->arena, sizeof *compiled);

    if (compile(cli, dir, parameters, compiled, err)) {
        return -1;
    }
    if (compiled->mistake_count > 0) {
        print_mistakes(cli, compiled);
        return err_plain(err, ERR_INVALID, "the manual has mistakes; nothing was published");
    }
    return publish(session, compiled, revision, err);
}

int publish_if_none(const struct cli *cli, struct session *session, const char *dir,
                    const char *parameters, bool *published, struct err *err) {
    uint32_t revision = 0;

    *published = false;
    if (current_revision(session, &revision, err)) {
        return -1;
    }
    if (revision > 0) {
        return 0;
    }
    *published = true;
    return compile_and_publish(cli, session, dir, parameters, 1, err);
}

static int run_publish(const struct cli *cli, const char *dir, const char *parameters) {
    struct err err = {0};
    uint32_t revision = 0;
    struct session *session = session_new(cli, &err);

    if (!session || current_revision(session, &revision, &err)
        || compile_and_publish(cli, session, dir, parameters, revision + 1, &err)) {
        session_free(session);
        return cli_fail(cli, &err);
    }
    (void)printf(cli_say(cli, "第 %u 版已发布\n", "revision %u is published\n"), revision + 1);
    session_free(session);
    return CLI_OK;
}

static int run_show(const struct cli *cli) {
    struct err err = {0};
    Registry__GetManualRequest request = REGISTRY__GET_MANUAL_REQUEST__INIT;
    struct session *session = session_new(cli, &err);
    const Registry__GetManualReply *reply = session ? (const Registry__GetManualReply *)session_ask(
                                                session, "shouwen.registry.v1.Registry/GetManual",
                                                &request.base,
                                                &registry__get_manual_reply__descriptor, &err)
                                                    : NULL;

    if (reply) {
        (void)printf(cli_say(cli, "第 %u 版，%zu 个文件\n", "revision %u, %zu files\n"),
                     reply->revision, reply->n_files);
        for (size_t i = 0; i < reply->n_files; i++) {
            (void)printf("  %-40s %6u\n", reply->files[i]->name, reply->files[i]->size);
        }
    }
    session_free(session);
    return reply ? CLI_OK : cli_fail(cli, &err);
}

static int run(struct cli *cli, int argc, char **argv) {
    const char *parameters = cli_value(&argc, argv, "--parameters");

    if (cli_unknown(cli, &argc, argv) || argc < 2 || argc > 3) {
        return cli_usage(cli, "用法：manual check|publish|show [目录]",
                         "usage: manual check|publish|show [DIR]");
    }
    const char *dir = argc == 3 ? argv[2] : NULL;
    if (strcmp(argv[1], "check") == 0) {
        return check(cli, dir, parameters);
    }
    if (strcmp(argv[1], "publish") == 0) {
        return run_publish(cli, dir, parameters);
    }
    if (strcmp(argv[1], "show") == 0) {
        return run_show(cli);
    }
    return cli_usage(cli, "manual 之后写 check、publish 或 show",
                     "after manual comes check, publish or show");
}

const struct command publish_command = {
    .name = "manual",
    .arguments = "check|publish|show [DIR] [--parameters FILE]",
    .zh = "检查手册（逐条指出文件:行:列），发布新一版，查看现行版",
    .en = "check the manual (every mistake as file:line:column), publish it, show what is in force",
    .run = run,
};
