#include "host/keys.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "base/arena.h"
#include "base/config.h"
#include "base/speak.h"
#include "core/core.h"

enum {
    FILE_ARENA = 1024 * 1024,
    LINE_MAX_BYTES = 4096,
    MODE_OTHERS = 077,
    MODE_BITS = 0777,
    MODE_OWNER = 0600,
    SECRETS_TEXT_MAX = 1024,
};

/* ---- files that only their owner reads ---- */

static int check_mode(const char *path, struct err *err) {
    struct stat info;

    if (stat(path, &info)) {
        return err_plain(err, ERR_NOT_FOUND, "%s: %s", path, speak(strerror(errno)));
    }
    if (info.st_mode & MODE_OTHERS) {
        return err_plain(err, ERR_PRECONDITION,
                         "%s: others can read it (mode %03o); chmod 600 and change the keys", path,
                         (unsigned)info.st_mode & MODE_BITS);
    }
    return 0;
}

static int write_private(const char *path, const char *text, struct err *err) {
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, MODE_OWNER);

    if (fd < 0) {
        return err_plain(err, ERR_UNAVAILABLE, "%s: %s", path, speak(strerror(errno)));
    }
    size_t size = strlen(text);
    bool ok = write(fd, text, size) == (ssize_t)size && fsync(fd) == 0;
    ok = close(fd) == 0 && ok;
    return ok ? 0 : err_plain(err, ERR_UNAVAILABLE, "%s: cannot write", path);
}

static bool from_hex(const char *hex, void *data, size_t size) {
    size_t got = 0;
    const char *end = NULL;

    return strlen(hex) == size * 2
           && sodium_hex2bin(data, size, hex, size * 2, NULL, &got, &end) == 0 && got == size;
}

/* ---- key pairs ---- */

void keys_new(struct keys *keys) {
    (void)crypto_box_keypair(keys->public_key, keys->secret_key);
    (void)sodium_bin2hex(keys->public_hex, sizeof keys->public_hex, keys->public_key, KEYS_SIZE);
}

int keys_make(const char *path, struct keys *keys, struct err *err) {
    char text[SECRETS_TEXT_MAX];
    char secret[KEYS_HEX + 1];

    keys_new(keys);
    (void)sodium_bin2hex(secret, sizeof secret, keys->secret_key, KEYS_SIZE);
    (void)snprintf(text, sizeof text, "public_key: \"%s\"\nsecret_key: \"%s\"\n", keys->public_hex,
                   secret);
    int rc = write_private(path, text, err);
    sodium_memzero(text, sizeof text);
    sodium_memzero(secret, sizeof secret);
    return rc;
}

struct key_file {
    const char *public_key, *secret_key;
};

static const struct config_key key_table[] = {
    {"public_key", CONFIG_TEXT, NULL, offsetof(struct key_file, public_key), 0, 0},
    {"secret_key", CONFIG_TEXT, NULL, offsetof(struct key_file, secret_key), 0, 0},
    {0},
};

int keys_read(const char *path, struct keys *keys, struct err *err) {
    struct key_file file = {0};
    uint8_t derived[KEYS_SIZE];
    int status = -1;
    struct arena *arena = arena_new(FILE_ARENA);

    if (check_mode(path, err) || config_read(path, key_table, &file, arena, err)) {
        goto done;
    }
    if (!from_hex(file.public_key, keys->public_key, KEYS_SIZE)
        || !from_hex(file.secret_key, keys->secret_key, KEYS_SIZE)
        || crypto_scalarmult_base(derived, keys->secret_key)
        || sodium_memcmp(derived, keys->public_key, KEYS_SIZE) != 0) {
        (void)err_plain(err, ERR_INVALID, "%s: no pair of keys", path);
        goto done;
    }
    (void)sodium_bin2hex(keys->public_hex, sizeof keys->public_hex, keys->public_key, KEYS_SIZE);
    status = 0;

done:
    arena_reset(arena);
    arena_free(arena);
    return status;
}

/* ---- secrets ---- */

struct secrets_file {
    const char *seal_key, *blind_key, *token_public, *token_secret;
};

static const struct config_key secrets_table[] = {
    {"seal_key", CONFIG_TEXT, NULL, offsetof(struct secrets_file, seal_key), 0, 0},
    {"blind_key", CONFIG_TEXT, NULL, offsetof(struct secrets_file, blind_key), 0, 0},
    {"token_public", CONFIG_TEXT, NULL, offsetof(struct secrets_file, token_public), 0, 0},
    {"token_secret", CONFIG_TEXT, "", offsetof(struct secrets_file, token_secret), 0, 0},
    {0},
};

int keys_secrets_write(const char *path, const struct secrets *secrets, bool signs,
                       struct err *err) {
    char seal[SEAL_KEY_SIZE * 2 + 1];
    char blind[SEAL_KEY_SIZE * 2 + 1];
    char public_half[TOKEN_PUBLIC_SIZE * 2 + 1];
    char secret_half[TOKEN_SECRET_SIZE * 2 + 1] = "";
    char text[SECRETS_TEXT_MAX];

    (void)sodium_bin2hex(seal, sizeof seal, secrets->seal_key, SEAL_KEY_SIZE);
    (void)sodium_bin2hex(blind, sizeof blind, secrets->blind_key, SEAL_KEY_SIZE);
    (void)sodium_bin2hex(public_half, sizeof public_half, secrets->token_public, TOKEN_PUBLIC_SIZE);
    if (signs) {
        (void)sodium_bin2hex(secret_half, sizeof secret_half, secrets->token_secret,
                             TOKEN_SECRET_SIZE);
    }
    (void)snprintf(text, sizeof text,
                   "seal_key: \"%s\"\nblind_key: \"%s\"\ntoken_public: \"%s\"\n%s%s%s", seal, blind,
                   public_half, signs ? "token_secret: \"" : "", secret_half, signs ? "\"\n" : "");
    int rc = write_private(path, text, err);
    sodium_memzero(text, sizeof text);
    return rc;
}

int keys_secrets_read(const char *path, struct secrets *secrets, struct err *err) {
    struct secrets_file file = {0};
    int status = -1;
    struct arena *arena = arena_new(FILE_ARENA);

    memset(secrets, 0, sizeof *secrets);
    if (check_mode(path, err) || config_read(path, secrets_table, &file, arena, err)) {
        goto done;
    }
    if (!from_hex(file.seal_key, secrets->seal_key, SEAL_KEY_SIZE)
        || !from_hex(file.blind_key, secrets->blind_key, SEAL_KEY_SIZE)
        || !from_hex(file.token_public, secrets->token_public, TOKEN_PUBLIC_SIZE)
        || (*file.token_secret
            && !from_hex(file.token_secret, secrets->token_secret, TOKEN_SECRET_SIZE))) {
        (void)err_plain(err, ERR_INVALID, "%s: a key is not in hex, or not as long as it should be",
                        path);
        goto done;
    }
    status = 0;

done:
    arena_reset(arena);
    arena_free(arena);
    return status;
}

/* ---- the allow list ---- */

static const char blanks[] = " \t\r\n";

/* NULL, or what is wrong with the line. */
static const char *allow_line(char *line, struct allow *allow) {
    char *rest = NULL;
    uint8_t key[KEYS_SIZE];
    const char *word = strtok_r(line, blanks, &rest);

    if (!word || *word == '#') {
        return NULL;
    }
    if (allow->count == ALLOW_MAX) {
        return speak("too many keys");
    }
    struct allowed *allowed = &allow->list[allow->count];
    memset(allowed, 0, sizeof *allowed);
    if (!from_hex(word, key, sizeof key)) {
        return speak("the key is not 64 hex digits");
    }
    (void)sodium_bin2hex(allowed->key, sizeof allowed->key, key, sizeof key);
    if (allow_find(allow, allowed->key)) {
        return speak("this key is there already");
    }
    word = strtok_r(NULL, blanks, &rest);
    const char *name = word ? strchr(word, ':') : NULL;
    bool service = word && strncmp(word, "service:", strlen("service:")) == 0;
    if (!name || (!service && strncmp(word, "tool:", strlen("tool:")) != 0) || !name[1]) {
        return speak("who is it?  service:NAME or tool:NAME");
    }
    if (strlen(name + 1) >= sizeof allowed->name) {
        return speak("the name is too long");
    }
    if (service && strlen(name + 1) >= CORE_PEER_MAX) {
        static_assert(CORE_PEER_MAX == 24, "the sentence says 23");
        return speak("the name of a service is longer than 23 bytes");
    }
    allowed->service = service;
    memcpy(allowed->name, name + 1, strlen(name + 1) + 1);
    while ((word = strtok_r(NULL, blanks, &rest))) {
        if (allowed->method_count == ALLOW_METHODS_MAX || strlen(word) >= ALLOW_PATTERN_MAX) {
            return speak("too many methods, or too long a one");
        }
        memcpy(allowed->methods[allowed->method_count++], word, strlen(word) + 1);
    }
    allow->count++;
    return NULL;
}

int allow_read(const char *path, struct allow *allow, struct err *err) {
    char line[LINE_MAX_BYTES];
    int number = 0;
    const char *wrong = NULL;
    FILE *file = fopen(path, "re");

    if (!file) {
        return err_plain(err, ERR_NOT_FOUND, "%s: %s", path, speak(strerror(errno)));
    }
    struct allow *fresh = calloc(1, sizeof *fresh);
    if (!fresh) {
        (void)fclose(file);
        return err_plain(err, ERR_UNAVAILABLE, "out of memory");
    }
    while (!wrong && fgets(line, sizeof line, file)) {
        number++;
        wrong = strlen(line) == sizeof line - 1 ? speak("too long") : allow_line(line, fresh);
    }
    (void)fclose(file);
    if (!wrong) {
        *allow = *fresh;
    }
    free(fresh);
    return wrong ? err_plain(err, ERR_INVALID, "%s:%d: %s", path, number, wrong) : 0;
}

const struct allowed *allow_find(const struct allow *allow, const char *key) {
    for (size_t i = 0; i < allow->count; i++) {
        if (memcmp(allow->list[i].key, key, KEYS_HEX + 1) == 0) {
            return &allow->list[i];
        }
    }
    return NULL;
}

const struct allowed *allow_service(const struct allow *allow, const char *name) {
    for (size_t i = 0; i < allow->count; i++) {
        if (allow->list[i].service && strcmp(allow->list[i].name, name) == 0) {
            return &allow->list[i];
        }
    }
    return NULL;
}

bool allow_method(const struct allowed *allowed, struct bytes method) {
    for (size_t i = 0; i < allowed->method_count; i++) {
        const char *pattern = allowed->methods[i];
        size_t length = strlen(pattern);
        bool prefix = length > 0 && pattern[length - 1] == '*';
        length -= prefix;
        if ((prefix ? method.size >= length : method.size == length)
            && (length == 0 || memcmp(pattern, method.data, length) == 0)) {
            return true;
        }
    }
    return false;
}
