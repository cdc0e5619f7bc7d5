#include "fuzz.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"

enum { ARENA_SIZE = 64 << 20, OWNER = 0600 };

struct arena *fuzz_arena(void) {
    static struct arena *arena;

    arena = arena ? arena : arena_new(ARENA_SIZE);
    arena_reset(arena);
    return arena;
}

const char *fuzz_path(struct bytes data) {
    static char path[64];
    static int fd = -1;

    if (fd >= 0) {
        (void)close(fd);
    }
    fd = memfd_create("fuzz", MFD_CLOEXEC);
    FUZZ_CHECK(fd >= 0 && fchmod(fd, OWNER) == 0);
    FUZZ_CHECK(data.size == 0 || write(fd, data.data, data.size) == (ssize_t)data.size);
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return path;
}

bool fuzz_is_text(const char *text) {
    const char *broken = text_check(text, strlen(text), SIZE_MAX, true);

    return !broken || !text_eq(broken, "text_utf8");
}

void fuzz_refused(const struct err *err) {
    FUZZ_CHECK(err->code != ERR_NONE);
    FUZZ_CHECK(err->rule[0] && (err->args[0] || strcmp(err->rule, "plain") != 0));
    FUZZ_CHECK(fuzz_is_text(err->rule) && fuzz_is_text(err->args));
}

struct bytes fuzz_packed(const ProtobufCMessage *message, struct arena *arena) {
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *data = arena_alloc(arena, size + 1);

    FUZZ_CHECK(protobuf_c_message_pack(message, data) == size);
    return (struct bytes){data, size};
}

bool fuzz_same(struct bytes a, struct bytes b) {
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

uint8_t fuzz_byte(struct bytes *rest) {
    struct bytes one = fuzz_take(rest, 1);

    return one.size == 1 ? one.data[0] : 0;
}

struct bytes fuzz_take(struct bytes *rest, size_t size) {
    struct bytes taken = {rest->data, size < rest->size ? size : rest->size};

    rest->data += taken.size;
    rest->size -= taken.size;
    return taken;
}

const char *fuzz_text(struct bytes *rest, struct arena *arena) {
    const uint8_t *end = rest->size > 0 ? memchr(rest->data, 0, rest->size) : NULL;
    struct bytes taken = fuzz_take(rest, end ? (size_t)(end - rest->data) : rest->size);

    (void)fuzz_take(rest, end != NULL);
    return arena_copy(arena, taken.data, taken.size);
}
