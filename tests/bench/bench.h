/*
 * bench - figures of the real processes, each beside the raw limit of this machine
 * in the same run.  One line each:
 *
 *     bench <name> <value> <unit> [ratio <x> of <what>]
 *
 * A figure below its floor (design, section 10), twice in a row, makes `make bench` fail.  These
 * machines are shared: compare ratios, not values.
 *
 * What has a house of its own, and its floors:
 *
 *     notices       1.5 million wait: >= 830 leave in a second, beside the POSTs that the same
 *                   receiver takes from a bare loop; pages are later by <= 20 ms (p99) than without
 *                   them, none is missing
 *     start_1gb     ticketing and reports with >= 1 GB each, which the kernel has forgotten:
 *                   <= 1 s from the start to the first answer to a new link
 *     company_hour  the mix at the head of company.c: nothing acknowledged is lost, every event is
 *                   in the reports and every notice has left; a page's first byte (p99) is there
 *                   <= 4 x fdatasync p99 + 20 ms after its emergency was due to be opened; CPU of
 *                   each service in per cent of a core (aim: all together 100)
 *     overload      contacts at 50 to 300 % of what it does with 64 in flight, whatever it answers:
 *                   at 300 % it still does >= 0.8 of the most, an emergency's page (p99) is there
 *                   <= 500 ms after it was due to be opened, and <= 10 s later all is as before
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* bench_line - print a figure; `ratio` 0: none. */
void bench_line(const char *name, double value, const char *unit, double ratio, const char *of);

/* bench_floor - fail unless `holds`; says what was asked. */
void bench_floor(const char *name, bool holds, const char *asked);
int bench_failed(void);
void bench_forgive(int failures); /* so many are left: the others are measured once more */

int64_t bench_now_us(void); /* CLOCK_MONOTONIC */

/* Measured times, and what share of them is below. */
struct sample {
    int64_t *us;
    size_t count, room;
};
void sample_add(struct sample *sample, int64_t us);
int64_t sample_at(struct sample *sample, double share); /* 0.5, 0.99; sorts */
void sample_free(struct sample *sample);

/* ---- raw limits ---- */

/* raw_fdatasync - append 4 KiB and sync, `n` times, in this folder. */
void raw_fdatasync(const char *folder, size_t n, struct sample *sample);

struct raw_rows {
    double per_second; /* contacts' worth of rows */
    double rows;       /* of one contact */
    double bytes;
};

/*
 * raw_sqlite - read the rows of a store that were written for `n` contacts, and write the
 * same rows into the same schema in a bare loop, 64 contacts to a commit,
 * synchronous=FULL: what SQLite alone can do with them.
 */
bool raw_sqlite(const char *store, const char *folder, size_t n, struct raw_rows *rows);

/* raw_count - the rows of a table of a store that is in use. */
double raw_count(const char *store, const char *table);

/* raw_fill - carry this out in a store that nobody uses, in one fast transaction; synced then,
 * and out of the kernel's memory. */
bool raw_fill(const char *store, const char *sql);

/* raw_forget - sync a file and let the kernel forget what it has read of it. */
bool raw_forget(const char *path);

/* raw_memory - proportional set size of a process, in KiB. */
int64_t raw_memory(int pid);

#endif
