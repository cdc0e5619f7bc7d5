/* make bench: all of them, or those named: make bench BENCH="contacts bus" */
#include <stdio.h>
#include <string.h>

#include "bench/loads.h"

static const struct {
    const char *name;
    void (*run)(struct house *house);
} benches[] = {
    {"start", bench_start}, {"memory", bench_memory},   {"contacts", bench_contacts},
    {"reads", bench_reads}, {"visible", bench_visible}, {"breach", bench_breach},
    {"bus", bench_bus},     {"reports", bench_reports}, {"start_large", bench_start_large},
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

    house_new(&house, NULL);
    for (size_t i = 0; i < sizeof benches / sizeof benches[0]; i++) {
        if (wanted(argc, argv, benches[i].name)) {
            benches[i].run(&house);
        }
    }
    house_end(&house);
    return bench_failed() ? 1 : 0;
}
