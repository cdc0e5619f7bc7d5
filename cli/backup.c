#include "cli/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/speak.h"
#include "cli/session.h"
#include "cli/up.h"

enum {
    BACKUP_WAIT_MS = 600000,
    STOP_WAIT_MS = 15000,
    STAMP_MAX = 32,
    CHUNK = 64 * 1024,
    MODE_FILE = 0600,
    MAGIC_SIZE = 16,
};

static const char magic[MAGIC_SIZE] = "SQLite format 3";

static const char *stamp(const struct cli *cli) {
    char text[STAMP_MAX];
    struct tm parts;
    time_t now = time(NULL);

    (void)gmtime_r(&now, &parts);
    (void)strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", &parts);
    return arena_text(cli->arena, "%s", text);
}

/* ---- backup ---- */

/* The service copies its store itself, between two transactions. */
static int back_up(const struct cli *cli, struct session *session, const char *service,
                   const char *folder, const char *when, struct err *err) {
    Core__BackupRequest request = CORE__BACKUP_REQUEST__INIT;
    struct client_request wire = {.method = "shouwen.core.v1.Core/Backup",
                                  .timeout_ms = BACKUP_WAIT_MS};
    struct client_answer answer;
    struct stat info;

    request.path = arena_text(cli->arena, "%s/%s-%s.db", folder, service, when);
    size_t size = core__backup_request__get_packed_size(&request);
    uint8_t *packed = arena_alloc(cli->arena, size);
    wire.payload = (struct bytes){packed, core__backup_request__pack(&request, packed)};
    if (session_raw(session, service, &wire, &answer, err)) {
        return err_wrap(err, "%s", service);
    }
    if (stat(request.path, &info)) {
        return err_plain(err, ERR_DATA_LOSS, "%s: is not there", request.path);
    }
    if (cli->json) {
        (void)printf("{\"service\":\"%s\",\"path\":\"%s\",\"bytes\":%lld}\n", service, request.path,
                     (long long)info.st_size);
    } else {
        (void)printf("%-10s %12lld  %s\n", service, (long long)info.st_size, request.path);
    }
    return 0;
}

static int run_backup(struct cli *cli, int argc, char **argv) {
    struct err err = {0};
    char folder[CLI_PATH_MAX];
    const char *to = cli_value(&argc, argv, "--to");
    int status = 0;

    if (cli_unknown(cli, &argc, argv) || instance_wrong(cli, argc - 1, argv + 1)) {
        return CLI_USAGE;
    }
    struct session *session = session_new(cli, &err);
    if (!session) {
        return cli_fail(cli, &err);
    }
    const struct instance *instance = session_instance(session);
    if (!realpath(to ? to : arena_text(cli->arena, "%s/backup", instance->dir), folder)) {
        (void)err_plain(&err, ERR_NOT_FOUND, "%s: %s", to ? to : "backup", speak(strerror(errno)));
        status = -1;
    }
    const char *when = stamp(cli);
    const int named = argc - 1;
    /* The bus last: so it has all that the others had heard of one another, and gives it to those
     * that are put back with it.  An older one would let numbers be given a second time. */
    for (int bus = 0; bus < 2; bus++) {
        for (int i = 0; (named ? i < named : instance_services[i] != NULL) && status == 0; i++) {
            const char *service = named ? argv[i + 1] : instance_services[i];
            if ((strcmp(service, "bus") == 0) == (bus == 1)) {
                status = back_up(cli, session, service, folder, when, &err);
            }
        }
    }
    session_free(session);
    return status ? cli_fail(cli, &err) : CLI_OK;
}

/* ---- restore ---- */

static int copy_store(const char *from, const char *to, struct err *err) {
    static uint8_t chunk[CHUNK];
    int status = -1;
    ssize_t size = 0;
    int in = open(from, O_RDONLY | O_CLOEXEC);
    int out = in >= 0 ? open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, MODE_FILE) : -1;

    if (in < 0 || out < 0) {
        (void)err_plain(err, ERR_NOT_FOUND, "%s: %s", in < 0 ? from : to, speak(strerror(errno)));
        goto done;
    }
    bool first = true;
    while ((size = read(in, chunk, sizeof chunk)) > 0) {
        if (first && (size < MAGIC_SIZE || memcmp(chunk, magic, MAGIC_SIZE) != 0)) {
            (void)err_plain(err, ERR_INVALID, "%s: is no store", from);
            goto done;
        }
        first = false;
        if (write(out, chunk, (size_t)size) != size) {
            (void)err_plain(err, ERR_EXHAUSTED, "%s: %s", to, speak(strerror(errno)));
            goto done;
        }
    }
    status = size == 0 && !first && fsync(out) == 0
                 ? 0
                 : err_plain(err, ERR_UNAVAILABLE, "%s: cannot be copied", from);

done:
    if (in >= 0) {
        (void)close(in);
    }
    if (out >= 0) {
        (void)close(out);
        if (status) {
            (void)unlink(to);
        }
    }
    return status;
}

/* The old store is kept beside, with all that belongs to it. */
static int put_aside(const struct cli *cli, const struct instance *instance, const char *service,
                     const char *when, struct err *err) {
    static const char *const parts[] = {".db", ".db-wal", ".db-shm"};

    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        const char *old = instance_path(instance, service, parts[i], cli->arena);
        const char *aside = arena_text(cli->arena, "%s/%s-replaced-%s%s", instance->dir, service,
                                       when, parts[i]);
        if (rename(old, aside) && errno != ENOENT) {
            return err_plain(err, ERR_UNAVAILABLE, "%s: %s", old, speak(strerror(errno)));
        }
    }
    return 0;
}

static int restore(const struct cli *cli, struct session *session, const char *service,
                   const char *file, bool accept_loss, struct err *err) {
    struct instance *instance = session_instance(session);
    const char *store = instance_path(instance, service, ".db", cli->arena);
    const char *fresh = instance_path(instance, service, ".db.restoring", cli->arena);
    const char *when = stamp(cli);
    pid_t child = 0;

    /* Nothing is touched before the copy lies there, whole. */
    (void)unlink(fresh);
    if (copy_store(file, fresh, err) || instance_stop(instance, service, SIGTERM, STOP_WAIT_MS, err)
        || put_aside(cli, instance, service, when, err)) {
        return -1;
    }
    if (rename(fresh, store) || fsync(instance->fd)) {
        return err_plain(err, ERR_UNAVAILABLE, "%s: %s", store, speak(strerror(errno)));
    }
    if (instance_start(instance, service, accept_loss ? "--accept-loss" : NULL, &child, err)
        || up_wait(session, service, true, err)) {
        return -1;
    }
    (void)printf(cli_say(cli, "%s 已从 %s 恢复；原来的库：%s/%s-replaced-%s.db\n",
                         "%s is restored from %s; the old store is %s/%s-replaced-%s.db\n"),
                 service, file, instance->dir, service, when);
    return 0;
}

static int run_restore(struct cli *cli, int argc, char **argv) {
    struct err err = {0};
    bool accept_loss = cli_flag(&argc, argv, "--accept-loss");

    if (cli_unknown(cli, &argc, argv) || argc != 3) {
        return cli_usage(cli, "用法：restore 服务 文件", "usage: restore SERVICE FILE");
    }
    if (instance_wrong(cli, 1, argv + 1)) {
        return CLI_USAGE;
    }
    struct session *session = session_new(cli, &err);
    if (!session || restore(cli, session, argv[1], argv[2], accept_loss, &err)) {
        session_free(session);
        return cli_fail(cli, &err);
    }
    session_free(session);
    return CLI_OK;
}

const struct command backup_command = {
    .name = "backup",
    .arguments = "[SERVICE…] [--to DIR]",
    .zh = "运行中做一致的备份（默认：全部服务，到实例的 backup/）",
    .en = "consistent copies while it runs (otherwise: of all services, into backup/)",
    .run = run_backup,
};

const struct command restore_command = {
    .name = "restore",
    .arguments = "SERVICE FILE [--accept-loss]",
    .zh = "用备份换回一个服务的库；它从总线取回之后的事件",
    .en = "put a backup in the place of a store; it takes its later events back from the bus",
    .more_zh = "  --accept-loss  没有总线也启动：之后的事件丢失，留有记录，库得新编号",
    .more_en =
        "  --accept-loss  start without the bus: later events are lost; on record, under a new id",
    .run = run_restore,
};
