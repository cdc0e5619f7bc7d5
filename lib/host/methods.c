#include "host/methods.h"

#include <string.h>
#include <strings.h>

#include "base/json.h"

enum { METHODS_MAX = 1024 };

bool methods_next(struct methods_walk *walk, struct methods_found *found, struct arena *arena) {
    const ProtobufCServiceDescriptor *service = methods_services[walk->service];

    while (service && walk->method >= service->n_methods) {
        walk->service++;
        walk->method = 0;
        service = methods_services[walk->service];
    }
    if (!service) {
        return false;
    }
    const char *from = strchr(service->package, '.'); /* "shouwen.ticketing.v1" */
    const char *to = from ? strchr(from + 1, '.') : NULL;
    found->service = to ? arena_text(arena, "%.*s", (int)(to - from - 1), from + 1)
                        : service->package;
    found->method = &service->methods[walk->method++];
    found->full = arena_text(arena, "%s/%s", service->name, found->method->name);
    return true;
}

/* "Ticketing/GetCase", "ticketing/GetCase" or "GetCase" for the full name. */
static bool means(const char *name, const struct methods_found *found) {
    if (strcmp(name, found->full) == 0 || strcmp(name, found->method->name) == 0) {
        return true;
    }
    const char *slash = strchr(name, '/');
    return slash && strcmp(slash + 1, found->method->name) == 0
           && strlen(found->service) == (size_t)(slash - name)
           && strncasecmp(found->service, name, (size_t)(slash - name)) == 0;
}

int methods_find(const char *name, struct methods_found *found, struct arena *arena,
                 struct err *err) {
    const char *names[METHODS_MAX];
    size_t count = 0;
    struct methods_walk walk = {0};
    struct methods_found each;
    size_t hits = 0;
    bool full = strchr(name, '.') != NULL;

    while (count < METHODS_MAX && methods_next(&walk, &each, arena)) {
        names[count++] = full ? each.full : each.method->name;
        if (!means(name, &each)) {
            continue;
        }
        if (hits++ > 0) {
            return err_set(err, ERR_INVALID, "method_several", "method=%.80s\nfirst=%s\nsecond=%s",
                           name, found->full, each.full);
        }
        *found = each;
    }
    if (hits == 0) {
        return err_set(err, ERR_UNIMPLEMENTED, "method_unknown", "method=%.80s\nnearest=%s", name,
                       json_nearest(name, names, count));
    }
    return 0;
}
