/* config - a YAML file for a table of keys of every kind. */
#include "base/config.h"

#include "fuzz.h"

enum { LEAST = -5, MOST = 1000 };

struct made {
    const char *name, *other;
    int64_t size;
    bool flag;
    struct config_map peers;
};

static const struct config_key keys[] = {
    {"name", CONFIG_TEXT, NULL, offsetof(struct made, name), 0, 0},
    {"limits.other", CONFIG_TEXT, "none", offsetof(struct made, other), 0, 0},
    {"limits.size", CONFIG_INT, "7", offsetof(struct made, size), LEAST, MOST},
    {"limits.deep.flag", CONFIG_FLAG, "false", offsetof(struct made, flag), 0, 0},
    {"peers", CONFIG_MAP, "", offsetof(struct made, peers), 0, 0},
    {0},
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena *arena = fuzz_arena();
    struct made made = {0};
    struct err err = {0};

    if (config_read(fuzz_path((struct bytes){data, size}), keys, &made, arena, &err)) {
        fuzz_refused(&err);
        FUZZ_CHECK(err.code == ERR_INVALID);
        return 0;
    }
    FUZZ_CHECK(made.name && made.other && made.size >= LEAST && made.size <= MOST);
    FUZZ_CHECK(made.peers.count <= CONFIG_MAP_MAX);
    for (size_t i = 0; i < made.peers.count; i++) {
        FUZZ_CHECK(config_find(&made.peers, made.peers.names[i]) == made.peers.values[i]);
    }
    return 0;
}
