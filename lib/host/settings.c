#include "host/settings.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/speak.h"
#include "host/workers.h"

enum {
    GROUP_MAX = 256,
    KEEP_DAYS_MIN = 30,
    KEEP_DAYS_MAX = 36500,
    PATH_MAX_BYTES = 4096,
    OPTION_CONFIG = 'c',
    OPTION_CHECK = 'k',
    OPTION_LOSS = 'l',
    OPTION_HELP = 'h',
};

#define AT(field) offsetof(struct settings, field)

static const struct config_key keys[] = {
    {"service", CONFIG_TEXT, NULL, AT(service), 0, 0},
    {"listen", CONFIG_TEXT, NULL, AT(listen), 0, 0},
    {"local", CONFIG_TEXT, NULL, AT(local), 0, 0},
    {"store", CONFIG_TEXT, NULL, AT(store), 0, 0},
    {"keys", CONFIG_TEXT, NULL, AT(keys), 0, 0},
    {"allow", CONFIG_TEXT, NULL, AT(allow), 0, 0},
    {"secrets", CONFIG_TEXT, NULL, AT(secrets), 0, 0},
    {"pid", CONFIG_TEXT, NULL, AT(pid), 0, 0},
    {"peers", CONFIG_MAP, "", AT(peers), 0, 0},
    {"log.level", CONFIG_TEXT, "info", AT(log_level), 0, 0},
    {"log.time", CONFIG_FLAG, "false", AT(log_time), 0, 0},
    {"workers.normal", CONFIG_INT, "2", AT(workers), 1, WORKERS_MAX / 2},
    {"workers.urgent", CONFIG_INT, "8", AT(urgent_workers), 1, WORKERS_MAX / 2},
    {"group_max", CONFIG_INT, "256", AT(group_max), 1, GROUP_MAX},
    {"keep_days", CONFIG_INT, "0", AT(keep_days), 0, KEEP_DAYS_MAX},
    {"self_test", CONFIG_FLAG, "true", AT(self_test), 0, 0},
    {0},
};

static const struct option options[] = {
    {"config", required_argument, NULL, OPTION_CONFIG},
    {"check-config", no_argument, NULL, OPTION_CHECK},
    {"accept-loss", no_argument, NULL, OPTION_LOSS},
    {"help", no_argument, NULL, OPTION_HELP},
    {0},
};

static void usage(const char *service) {
    (void)printf("usage: shouwen-%s --config FILE [--check-config] [--accept-loss]\n"
                 "  --config FILE    the service's configuration; paths in it are relative to it\n"
                 "  --check-config   read it, say what is wrong, and end\n"
                 "  --accept-loss    start a restored store although the bus cannot give back\n"
                 "                   its later events (recorded; the store gets a new id)\n",
                 service);
}

static int enter_folder(const char *path, struct err *err) {
    char folder[PATH_MAX_BYTES];
    const char *slash = strrchr(path, '/');

    if (!slash) {
        return 0;
    }
    int length = slash == path ? 1 : (int)(slash - path);
    (void)snprintf(folder, sizeof folder, "%.*s", length, path);
    return chdir(folder) ? err_plain(err, ERR_NOT_FOUND, "%s: %s", folder, speak(strerror(errno)))
                         : 0;
}

int settings_load(const char *path, struct settings *settings, struct arena *arena,
                  struct err *err) {
    return config_read(path, keys, settings, arena, err);
}

int settings_read(const char *service, int argc, char **argv, struct settings *settings,
                  struct arena *arena, struct err *err) {
    const char *path = NULL;
    enum log_level level = LOG_INFO;

    optind = 1;
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (option) {
        case OPTION_CONFIG:
            path = optarg;
            break;
        case OPTION_CHECK:
            settings->check_only = true;
            break;
        case OPTION_LOSS:
            settings->accept_loss = true;
            break;
        case OPTION_HELP:
            usage(service);
            return 1;
        default:
            return err_plain(err, ERR_INVALID, "see --help");
        }
    }
    if (!path || optind < argc) {
        return err_plain(err, ERR_INVALID, "say --config FILE, and nothing else; see --help");
    }
    if (settings_load(path, settings, arena, err)) {
        return -1;
    }
    if (strcmp(settings->service, service) != 0) {
        return err_plain(err, ERR_INVALID, "%s: is for the service %s; this is %s", path,
                         settings->service, service);
    }
    if (settings->keep_days > 0 && settings->keep_days < KEEP_DAYS_MIN) {
        return err_plain(err, ERR_INVALID, "%s: keep_days: 0 (for ever) or at least %d", path,
                         KEEP_DAYS_MIN);
    }
    if (!log_level_named(settings->log_level, &level)) {
        return err_plain(err, ERR_INVALID, "%s: log.level: no such level \"%s\"", path,
                         settings->log_level);
    }
    log_set(level, settings->log_time);
    return enter_folder(path, err);
}
