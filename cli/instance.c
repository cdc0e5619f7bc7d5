#include "cli/instance.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <sodium.h>

#include "base/json.h"
#include "base/speak.h"
#include "host/system.h"

enum {
    SERVICES = 6,
    MODE_FOLDER = 0700,
    MODE_FILE = 0600,
    PORT_LOWEST = 20000, /* below those that the kernel gives away */
    PORT_RANGE = 11000,
    PORT_TRIES = 200,
    TEXT_MAX_BYTES = 16 * 1024,
    LOG_MAX_BYTES = 16 * 1024 * 1024,
    TAIL_BYTES = 1024,
};

const char *const instance_services[SERVICES + 1] = {"bus",    "registry", "ticketing", "patrol",
                                                     "notify", "reports",  NULL};

/* What a service may ask of another; people's tools are held by their tokens. */
static const char peer_methods[] = "shouwen.bus.v1.Bus/Append shouwen.bus.v1.Bus/Pull "
                                   "shouwen.bus.v1.Bus/Recover shouwen.notify.v1.Notify/HandOver "
                                   "shouwen.core.v1.Core/Health";

bool instance_knows(const char *service) {
    for (int i = 0; i < SERVICES; i++) {
        if (strcmp(instance_services[i], service) == 0) {
            return true;
        }
    }
    return false;
}

bool instance_wrong(const struct cli *cli, int count, char *const *names) {
    for (int i = 0; i < count; i++) {
        if (instance_knows(names[i])) {
            continue;
        }
        const char *nearest = json_nearest(names[i], instance_services, SERVICES);
        (void)fprintf(stderr, "shouwen: ");
        (void)fprintf(stderr, cli_say(cli, "没有服务 %s", "no such service: %s"), names[i]);
        if (*nearest) {
            (void)fprintf(stderr, cli_say(cli, "；是不是 %s？", "; did you mean %s?"), nearest);
        }
        (void)fputc('\n', stderr);
        return true;
    }
    return false;
}

/* ---- making ---- */

static int write_file(const struct instance *instance, const char *name, const char *text,
                      struct err *err) {
    int fd = openat(instance->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, MODE_FILE);

    if (fd < 0) {
        return err_plain(err, ERR_UNAVAILABLE, "%s/%s: %s", instance->dir, name,
                         speak(strerror(errno)));
    }
    size_t size = strlen(text);
    bool fine = write(fd, text, size) == (ssize_t)size;
    fine = close(fd) == 0 && fine;
    return fine ? 0 : err_plain(err, ERR_UNAVAILABLE, "%s/%s: cannot write", instance->dir, name);
}

static bool port_is_free(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_free = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0;

    if (fd >= 0) {
        (void)close(fd);
    }
    return is_free;
}

static int find_ports(void) {
    for (int try = 0; try < PORT_TRIES; try++) {
        int base = PORT_LOWEST + (int)randombytes_uniform(PORT_RANGE);
        bool all = true;
        for (int i = 0; all && i < SERVICES; i++) {
            all = port_is_free(base + i);
        }
        if (all) {
            return base;
        }
    }
    return 0;
}

static int make_keys(const struct instance *instance, struct err *err) {
    static const char *const tools[] = {"cli", "desk"};
    char path[CLI_PATH_MAX + INSTANCE_NAME_MAX];
    char list[TEXT_MAX_BYTES] = "# key   who   may call (exact, prefix*, or *)\n";
    size_t used = strlen(list);
    struct keys keys;

    for (int i = 0; i < SERVICES + 2; i++) {
        const char *name = i < SERVICES ? instance_services[i] : tools[i - SERVICES];
        (void)snprintf(path, sizeof path, "%s/keys/%s.key", instance->dir, name);
        if (keys_make(path, &keys, err)) {
            return -1;
        }
        int added = snprintf(list + used, sizeof list - used, "%s %s:%s %s\n", keys.public_hex,
                             i < SERVICES ? "service" : "tool", name,
                             i < SERVICES ? peer_methods : "*");
        used += added > 0 ? (size_t)added : 0;
    }
    sodium_memzero(&keys, sizeof keys);
    return write_file(instance, "allow", list, err);
}

static int make_secrets(const struct instance *instance, struct err *err) {
    struct secrets secrets;
    char path[CLI_PATH_MAX + INSTANCE_NAME_MAX];
    int status = 0;

    randombytes_buf(secrets.seal_key, sizeof secrets.seal_key);
    randombytes_buf(secrets.blind_key, sizeof secrets.blind_key);
    (void)crypto_sign_keypair(secrets.token_public, secrets.token_secret);
    for (int i = 0; status == 0 && i < SERVICES; i++) {
        const char *name = instance_services[i];
        (void)snprintf(path, sizeof path, "%s/secrets/%s.yaml", instance->dir, name);
        status = keys_secrets_write(path, &secrets, strcmp(name, "registry") == 0, err);
    }
    sodium_memzero(&secrets, sizeof secrets);
    return status;
}

static int make_config(const struct instance *instance, const char *name, int base, int number,
                       struct err *err) {
    char text[TEXT_MAX_BYTES];
    char file[INSTANCE_NAME_MAX + 8];
    int size = snprintf(text, sizeof text,
                        "# %s of this instance; paths are relative to this file.\n"
                        "service: %s\nlisten: tcp://127.0.0.1:%d\nlocal: ipc://%s.sock\n"
                        "store: %s.db\npid: %s.pid\nkeys: keys/%s.key\nallow: allow\n"
                        "secrets: secrets/%s.yaml\nlog: {level: info, time: true}\n",
                        name, name, base + number, name, name, name, name, name);

    if (strcmp(name, "bus") != 0) {
        (void)snprintf(text + size, sizeof text - (size_t)size,
                       "peers: {bus: \"tcp://127.0.0.1:%d\"%s", base,
                       strcmp(name, "notify") == 0 ? "}\n" : "");
        if (strcmp(name, "notify") != 0) {
            size_t used = strlen(text);
            (void)snprintf(text + used, sizeof text - used, ", notify: \"tcp://127.0.0.1:%d\"}\n",
                           base + 4);
        }
    }
    (void)snprintf(file, sizeof file, "%s.yaml", name);
    return write_file(instance, file, text, err);
}

static int make_folder(const char *path, struct err *err) {
    if (mkdir(path, MODE_FOLDER) && errno != EEXIST) {
        return err_plain(err, ERR_UNAVAILABLE, "%s: %s", path, speak(strerror(errno)));
    }
    return 0;
}

int instance_make(struct instance *instance, const char *dir, int port_base, struct err *err) {
    static const char *const folders[] = {"keys", "secrets", "backup"};
    char path[CLI_PATH_MAX];

    if (sodium_init() < 0) {
        return err_plain(err, ERR_INTERNAL, "no randomness");
    }
    int base = port_base > 0 ? port_base : find_ports();
    if (base == 0) {
        return err_plain(err, ERR_UNAVAILABLE, "no free ports; say --port-base");
    }
    if (make_folder(dir, err) || !realpath(dir, instance->dir)) {
        return err->code ? -1
                         : err_plain(err, ERR_UNAVAILABLE, "%s: %s", dir, speak(strerror(errno)));
    }
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        (void)snprintf(path, sizeof path, "%.4000s/%s", instance->dir, folders[i]);
        if (make_folder(path, err)) {
            return -1;
        }
    }
    instance->fd = open(instance->dir, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
    if (instance->fd < 0) {
        return err_plain(err, ERR_UNAVAILABLE, "%s: %s", dir, speak(strerror(errno)));
    }
    if (make_keys(instance, err) || make_secrets(instance, err)) {
        return -1;
    }
    /* The configurations last: with them the instance is there. */
    for (int i = SERVICES - 1; i >= 0; i--) {
        if (make_config(instance, instance_services[i], base, i, err)) {
            return -1;
        }
    }
    return fsync(instance->fd) ? err_plain(err, ERR_UNAVAILABLE, "%s: cannot flush", dir) : 0;
}

int instance_open(struct instance *instance, const char *dir, struct err *err) {
    if (!realpath(dir, instance->dir)) {
        return err_plain(err, ERR_NOT_FOUND, "%s: no instance there; make one: shouwen up", dir);
    }
    instance->fd = open(instance->dir, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
    if (instance->fd < 0 || faccessat(instance->fd, "bus.yaml", R_OK, 0)) {
        return err_plain(err, ERR_NOT_FOUND, "%s: no instance there; make one: shouwen up", dir);
    }
    return 0;
}

/* ---- looking ---- */

const char *instance_path(const struct instance *instance, const char *service, const char *suffix,
                          struct arena *arena) {
    return arena_text(arena, "%s/%s%s", instance->dir, service, suffix);
}

const char *instance_endpoint(const struct instance *instance, const char *service,
                              struct arena *arena) {
    /* A socket's path has 107 bytes; through the open folder any folder will do. */
    return arena_text(arena, "ipc:///proc/self/fd/%d/%s.sock", instance->fd, service);
}

int instance_keys(const struct instance *instance, const char *service, struct keys *mine,
                  uint8_t server_key[KEYS_SIZE], struct err *err) {
    char path[CLI_PATH_MAX + INSTANCE_NAME_MAX];
    struct allow *allow = calloc(1, sizeof *allow);
    int status = -1;

    (void)snprintf(path, sizeof path, "%s/keys/cli.key", instance->dir);
    if (!allow || keys_read(path, mine, err)) {
        goto done;
    }
    (void)snprintf(path, sizeof path, "%s/allow", instance->dir);
    if (allow_read(path, allow, err)) {
        goto done;
    }
    const struct allowed *server = allow_service(allow, service);
    if (!server) {
        (void)err_plain(err, ERR_NOT_FOUND, "%s: no key of service:%s", path, service);
        goto done;
    }
    (void)sodium_hex2bin(server_key, KEYS_SIZE, server->key, KEYS_HEX, NULL, NULL, NULL);
    status = 0;

done:
    free(allow);
    return status;
}

pid_t instance_pid(const struct instance *instance, const char *service) {
    char path[CLI_PATH_MAX + INSTANCE_NAME_MAX];

    (void)snprintf(path, sizeof path, "%s/%s.pid", instance->dir, service);
    return system_locked_by(path);
}

const char *instance_last_words(const struct instance *instance, const char *service,
                                struct arena *arena) {
    char tail[TAIL_BYTES + 1] = "";
    FILE *file = fopen(instance_path(instance, service, ".log", arena), "re");

    if (!file) {
        return "";
    }
    if (fseek(file, -TAIL_BYTES, SEEK_END)) {
        rewind(file);
    }
    size_t size = fread(tail, 1, TAIL_BYTES, file);
    (void)fclose(file);
    while (size > 0 && tail[size - 1] == '\n') {
        size--;
    }
    tail[size] = '\0';
    const char *line = strrchr(tail, '\n');
    return arena_text(arena, "%s", line ? line + 1 : tail);
}

/* ---- starting and stopping ---- */

static void become(const struct instance *instance, const char *service, const char *option,
                   const char *program) {
    char config[CLI_PATH_MAX + INSTANCE_NAME_MAX];
    char log[CLI_PATH_MAX + INSTANCE_NAME_MAX];
    char old[CLI_PATH_MAX + INSTANCE_NAME_MAX];
    struct stat info;

    (void)snprintf(config, sizeof config, "%s/%s.yaml", instance->dir, service);
    (void)snprintf(log, sizeof log, "%s/%s.log", instance->dir, service);
    (void)snprintf(old, sizeof old, "%s/%s.log.1", instance->dir, service);
    if (stat(log, &info) == 0 && info.st_size > LOG_MAX_BYTES) {
        (void)rename(log, old);
    }
    int null = open("/dev/null", O_RDONLY);
    int out = open(log, O_WRONLY | O_CREAT | O_APPEND, MODE_FILE);
    if (null < 0 || out < 0 || setsid() < 0 || dup2(null, STDIN_FILENO) < 0
        || dup2(out, STDOUT_FILENO) < 0 || dup2(out, STDERR_FILENO) < 0) {
        _exit(CLI_FAILED);
    }
    (void)execl(program, program, "--config", config, option, (char *)NULL);
    (void)fprintf(stderr, "cannot run %s: %s\n", program, speak(strerror(errno)));
    _exit(CLI_FAILED);
}

int instance_start(const struct instance *instance, const char *service, const char *option,
                   pid_t *child, struct err *err) {
    char program[CLI_PATH_MAX + INSTANCE_NAME_MAX];
    char self[CLI_PATH_MAX];
    ssize_t size = readlink("/proc/self/exe", self, sizeof self - 1);

    if (size <= 0) {
        return err_plain(err, ERR_UNAVAILABLE, "where am I? %s", speak(strerror(errno)));
    }
    self[size] = '\0';
    *strrchr(self, '/') = '\0';
    (void)snprintf(program, sizeof program, "%s/shouwen-%s", self, service);
    if (access(program, X_OK)) {
        return err_plain(err, ERR_NOT_FOUND, "%s: %s", program, speak(strerror(errno)));
    }
    *child = fork();
    if (*child < 0) {
        return err_plain(err, ERR_UNAVAILABLE, "fork: %s", speak(strerror(errno)));
    }
    if (*child == 0) {
        become(instance, service, option, program);
    }
    return 0;
}

int instance_stop(const struct instance *instance, const char *service, int signal, int64_t wait_ms,
                  struct err *err) {
    pid_t pid = instance_pid(instance, service);
    int fd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;

    if (fd < 0 || instance_pid(instance, service) != pid) {
        if (fd >= 0) {
            (void)close(fd);
        }
        return 0; /* it is gone */
    }
    struct pollfd item = {fd, POLLIN, 0};
    int rc = (int)syscall(SYS_pidfd_send_signal, fd, signal, NULL, 0);
    int ended = rc == 0 ? poll(&item, 1, (int)wait_ms) : -1;
    (void)close(fd);
    return ended == 1 ? 0
                      : err_plain(err, ERR_DEADLINE, "%s (pid %d) does not end", service, (int)pid);
}
