/*
 * arena - memory that lives as long as one message.
 *
 * The message loop owns one arena, made at startup and reset before each
 * message.  Everything a handler allocates (the decoded request, the rows it
 * reads, the reply it builds) comes from the arena, and nobody frees it.
 * The size is fixed, so one hostile message cannot exhaust the machine.
 */
#ifndef ARENA_H
#define ARENA_H

#include <stddef.h>

#include <protobuf-c/protobuf-c.h>

struct arena;

/* arena_new - make an arena of `size` bytes.  Aborts if memory is out. */
struct arena *arena_new(size_t size);

/* arena_free - free the arena and all in it.  NULL is allowed. */
void arena_free(struct arena *arena);

/* arena_reset - end the life of everything allocated so far. */
void arena_reset(struct arena *arena);

/*
 * arena_alloc - `size` zeroed bytes, aligned for any type.
 * Never NULL: aborts when the arena is full, because the limits on messages
 * and lists make that a bug, not an operating error.
 */
void *arena_alloc(struct arena *arena, size_t size);

/* ARENA_NEW - one zeroed object of a type. */
#define ARENA_NEW(arena, type) ((type *)arena_alloc((arena), sizeof(type)))

/* arena_copy - a copy of `size` bytes, with a '\0' after them. */
void *arena_copy(struct arena *arena, const void *data, size_t size);

/* arena_text - a formatted string. */
char *arena_text(struct arena *arena, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* arena_used - bytes taken so far; arena_rewind gives back all taken since then. */
size_t arena_used(const struct arena *arena);
void arena_rewind(struct arena *arena, size_t used);

/*
 * arena_protobuf - an allocator for protobuf-c's unpack.  How large a message
 * decodes is up to its sender, so unlike arena_alloc this gives NULL, and at
 * half full: a sender cannot take the room the handler and reply need.
 */
ProtobufCAllocator arena_protobuf(struct arena *arena);

/* arena_refused - how often such an allocator has had no room, since the arena was made. */
size_t arena_refused(const struct arena *arena);

#endif
