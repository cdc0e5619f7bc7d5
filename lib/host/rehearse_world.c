/*
 * The world before the first step: manual in force, people and units known.  Making
 * it takes longer than most rehearsals, so each kind is made once in a process and
 * its stores are copied.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "base/speak.h"
#include "host/import.h"
#include "host/rehearse_private.h"
#include "manual/compile.h"
#include "shouwen/registry/v1/registry.pb-c.h"

enum {
    TEMPLATES_MAX = 256,
    KEY_SIZE = 32,
    PATH_SIZE = 600,
    NAME_SIZE = 300,
    COPY_SIZE = 1 << 20,
    PARAMETERS_MAX = 32 * 1024,
    FRAME_ROOM = 60 * 1024,
    DIR_MODE = 0700,
    MISTAKES_SHOWN = 10,
    BEFORE_MS = 60 * 1000,
};

static struct {
    uint8_t key[KEY_SIZE];
    char folder[PATH_SIZE];
} templates[TEMPLATES_MAX];
static size_t template_count;
static pid_t templates_of; /* the process that made them, and removes them */

/* ---- files ---- */

static int copy_file(const char *from, const char *to, struct err *err) {
    FILE *in = fopen(from, "rbe");
    FILE *out = in ? fopen(to, "wbe") : NULL;
    char *buffer = malloc(COPY_SIZE);
    bool fine = in && out && buffer;

    for (size_t got = 1; fine && got > 0;) {
        got = fread(buffer, 1, COPY_SIZE, in);
        fine = fwrite(buffer, 1, got, out) == got && !ferror(in);
    }
    free(buffer);
    if (in) {
        (void)fclose(in);
    }
    fine = !out || fclose(out) ? false : fine;
    return fine ? 0 : err_plain(err, ERR_UNAVAILABLE, "%s cannot be copied to %s", from, to);
}

/* All files of a folder: copied to another one, or (to NULL) removed with it. */
static int each_file(const char *folder, const char *to, struct err *err) {
    DIR *dir = opendir(folder);
    int rc = dir ? 0 : err_plain(err, ERR_UNAVAILABLE, "%s: %s", folder, speak(strerror(errno)));

    for (const struct dirent *entry = dir ? readdir(dir) : NULL; entry && rc == 0;
         entry = readdir(dir)) {
        char from[PATH_SIZE + NAME_SIZE];
        char there[PATH_SIZE + NAME_SIZE];
        if (entry->d_name[0] == '.') {
            continue;
        }
        (void)snprintf(from, sizeof from, "%s/%s", folder, entry->d_name);
        (void)snprintf(there, sizeof there, "%s/%s", to ? to : "", entry->d_name);
        rc = to ? copy_file(from, there, err) : unlink(from);
    }
    if (dir) {
        (void)closedir(dir);
    }
    return rc == 0 && !to ? rmdir(folder) : rc;
}

/* Memory when there is some: what a rehearsal promises to the disk nobody needs. */
static int temporary(char *folder, size_t size, struct err *err) {
    const char *root = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

    (void)snprintf(folder, size, "%s/rehearsal.XXXXXX", root);
    return mkdtemp(folder)
               ? 0
               : err_plain(err, ERR_UNAVAILABLE, "%s: %s", root, speak(strerror(errno)));
}

void rehearse_drop_templates(void) {
    struct err ignored = {0};

    for (size_t i = 0; i < template_count && templates_of == getpid(); i++) {
        (void)each_file(templates[i].folder, NULL, &ignored);
    }
    template_count = 0;
}

/* ---- the manual ---- */

/* `parameters:` of the file as YAML text again, as compile_override takes it. */
static int parameters_text(const struct node *map, char *text, size_t size, struct err *err) {
    size_t used = 0;

    text[0] = '\0';
    for (const struct node *node = map ? map->first : NULL; node; node = node->next) {
        bool one = node->kind == NODE_TEXT;
        const char *open = one ? "" : node->kind == NODE_MAP ? "{" : "[";
        const char *close = one ? "" : node->kind == NODE_MAP ? "}" : "]";
        used += (size_t)snprintf(text + used, size - used, "\"%s\": %s", node->key, open);
        for (const struct node *part = one ? node : node->first; part && used < size;
             part = one ? NULL : part->next) {
            if (part->kind != NODE_TEXT) {
                return err_plain(err, ERR_INVALID, "a parameter is a value, a list or a map");
            }
            used += (size_t)snprintf(
                text + used, size - used, "%s%s%s\"%s\"%s", part->key && !one ? "\"" : "",
                part->key && !one ? part->key : "", part->key && !one ? "\": " : "", part->text,
                !one && part->next ? ", " : "");
        }
        used += used < size ? (size_t)snprintf(text + used, size - used, "%s\n", close) : 0;
        if (used >= size) {
            return err_plain(err, ERR_INVALID, "more than %d bytes of parameters", PARAMETERS_MAX);
        }
    }
    return 0;
}

static int compile(struct rehearse *r, const char *parameters, struct compiled *compiled,
                   struct err *err) {
    if (compile_dir(r->options->manual, compiled, r->arena, err)) {
        return -1;
    }
    if (parameters[0]
        && compile_override(compiled, r->file, parameters, strlen(parameters), r->arena, err)) {
        return -1;
    }
    for (size_t i = 0; i < compiled->mistake_count && i < MISTAKES_SHOWN; i++) {
        const struct mistake *mistake = &compiled->mistakes[i];
        (void)fprintf(r->options->out, "%s:%d:%d: %s\n", mistake->file, mistake->line,
                      mistake->column, mistake->text);
    }
    return compiled->mistake_count == 0 ? 0
                                        : err_plain(err, ERR_INVALID, "the manual has %zu mistakes",
                                                    compiled->mistake_count);
}

static int ask_local(struct rehearse *r, const char *service, const char *method,
                     const ProtobufCMessage *request, struct err *err) {
    static const char *const roles[] = {"system"};
    struct rehearsal_caller local = {.staff = "system",
                                     .estate = r->estate,
                                     .roles = roles,
                                     .role_count = 1,
                                     .generation = 1,
                                     .local = true};
    struct outcome outcome = {0};

    if (rehearse_ask(r, &local, service, method, request, &outcome, err)) {
        return -1;
    }
    return outcome.reply->code == WIRE__CODE__OK
               ? 0
               : err_plain(err, ERR_INVALID, "%s: %s (%s)", method, outcome.reply->message,
                           outcome.reply->rule);
}

static int publish(struct rehearse *r, const struct compiled *compiled, struct err *err) {
    uint8_t digest[KEY_SIZE];
    crypto_generichash_state state;

    (void)crypto_generichash_init(&state, NULL, 0, sizeof digest);
    for (size_t i = 0; i < compiled->count; i++) {
        (void)crypto_generichash_update(&state, compiled->files[i].data, compiled->files[i].size);
    }
    (void)crypto_generichash_final(&state, digest, sizeof digest);
    for (size_t i = 0; i < compiled->count; i++) {
        Registry__PublishManualRequest request = REGISTRY__PUBLISH_MANUAL_REQUEST__INIT;
        const struct bytes file = compiled->files[i];
        const struct bytes source = compiled->sources[i];
        request.revision = 1;
        request.part = (uint32_t)i + 1;
        request.count = (uint32_t)compiled->count;
        request.digest = (ProtobufCBinaryData){sizeof digest, digest};
        request.file = (ProtobufCBinaryData){file.size, (uint8_t *)(uintptr_t)file.data};
        if (file.size + source.size < FRAME_ROOM) {
            request.source = (ProtobufCBinaryData){source.size, (uint8_t *)(uintptr_t)source.data};
        }
        if (ask_local(r, "registry", "PublishManual", &request.base, err)) {
            return err_wrap(err, "publishing %s", compiled->names[i]);
        }
    }
    return r->stage->settle(r->stage->arg, err);
}

/* ---- the data ---- */

static int import_one(struct rehearse *r, const char *folder, const char *name, struct err *err) {
    char path[PATH_SIZE];

    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    if (!folder[0] || access(path, R_OK)) {
        return 0;
    }
    if (rehearse_import_path(r, path, 1)) {
        return err_plain(err, ERR_INVALID, "%s could not be imported", path);
    }
    return r->stage->settle(r->stage->arg, err);
}

/* People and places first: what the manual plans for the day finds them then. */
static int fill(struct rehearse *r, const struct compiled *compiled, const char *data,
                struct err *err) {
    static const char *const files[] = {"staff.csv", "units.csv", "persons.csv"};
    bool rosters = rehearsal_has(r->stage->world, "patrol");

    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        if (import_one(r, data, files[i], err)) {
            return -1;
        }
    }
    return publish(r, compiled, err) || (rosters && import_one(r, data, "roster.csv", err)) ? -1
                                                                                            : 0;
}

static int check_ready(struct rehearse *r, struct rehearsal *world, struct err *err) {
    for (size_t i = 0; r->options->services[i]; i++) {
        const char *name = r->options->services[i]->name;
        const struct core *core = rehearsal_core(world, name);
        if (!core || !core_ready(core)) {
            return err_plain(err, ERR_UNAVAILABLE, "%s does not get ready", name);
        }
    }
    return 0;
}

/* ---- stages over a world ---- */

static int64_t world_now(void *arg) {
    return rehearsal_now(arg);
}

static int world_advance(void *arg, int64_t to_ms, struct err *err) {
    return rehearsal_advance(arg, to_ms, err);
}

static int world_settle(void *arg, struct err *err) {
    return rehearsal_settle(arg, err);
}

static int world_ask(void *arg, const struct rehearsal_request *request, uint8_t *id_used,
                     Wire__Reply **reply, struct arena *arena, struct err *err) {
    int rc = rehearsal_ask(arg, request, reply, arena, err);

    memcpy(id_used, rehearsal_id(arg), CORE_ID_SIZE);
    return rc;
}

static int world_events(void *arg, const char *service, uint64_t after, size_t max,
                        struct arena *arena, struct bytes *events, struct err *err) {
    return rehearsal_events(arg, service, after, max, arena, events, err);
}

static void set_stage(struct rehearse *r, struct rehearse_stage *stage, struct rehearsal *world) {
    *stage = (struct rehearse_stage){
        .arg = world,
        .now = world_now,
        .advance = world_advance,
        .settle = world_settle,
        .ask = world_ask,
        .events = world_events,
        .world = world,
    };
    r->stage = stage;
}

/* ---- templates ---- */

static int make_template(struct rehearse *r, const struct rehearsal_config *config,
                         const struct compiled *compiled, const char *data, struct err *err) {
    struct rehearse_stage *stage = ARENA_NEW(r->arena, struct rehearse_stage);
    struct rehearsal *world = rehearsal_new(config, err);

    if (!world) {
        return -1;
    }
    set_stage(r, stage, world);
    int rc = rehearsal_settle(world, err) || fill(r, compiled, data, err)
                     || rehearsal_settle(world, err) || check_ready(r, world, err)
                 ? -1
                 : 0;
    r->stage = NULL;
    rehearsal_free(world);
    return rc;
}

static const char *find_template(const uint8_t *key) {
    if (templates_of != getpid() && templates_of != 0) {
        return NULL; /* a child's own; the parent removes the others */
    }
    for (size_t i = 0; i < template_count; i++) {
        if (memcmp(templates[i].key, key, KEY_SIZE) == 0) {
            return templates[i].folder;
        }
    }
    return NULL;
}

static void key_of(const struct rehearse *r, const struct compiled *compiled, const char *data,
                   int64_t start_ms, uint8_t *key) {
    crypto_generichash_state state;

    (void)crypto_generichash_init(&state, NULL, 0, KEY_SIZE);
    (void)crypto_generichash_update(&state, (const uint8_t *)data, strlen(data) + 1);
    (void)crypto_generichash_update(&state, (const uint8_t *)&start_ms, sizeof start_ms);
    (void)crypto_generichash_update(&state, (const uint8_t *)&r->options->seed,
                                    sizeof r->options->seed);
    (void)crypto_generichash_update(&state, (const uint8_t *)&r->options->group_max,
                                    sizeof r->options->group_max);
    for (size_t i = 0; r->options->services[i]; i++) {
        const char *name = r->options->services[i]->name;
        (void)crypto_generichash_update(&state, (const uint8_t *)name, strlen(name) + 1);
    }
    for (size_t i = 0; i < compiled->count; i++) {
        (void)crypto_generichash_update(&state, compiled->files[i].data, compiled->files[i].size);
    }
    (void)crypto_generichash_final(&state, key, KEY_SIZE);
}

static const char *template_for(struct rehearse *r, const struct compiled *compiled,
                                const char *data, int64_t start_ms, struct err *err) {
    uint8_t key[KEY_SIZE];

    key_of(r, compiled, data, start_ms, key);
    const char *known = find_template(key);
    if (known) {
        return known;
    }
    if (templates_of != getpid()) {
        templates_of = getpid();
        template_count = 0;
        (void)atexit(rehearse_drop_templates); /* also when a test ends early */
    }
    if (template_count == TEMPLATES_MAX) {
        (void)err_plain(err, ERR_EXHAUSTED, "more than %d different worlds", TEMPLATES_MAX);
        return NULL;
    }
    char *folder = templates[template_count].folder;
    if (temporary(folder, PATH_SIZE, err)) {
        return NULL;
    }
    const struct rehearsal_config config = {
        .services = r->options->services,
        .folder = folder,
        .seed = r->options->seed,
        .start_ms = start_ms - BEFORE_MS, /* importing takes a few milliseconds of its time */
        .group_max = r->options->group_max,
    };
    memcpy(templates[template_count].key, key, sizeof key);
    if (make_template(r, &config, compiled, data, err)) {
        struct err ignored = {0};
        (void)each_file(folder, NULL, &ignored);
        return NULL;
    }
    return templates[template_count++].folder;
}

static int data_folder(struct rehearse *r, const struct node *file, char *folder, size_t size,
                       struct err *err) {
    const struct node *data = yaml_get(file, "data");
    const char *text = data && data->kind == NODE_TEXT ? data->text : "";
    const char *slash = strrchr(r->file, '/');

    folder[0] = '\0';
    if (!text[0] || strcmp(text, "none") == 0) {
        return 0;
    }
    if (strcmp(text, "demo") == 0) {
        (void)snprintf(folder, size, "%s", r->options->demo);
    } else {
        (void)snprintf(folder, size, "%.*s%s",
                       text[0] == '/' || !slash ? 0 : (int)(slash - r->file + 1), r->file, text);
    }
    return access(folder, R_OK) == 0
               ? 0
               : err_plain(err, ERR_NOT_FOUND, "there is no folder %s with the data", folder);
}

struct rehearsal *rehearse_open_world(struct rehearse *r, const struct node *file, char *folder,
                                      size_t size, struct err *err) {
    struct compiled *compiled = ARENA_NEW(r->arena, struct compiled);
    char *parameters = arena_alloc(r->arena, PARAMETERS_MAX);
    char data[PATH_SIZE];

    if (parameters_text(yaml_get(file, "parameters"), parameters, PARAMETERS_MAX, err)
        || data_folder(r, file, data, sizeof data, err) || compile(r, parameters, compiled, err)) {
        return NULL;
    }
    struct manual *manual = manual_new(1, compiled->files, compiled->count, err);
    if (!manual) {
        return NULL;
    }
    r->manual = manual;
    r->offset_min = manual_calendar(manual) ? manual_calendar(manual)->utc_offset_min : 0;
    const char *from = template_for(r, compiled, data, r->now_ms, err);
    if (!from) {
        return NULL;
    }
    if (r->options->store) {
        (void)snprintf(folder, size, "%s", r->options->store);
        (void)mkdir(folder, DIR_MODE);
    } else if (temporary(folder, size, err)) {
        return NULL;
    }
    if (each_file(from, folder, err)) {
        return NULL;
    }
    const struct rehearsal_config config = {
        .services = r->options->services,
        .folder = folder,
        .seed = r->options->seed,
        .start_ms = r->now_ms,
        .group_max = r->options->group_max,
    };
    struct rehearsal *world = rehearsal_new(&config, err);
    if (world) {
        set_stage(r, ARENA_NEW(r->arena, struct rehearse_stage), world);
    }
    return world;
}

int rehearse_open_stage(struct rehearse *r, struct err *err) {
    struct compiled *compiled = ARENA_NEW(r->arena, struct compiled);

    if (compile(r, "", compiled, err)) {
        return -1;
    }
    struct manual *manual = manual_new(1, compiled->files, compiled->count, err);
    if (!manual) {
        return -1;
    }
    r->manual = manual;
    r->offset_min = manual_calendar(manual) ? manual_calendar(manual)->utc_offset_min : 0;
    r->stage = r->options->stage;
    return r->stage->begin ? r->stage->begin(r->stage->arg, r->now_ms, err) : 0;
}

void rehearse_close_world(struct rehearse *r, struct rehearsal *world, const char *folder) {
    union {
        const struct manual *kept;
        struct manual *freed;
    } manual = {.kept = r->manual};
    struct err ignored = {0};

    rehearsal_free(world);
    manual_free(manual.freed);
    if (!r->options->store && folder[0]) {
        (void)each_file(folder, NULL, &ignored);
    }
}
