/* What rehearsal.c (time and messages) and rehearsal_fault.c (what breaks) share. */
#ifndef REHEARSAL_PRIVATE_H
#define REHEARSAL_PRIVATE_H

#include "host/clock.h"
#include "host/rehearsal.h"

enum { NAME_SIZE = 40, GRAVES_MAX = 256 };

/* One service, running or not. */
struct part_of_world {
    const struct service_def *def;
    struct core *core;  /* NULL: down */
    bool full;          /* its disk is */
    bool input;         /* something was pushed since its last step */
    struct clock clock; /* what time it thinks it is, once clocks have jumped */
    unsigned life;      /* counts its starts: what was meant for an earlier one is gone */
};

struct letter {
    const struct part_of_world *from;
    struct part_of_world *to;
    bool reply;
    int64_t due_ms; /* not delivered before */
    uint8_t *data;
    size_t size;
};

struct route {
    struct part_of_world *from; /* NULL: from outside */
    unsigned life;
};

struct job_now {
    struct part_of_world *part;
    unsigned life;
    int64_t id;
    int64_t due_ms;
    bool failed;
    uint8_t *output;
    size_t size;
    struct err err;
};

struct cut {
    char a[NAME_SIZE], b[NAME_SIZE];
    bool one_way; /* from a to b */
};

struct channel_fault {
    char channel[NAME_SIZE], to[NAME_SIZE];
    size_t left; /* 0: for ever */
    bool counted;
    enum rehearsal_channel does;
};

struct rehearsal {
    struct part_of_world parts[REHEARSAL_SERVICES_MAX];
    size_t part_count;
    int64_t now_ms;
    uint64_t seed;
    size_t group_max;
    int64_t poll_ms;
    int64_t jumped_ms; /* wall clocks are off by this */
    bool jumped;       /* ever */
    struct secrets secrets;
    char folder[REHEARSAL_PATH_MAX];
    struct arena *scratch;

    struct letter *letters;
    size_t letter_count, letter_room;
    struct route *routes;
    size_t route_count, route_room;
    struct job_now *jobs;
    size_t job_count, job_room;
    struct rehearsal_send *sends;
    size_t send_count, send_room;

    uint64_t asked; /* requests from outside, so far */
    uint8_t id[CORE_ID_SIZE];
    uint64_t waiting; /* route of the one that is asked for; 0: answered */
    uint8_t *answer;
    size_t answer_size;

    struct cut cuts[REHEARSAL_FAULTS_MAX];
    size_t cut_count;
    struct channel_fault faults[REHEARSAL_FAULTS_MAX];
    size_t fault_count;
    struct rehearsal_weather weather;
    uint64_t drawn; /* chances of the weather, so far */
    rehearsal_loses *lose;
    void *lose_arg;
    bool mortal;
    void (*died)(void *arg, const char *service);
    void *died_arg;
    struct core *graves[GRAVES_MAX]; /* killed cores: dropped, not closed, until the end */
    size_t grave_count;
};

struct part_of_world *rehearsal_part(struct rehearsal *world, const char *service);
struct part_of_world *rehearsal_must(struct rehearsal *world, const char *service, struct err *err);
int rehearsal_open(struct rehearsal *world, struct part_of_world *part, struct err *err);
struct clock_reading rehearsal_reading(const struct rehearsal *world);
bool rehearsal_is_cut(const struct rehearsal *world, const char *from, const char *to);
uint32_t rehearsal_chance(struct rehearsal *world, uint32_t below);

/* rehearsal_job - carry out a job now, and say in `job` when its result comes. */
void rehearsal_job(struct rehearsal *world, struct part_of_world *part, const struct out *out,
                   struct job_now *job);

#endif
