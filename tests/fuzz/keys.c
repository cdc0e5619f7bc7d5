/* keys - key pairs, secrets and allow lists: the first byte says which file it is. */
#include "host/keys.h"

#include "fuzz.h"

enum { FILES = 3, TEXT_SIZE = 256 * 1024 };

static void read_pair(const char *path) {
    struct keys keys = {0};
    struct err err = {0};

    if (keys_read(path, &keys, &err)) {
        fuzz_refused(&err);
    } else {
        FUZZ_CHECK(strlen(keys.public_hex) == KEYS_HEX);
    }
}

static void read_secrets(const char *path) {
    struct secrets secrets;
    struct err err = {0};

    if (keys_secrets_read(path, &secrets, &err)) {
        fuzz_refused(&err);
    }
}

static void check_one(const struct allow *allow, const struct allowed *allowed,
                      struct bytes method) {
    FUZZ_CHECK(strlen(allowed->key) == KEYS_HEX && allowed->name[0]);
    FUZZ_CHECK(allowed->method_count <= ALLOW_METHODS_MAX);
    FUZZ_CHECK(allow_find(allow, allowed->key) == allowed);
    FUZZ_CHECK(!allowed->service
               || strcmp(allow_service(allow, allowed->name)->name, allowed->name) == 0);
    bool any = false;
    for (size_t i = 0; i < allowed->method_count; i++) {
        any = any || strcmp(allowed->methods[i], "*") == 0;
    }
    FUZZ_CHECK(!any || allow_method(allowed, method));
    FUZZ_CHECK(allowed->method_count > 0 || !allow_method(allowed, method));
}

/* The list as a file again. */
static struct bytes written(const struct allow *allow) {
    static char text[TEXT_SIZE];
    size_t used = 0;

    for (size_t i = 0; i < allow->count; i++) {
        const struct allowed *allowed = &allow->list[i];
        used += (size_t)snprintf(text + used, sizeof text - used, "%s %s:%s", allowed->key,
                                 allowed->service ? "service" : "tool", allowed->name);
        for (size_t m = 0; m < allowed->method_count; m++) {
            used += (size_t)snprintf(text + used, sizeof text - used, " %s", allowed->methods[m]);
        }
        text[used++] = '\n';
    }
    return (struct bytes){(const uint8_t *)text, used};
}

static void read_allow(struct bytes data) {
    static struct allow allow, again;
    struct err err = {0};

    memset(&allow, 0, sizeof allow);
    memset(&again, 0, sizeof again);
    if (allow_read(fuzz_path(data), &allow, &err)) {
        fuzz_refused(&err);
        FUZZ_CHECK(memcmp(&allow, &again, sizeof allow) == 0); /* it is as it was */
        return;
    }
    FUZZ_CHECK(allow.count <= ALLOW_MAX);
    for (size_t i = 0; i < allow.count; i++) {
        check_one(&allow, &allow.list[i], data);
    }
    FUZZ_CHECK(allow_read(fuzz_path(written(&allow)), &again, &err) == 0);
    FUZZ_CHECK(memcmp(&allow, &again, sizeof allow) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct bytes rest = {data, size};

    switch (fuzz_byte(&rest) % FILES) {
    case 0:
        read_pair(fuzz_path(rest));
        break;
    case 1:
        read_secrets(fuzz_path(rest));
        break;
    default:
        read_allow(rest);
        break;
    }
    return 0;
}
