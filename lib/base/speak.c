#include "base/speak.h"

#include <stddef.h>
#include <string.h>

static const struct speech *const *in_use;

void speak_use(const struct speech *const *tables) {
    in_use = tables;
}

const char *speak(const char *english) {
    for (const struct speech *const *table = in_use; table && *table; table++) {
        for (const struct speech *pair = *table; pair->english; pair++) {
            if (strcmp(pair->english, english) == 0) {
                return pair->other;
            }
        }
    }
    return english;
}
