#include "base/arena.h"

#include <assert.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/mman.h>
#include <unistd.h>

struct arena {
    size_t size;
    size_t used;
    size_t touched; /* up to here, since pages were given back */
    size_t refused; /* requests of decoders for which there was no room */
    unsigned small; /* resets in a row that found little used */
    alignas(max_align_t) unsigned char bytes[];
};

enum {
    STALE_BYTE = 0xDD,
    KEPT = 1 << 20, /* what stays with the process; the rest goes back to the system … */
    QUIET = 16,     /* … when so many resets in a row needed no more */
};

static void die(const char *why) {
    (void)fprintf(stderr, "arena: %s\n", why);
    abort();
}

struct arena *arena_new(size_t size) {
    struct arena *arena = malloc(sizeof *arena + size);

    if (!arena) {
        die("out of memory");
    }
    arena->size = size;
    arena->used = 0;
    arena->touched = 0;
    arena->refused = 0;
    arena->small = 0;
    return arena;
}

void arena_free(struct arena *arena) {
    free(arena);
}

/* Where use after reset is looked for, make stale data recognisable. */
static void make_stale(struct arena *arena, size_t from) {
#ifdef __SANITIZE_ADDRESS__
    memset(arena->bytes + from, STALE_BYTE, arena->used - from);
#else
    (void)arena;
    (void)from;
#endif
}

/* What one busy moment has touched must not stay with the process for ever. */
static void give_back(struct arena *arena) {
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    const uintptr_t start = (uintptr_t)arena->bytes;
    const uintptr_t from = (start + KEPT + page - 1) / page * page;
    const uintptr_t to = (start + arena->touched) / page * page;

    if (from < to) {
        (void)madvise(arena->bytes + (from - start), to - from, MADV_DONTNEED);
    }
    arena->touched = KEPT;
}

void arena_reset(struct arena *arena) {
    arena->small = arena->used > KEPT ? 0 : arena->small + 1;
    arena_rewind(arena, 0);
    if (arena->small >= QUIET && arena->touched > KEPT) {
        give_back(arena);
    }
}

size_t arena_used(const struct arena *arena) {
    return arena->used;
}

void arena_rewind(struct arena *arena, size_t used) {
    assert(arena);
    assert(used <= arena->used);
    make_stale(arena, used);
    if (arena->used > arena->touched) {
        arena->touched = arena->used;
    }
    arena->used = used;
}

/* NULL when there is no room. */
static void *take(struct arena *arena, size_t size) {
    const size_t align = alignof(max_align_t);

    if (size > SIZE_MAX - align) {
        return NULL;
    }
    size_t step = (size + align - 1) / align * align;
    assert(arena->used <= arena->size);
    if (step > arena->size - arena->used) {
        return NULL;
    }
    void *data = arena->bytes + arena->used;
    arena->used += step;
    return memset(data, 0, size);
}

void *arena_alloc(struct arena *arena, size_t size) {
    void *data = take(arena, size);

    if (!data) {
        die("full: a limit is missing");
    }
    return data;
}

void *arena_copy(struct arena *arena, const void *data, size_t size) {
    char *copy = arena_alloc(arena, size + 1);

    if (size > 0) {
        memcpy(copy, data, size);
    }
    return copy;
}

char *arena_text(struct arena *arena, const char *fmt, ...) {
    va_list args;

    va_start(args, fmt);
    int length = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    assert(length >= 0);
    char *text = arena_alloc(arena, (size_t)length + 1);
    va_start(args, fmt);
    (void)vsnprintf(text, (size_t)length + 1, fmt, args);
    va_end(args);
    return text;
}

static void *protobuf_alloc(void *data, size_t size) {
    struct arena *arena = data;
    size_t half = arena->size / 2;

    if (size > half || arena->used > half - size) {
        arena->refused++;
        return NULL;
    }
    return take(arena, size);
}

static void protobuf_free(void *arena, void *data) {
    (void)arena;
    (void)data; /* arena_reset frees it */
}

ProtobufCAllocator arena_protobuf(struct arena *arena) {
    return (ProtobufCAllocator){
        .alloc = protobuf_alloc,
        .free = protobuf_free,
        .allocator_data = arena,
    };
}

size_t arena_refused(const struct arena *arena) {
    return arena->refused;
}
