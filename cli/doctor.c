#include "cli/doctor.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>
#include <sodium.h>

#include "base/speak.h"
#include "cli/column.h"
#include "cli/session.h"
#include "host/clock.h"
#include "host/link.h"
#include "host/settings.h"
#include "host/system.h"

enum {
    FREE_WARN = 10,
    FREE_BAD = 5,
    HONEST_US = 20,
    SLOW_US = 20000,
    NOTE_MAX = 512,
    VERDICT_WIDTH = 4,
    WHAT_WIDTH = 22,
    HEALTH_MS = 1000
};

enum verdict { FINE, WARN, BAD };

struct doctor {
    const struct cli *cli;
    json_t *findings;
    int bad;
};

/* "bus files" is "bus 的文件": the last word is ours, the first is a service's name. */
static const char *called(const char *what, struct arena *arena) {
    const char *space = strchr(what, ' ');
    const char *all = speak(what);

    return space && all == what
               ? arena_text(arena, "%.*s%s", (int)(space - what), what, speak(space))
               : all;
}

static void note(struct doctor *doctor, enum verdict verdict, const char *what, const char *fmt,
                 ...) __attribute__((format(printf, 4, 5)));

static void note(struct doctor *doctor, enum verdict verdict, const char *what, const char *fmt,
                 ...) {
    /* What it is called in JSON stays; what people read is in their language. */
    static const char *const words[] = {"ok", "warn", "bad"};
    const char *shown[] = {speak("ok"), speak("warn"), speak("bad")};
    struct arena *arena = doctor->cli->arena;
    static const char *const colours[] = {"\033[32m", "\033[33m", "\033[31m"};
    char text[NOTE_MAX];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, speak(fmt), args);
    va_end(args);
    doctor->bad += verdict == BAD;
    if (doctor->cli->json) {
        (void)json_array_append_new(
            doctor->findings,
            json_pack("{s:s, s:s, s:s}", "what", what, "verdict", words[verdict], "text", text));
    } else {
        (void)printf("%s%s%s %s %s\n", doctor->cli->colour ? colours[verdict] : "",
                     column_left(shown[verdict], VERDICT_WIDTH, arena),
                     doctor->cli->colour ? "\033[0m" : "",
                     column_left(called(what, arena), WHAT_WIDTH, arena), text);
    }
}

static void look_at_machine(struct doctor *doctor, const char *folder) {
    struct err err = {0};
    const char *kind = NULL;
    struct system_disk disk;
    int major = 0;
    int minor = 0;
    int patch = 0;
    struct clock_reading clock = clock_read();

    bool encrypts = link_version(&major, &minor, &patch);
    note(doctor, encrypts ? FINE : BAD, "libzmq", "%d.%d.%d, CURVE %s", major, minor, patch,
         encrypts ? speak("yes") : speak("no"));
    note(doctor, clock.synchronised ? FINE : WARN, "clock",
         clock.synchronised ? "synchronised"
                            : "not synchronised: a forward jump of the clock is not believed");
    if (system_check_folder(folder, &kind, &err)) {
        note(doctor, BAD, "filesystem", "%s", err.args);
        return;
    }
    note(doctor, strcmp(kind, "tmpfs") == 0 || strcmp(kind, "overlay") == 0 ? WARN : FINE,
         "filesystem", "%s", kind);
    if (system_measure_disk(folder, &disk, &err)) {
        note(doctor, BAD, "disk", "%s", err.args);
        return;
    }
    note(doctor, disk.p50_us < HONEST_US || disk.p50_us > SLOW_US ? WARN : FINE, "flush",
         "p50 %lld us, worst %lld us of %d%s", (long long)disk.p50_us, (long long)disk.worst_us,
         disk.samples, disk.p50_us < HONEST_US ? speak(": too quick to be true") : "");
    note(doctor,
         disk.free_percent < FREE_BAD    ? BAD
         : disk.free_percent < FREE_WARN ? WARN
                                         : FINE,
         "free space", "%d %%, %lld MB", disk.free_percent, (long long)(disk.free_bytes >> 20U));
}

static void look_at_files(struct doctor *doctor, struct session *session, const char *service) {
    const struct cli *cli = doctor->cli;
    struct instance *instance = session_instance(session);
    struct settings settings = {0};
    struct keys keys;
    struct secrets secrets;
    struct err err = {0};
    const char *what = arena_text(cli->arena, "%s files", service);

    if (settings_load(instance_path(instance, service, ".yaml", cli->arena), &settings, cli->arena,
                      &err)
        || keys_read(arena_text(cli->arena, "%s/%s", instance->dir, settings.keys), &keys, &err)
        || keys_secrets_read(arena_text(cli->arena, "%s/%s", instance->dir, settings.secrets),
                             &secrets, &err)) {
        note(doctor, BAD, what, "%s", err.args);
        return;
    }
    bool signs = !sodium_is_zero(secrets.token_secret, sizeof secrets.token_secret);
    bool should = strcmp(service, "registry") == 0;
    sodium_memzero(&secrets, sizeof secrets);
    sodium_memzero(&keys, sizeof keys);
    note(doctor, signs == should ? FINE : BAD, what, "%s",
         signs == should ? speak("configuration, keys and secrets are in order")
         : signs         ? speak("holds the key that signs tokens; only registry may")
                         : speak("cannot sign tokens: token_secret is missing"));
}

/* A stranger's key must be refused at every door that is open. */
static void knock(struct doctor *doctor, struct session *session, const char *service) {
    const struct cli *cli = doctor->cli;
    struct keys mine;
    struct keys server = {{0}, {0}, ""};
    struct err err = {0};
    void *context = link_context();
    const char *what = arena_text(cli->arena, "%s door", service);

    if (instance_keys(session_instance(session), service, &mine, server.public_key, &err)
        || link_self_test(context,
                          instance_endpoint(session_instance(session), service, cli->arena),
                          &server, &err)) {
        note(doctor, BAD, what, "%s", err.args);
    } else {
        note(doctor, FINE, what, "a strange key is refused");
    }
    link_context_free(context);
}

static void look_at_service(struct doctor *doctor, struct session *session, const char *service) {
    struct err err = {0};

    look_at_files(doctor, session, service);
    if (instance_pid(session_instance(session), service) == 0) {
        note(doctor, WARN, service, "does not run");
        return;
    }
    knock(doctor, session, service);
    const Core__HealthReply *health = session_health(session, service, HEALTH_MS, &err);
    if (!health) {
        note(doctor, BAD, service, "runs, but does not answer: %s", err.args);
        return;
    }
    note(doctor, health->ready ? FINE : BAD, service, "%s, epoch %llu",
         health->ready ? speak("ready") : speak(health->why), (unsigned long long)health->epoch);
    if (health->dead > 0) {
        note(doctor, BAD, service, "%llu dead letters: call Core/ListDead --service %s",
             (unsigned long long)health->dead, service);
    }
}

static int run(struct cli *cli, int argc, char **argv) {
    struct doctor doctor = {.cli = cli, .findings = json_array()};
    struct err err = {0};

    if (cli_unknown(cli, &argc, argv) || argc > 1) {
        return cli_usage(cli, "doctor 不要参数", "doctor takes no arguments");
    }
    struct session *session = session_new(cli, &err);
    look_at_machine(&doctor, session ? session_instance(session)->dir : ".");
    if (!session) {
        note(&doctor, WARN, "instance", "%s", err.args);
    }
    for (int i = 0; session && instance_services[i]; i++) {
        look_at_service(&doctor, session, instance_services[i]);
    }
    session_free(session);
    if (cli->json) {
        char *text = json_dumps(doctor.findings, JSON_COMPACT);
        (void)printf("%s\n", text ? text : "[]");
        free(text);
    }
    json_decref(doctor.findings);
    return doctor.bad > 0 ? CLI_FAILED : CLI_OK;
}

const struct command doctor_command = {
    .name = "doctor",
    .arguments = "",
    .zh = "检查机器和实例：磁盘、时钟、密钥、门锁、死信",
    .en = "examine machine and instance: disk, clock, keys, doors, dead letters",
    .run = run,
};
