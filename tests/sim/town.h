/*
 * town - the house in one process, on the simulated disk, with people who use it: residents
 * report, staff act, pagers are answered, and a ledger keeps what was acknowledged.
 *
 * Everything comes from one seed: who does what, what breaks when, what the disk loses.  Equal
 * seeds, equal histories.
 */
#ifndef TOWN_H
#define TOWN_H

#include "host/rehearsal.h"

enum {
    TOWN_SERVICES = 6,
    TOWN_ASKED_MAX = 1024,
    TOWN_CASES_MAX = 512,
};

/* One request of somebody: sent until it is answered, always with the same id. */
struct asked {
    uint8_t id[16];
    const char *service, *method;
    const char *staff, *role;
    struct bytes payload;
    bool acknowledged; /* OK was said */
    bool answered;     /* or it was refused */
    const char *rule;  /* by this rule */
};

struct town {
    struct rehearsal *world;
    uint64_t seed, state;
    struct arena *arena;   /* of this history */
    struct arena *scratch; /* of one act */
    char folder[64];       /* its part of the simulated disk */

    struct asked asked[TOWN_ASKED_MAX];
    size_t asked_count;
    struct {
        const char *number, *procedure;
    } cases[TOWN_CASES_MAX];
    size_t case_count;

    bool down[TOWN_SERVICES]; /* by a fault */
    bool full[TOWN_SERVICES];
    bool copied[TOWN_SERVICES]; /* there is a backup of it */
    bool cut[TOWN_SERVICES];    /* from the bus */
    uint64_t acts, faults, acknowledged, refused, unknown, pages, events;
    uint64_t by_fault[32];
    uint64_t trace; /* grows with everything that is done and answered */
};

extern const char *const town_services[TOWN_SERVICES + 1];

/* town_prepare - the manual, people and places, made once; each history begins from a copy. */
void town_prepare(void);

void town_open(struct town *town, uint64_t seed);
void town_close(struct town *town);

uint32_t town_chance(struct town *town, uint32_t below);
uint32_t town_random(void *town, uint32_t below); /* the same, as disk_random */

/* town_act - somebody does something, or sends again what was not answered. */
void town_act(struct town *town);
/* town_finish - send what was not answered, until all is. */
void town_finish(struct town *town);

/* town_advance - let so much time pass. */
void town_advance(struct town *town, int64_t ms);

size_t town_number(const char *service);
/* town_path - the files of a service's store begin so. */
const char *town_path(struct town *town, const char *service);

/* ---- faults.c ---- */

/* faults_one - something breaks, or is mended.  faults_end - all is mended, all run. */
void faults_one(struct town *town);
void faults_end(struct town *town);
const char *faults_name(size_t kind); /* NULL: there are no more */

/* ---- checks.c ---- */

/* checks_always - what must hold at any time.  checks_end - and what must hold when all faults
 * are over: nothing lost, nothing twice, everything drained. */
void checks_always(struct town *town);
void checks_end(struct town *town);

#endif
