/* make bench: all of them, or those named: make bench BENCH="contacts bus" */
#include <stdio.h>
#include <string.h>

#include "bench/loads.h"

/* Those with a house of their own find it as it is delivered, and leave it behind. */
static const struct {
    const char *name;
    void (*run)(struct house *house);
    bool own;
} benches[] = {
    {"start", bench_start, false},
    {"memory", bench_memory, false},
    {"contacts", bench_contacts, false},
    {"reads", bench_reads, false},
    {"visible", bench_visible, false},
    {"breach", bench_breach, false},
    {"bus", bench_bus, false},
    {"reports", bench_reports, false},
    {"start_large", bench_start_large, false},
    {"notices", bench_notices, true},
    {"company_hour", bench_company_hour, true},
    {"overload", bench_overload, true},
    {"start_1gb", bench_start_1gb, true},
};

static bool wanted(int argc, char **argv, const char *name) {
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], name) == 0) {
            return true;
        }
    }
    return argc == 1;
}

int main(int argc, char **argv) {
    struct house house;
    bool open = false;

    for (size_t i = 0; i < sizeof benches / sizeof benches[0]; i++) {
        if (!wanted(argc, argv, benches[i].name)) {
            continue;
        }
        if (open && benches[i].own) {
            house_end(&house);
            open = false;
        }
        if (!open) {
            house_new(&house, NULL);
            open = true;
        }
        benches[i].run(&house);
    }
    if (open) {
        house_end(&house);
    }
    return bench_failed() ? 1 : 0;
}
