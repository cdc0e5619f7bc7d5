/*
 * What may happen to the stores of a running house: the bus loses its own, a service gets
 * an older one back; and what must never stand in any of them.
 */
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "aid/desk.h"
#include "aid/house.h"
#include "aid/ledger.h"
#include "aid/receiver.h"
#include "base/text.h"
#include "core/event.h"
#include "harness.h"

enum {
    WAIT_MS = 30000,
    LOAD_MS = 800,
    MESSAGES = 2000,
    PATH = PATH_MAX + 64,
};

static const char demo[] = "deploy/demo/parameters.yaml";
/* in a message: the first one of a ladder that a case asked for */
static const char first_page[] = "\"route\":\"page_asked\",\"step\":0,\"times\":1";
static struct house house;

static void count_one(void *arg, const Wire__Event *event) {
    (void)event;
    ++*(uint64_t *)arg;
}

static void chains_are_whole(void) {
    for (size_t i = 0; instance_services[i]; i++) {
        uint64_t count = 0;
        uint64_t last = events_each(&house, instance_services[i], count_one, &count);
        CHECK(last == count);
        CHECK(events_intact(&house, instance_services[i]));
    }
}

struct arrival {
    struct receiver *receiver;
    const char *one, *other;
};

static bool has_arrived(void *arg) {
    const struct arrival *wanted = arg;
    return receiver_find(wanted->receiver, wanted->one, wanted->other) > 0;
}

static struct desk_case paged_case(struct receiver *receiver, const char *content) {
    struct desk_case leak = desk_open(&house, content, "13800000000");
    struct arrival wanted = {receiver, leak.no, first_page};

    CHECK_TEXT(desk_fire(&house, "李强", leak.no, "dispatch", "assignee", "S402"), "");
    CHECK(house_wait(has_arrived, &wanted, WAIT_MS));
    return leak;
}

/* ---- a bus without its store ---- */

static uint64_t heads(const char *service) {
    uint64_t count = 0;

    return events_each(&house, service, count_one, &count);
}

static void a_lost_bus_is_filled_again_from_the_sources(void) {
    struct receiver *receiver = receiver_new(MESSAGES);
    char command[PATH];

    house_new(&house, demo);
    receiver_lead(receiver, &house);
    struct ledger *ledger = ledger_new(&house, 0);
    struct desk_case before = paged_case(receiver, "before the loss");
    desk_ack(&house, "周涛", before.no);
    CHECK(desk_waits_state(&house, before.no, "acknowledged", WAIT_MS));
    CHECK(desk_waits_reported(&house, before.no, "repair.ack", WAIT_MS));
    ledger_drive(ledger, house_now_ms() + LOAD_MS, true);

    house_stop(&house, "bus");
    (void)snprintf(command, sizeof command, "rm %s/bus.db*", house.dir);
    CHECK(system(command) == 0);
    ledger_drive(ledger, house_now_ms() + LOAD_MS, true);
    house_start(&house, "bus");
    ledger_drive(ledger, house_now_ms() + LOAD_MS, true);
    ledger_drive(ledger, house_now_ms() + WAIT_MS, false);
    CHECK(house_ready(&house, WAIT_MS));

    struct desk_case after = paged_case(receiver, "after the loss");
    CHECK(desk_waits_reported(&house, after.no, "page.asked", WAIT_MS));
    desk_ack(&house, "周涛", after.no);
    CHECK(desk_waits_state(&house, after.no, "acknowledged", WAIT_MS));
    ledger_check(ledger);
    /* Nothing was done twice: no page, no event of the case, no fact in reports. */
    CHECK(receiver_find(receiver, before.no, first_page) == 1);
    CHECK(receiver_find(receiver, after.no, first_page) == 1);
    CHECK(desk_reported(&house, before.no, "repair.dispatch") == 1);
    CHECK(desk_reported(&house, before.no, "repair.ack") == 1);
    CHECK(desk_reported(&house, before.no, "page.acknowledged") == 1);
    /* The new log has everything: a consumer that begins at its start gets all of it. */
    house_stop(&house, "reports");
    (void)snprintf(command, sizeof command, "rm %s/reports.db*", house.dir);
    CHECK(system(command) == 0);
    house_start(&house, "reports");
    CHECK(house_ready(&house, WAIT_MS));
    CHECK(desk_waits_reported(&house, before.no, "repair.ack", WAIT_MS));
    CHECK(desk_waits_reported(&house, after.no, "repair.ack", WAIT_MS));
    CHECK(desk_reported(&house, before.no, "repair.ack") == 1);
    CHECK(heads("ticketing") > 0);
    chains_are_whole();
    ledger_free(ledger);
    house_end(&house);
    receiver_free(receiver);
}

/* ---- an older store ---- */

/* The newest copy of a service's store. */
static void newest_copy(const char *service, char path[PATH]) {
    char folder[PATH];
    struct dirent *entry;

    (void)snprintf(folder, sizeof folder, "%s/backup", house.dir);
    DIR *dir = opendir(folder);
    CHECK(dir);
    path[0] = '\0';
    while ((entry = readdir(dir))) {
        char candidate[PATH];
        (void)snprintf(candidate, sizeof candidate, "%.*s/%.200s", PATH_MAX - 300, folder,
                       entry->d_name);
        if (text_starts(entry->d_name, service) && strcmp(candidate, path) > 0) {
            (void)snprintf(path, PATH, "%s", candidate);
        }
    }
    (void)closedir(dir);
    CHECK(path[0]);
}

static void an_older_store_put_back_takes_its_later_events_back(void) {
    struct receiver *receiver = receiver_new(MESSAGES);
    char copy[PATH];

    house_new(&house, demo);
    receiver_lead(receiver, &house);
    struct ledger *ledger = ledger_new(&house, 0);
    struct desk_case early = paged_case(receiver, "early");
    ledger_drive(ledger, house_now_ms() + LOAD_MS, true);
    /* While requests are on their way. */
    CHECK(ledger_in_flight(ledger) > 0);
    CHECK(house_run(&house, (const char *const[]){"backup", "ticketing", NULL}) == 0);
    ledger_drive(ledger, house_now_ms() + LOAD_MS, true);
    desk_ack(&house, "周涛", early.no); /* after the copy */
    struct desk_case late = paged_case(receiver, "late");
    CHECK(desk_waits_state(&house, early.no, "acknowledged", WAIT_MS));
    ledger_drive(ledger, house_now_ms() + WAIT_MS, false);
    CHECK(house_ready(&house, WAIT_MS));
    newest_copy("ticketing", copy);

    uint64_t head = heads("ticketing");
    CHECK(house_run(&house, (const char *const[]){"restore", "ticketing", copy, NULL}) == 0);
    CHECK(house_ready(&house, WAIT_MS));
    CHECK(heads("ticketing") >= head);
    CHECK_TEXT(desk_state(&house, early.no), "acknowledged");
    CHECK_TEXT(desk_state(&house, late.no), "dispatched");
    ledger_check(ledger); /* with what was acknowledged after the copy */
    CHECK(receiver_find(receiver, early.no, first_page) == 1);
    CHECK(receiver_find(receiver, late.no, first_page) == 1);

    /* It serves: the story goes on, and so does the ledger. */
    desk_ack(&house, "周涛", late.no);
    CHECK(desk_waits_state(&house, late.no, "acknowledged", WAIT_MS));
    CHECK(desk_waits_reported(&house, late.no, "repair.ack", WAIT_MS));
    CHECK(desk_reported(&house, late.no, "repair.ack") == 1);
    ledger_drive(ledger, house_now_ms() + LOAD_MS, true);
    ledger_drive(ledger, house_now_ms() + WAIT_MS, false);
    ledger_check(ledger);

    /* And once more from the same copy: it takes even more back. */
    CHECK(house_run(&house, (const char *const[]){"restore", "ticketing", copy, NULL}) == 0);
    CHECK(house_ready(&house, WAIT_MS));
    ledger_check(ledger);
    chains_are_whole();
    ledger_free(ledger);
    house_end(&house);
    receiver_free(receiver);
}

/* A store that somebody copied by hand says so and serves nobody. */
static void an_older_store_without_the_mark_serves_nobody(void) {
    char command[PATH * 2];

    house_new(&house, demo);
    struct ledger *ledger = ledger_new(&house, 0);
    house_stop(&house, "ticketing");
    (void)snprintf(command, sizeof command, "cp %s/ticketing.db %s/old.db", house.dir, house.dir);
    CHECK(system(command) == 0);
    house_start(&house, "ticketing");
    ledger_drive(ledger, house_now_ms() + LOAD_MS, true);
    ledger_drive(ledger, house_now_ms() + WAIT_MS, false);
    CHECK(house_ready(&house, WAIT_MS));
    house_stop(&house, "ticketing");
    (void)snprintf(command, sizeof command,
                   "cd %s && mkdir aside && mv ticketing.db* aside/ && cp old.db ticketing.db",
                   house.dir);
    CHECK(system(command) == 0);
    house_start(&house, "ticketing");
    CHECK(!house_ready(&house, LOAD_MS * 2));
    CHECK(house_run(&house, (const char *const[]){"status", NULL}) == 1);
    /* The right one back: all is there. */
    house_stop(&house, "ticketing");
    (void)snprintf(command, sizeof command, "cd %s && rm ticketing.db* && mv aside/* .", house.dir);
    CHECK(system(command) == 0);
    house_start(&house, "ticketing");
    CHECK(house_ready(&house, WAIT_MS));
    ledger_check(ledger);
    ledger_free(ledger);
    house_end(&house);
}

/* ---- what must stand nowhere ---- */

static void a_telephone_number_stands_nowhere_in_the_open(void) {
    static const char phone[] = "13877665544";
    struct receiver *receiver = receiver_new(MESSAGES);
    char command[PATH * 2];

    house_new(&house, demo);
    receiver_lead(receiver, &house);
    (void)snprintf(command, sizeof command,
                   "printf 'person,unit,identity,name,phone,plate\\nP90001,1-1-101,owner,甲,%s,\\n'"
                   " > %s/../p.csv",
                   phone, house.dir);
    CHECK(system(command) == 0);
    (void)snprintf(command, sizeof command, "%s/../p.csv", house.dir);
    CHECK(house_run(&house, (const char *const[]){"import", command, NULL}) == 0);
    /* As a caller, as one more call's caller, and in the wrong field. */
    struct desk_case leak = desk_open(&house, "leak", phone);
    CHECK_TEXT(desk_fire(&house, "李强", leak.no, "dispatch", "assignee", "S402"), "");
    struct arrival wanted = {receiver, leak.no, first_page};
    CHECK(house_wait(has_arrived, &wanted, WAIT_MS));
    desk_ack(&house, "周涛", leak.no);
    CHECK(desk_waits_state(&house, leak.no, "acknowledged", WAIT_MS));
    CHECK(desk_waits_reported(&house, leak.no, "repair.ack", WAIT_MS));
    CHECK(house_run(&house, (const char *const[]){"call", "--as", "王丽", "registry/Search",
                                                  "{\"query\": \"13877665544\"}", NULL})
          == 0);
    CHECK(house_run(&house, (const char *const[]){"backup", NULL}) == 0);
    /* Stores, WALs, logs, sockets, backups: first while they run, then after they ended. */
    (void)snprintf(command, sizeof command, "grep -rlaF -D skip %s %s 1>&2", phone, house.dir);
    CHECK(system(command) != 0);
    for (size_t i = 0; instance_services[i]; i++) {
        house_stop(&house, instance_services[i]);
    }
    CHECK(system(command) != 0);
    /* And nowhere in what went out to a channel. */
    CHECK(receiver_find(receiver, phone, NULL) == 0);
    /* The search itself finds what is there. */
    (void)snprintf(command, sizeof command, "grep -rlaF -D skip %s %s >/dev/null", leak.no,
                   house.dir);
    CHECK(system(command) == 0);
    house_end(&house);
    receiver_free(receiver);
}

int main(int argc, char **argv) {
    static const struct test tests[] = {
        TEST(a_lost_bus_is_filled_again_from_the_sources),
        TEST(an_older_store_put_back_takes_its_later_events_back),
        TEST(an_older_store_without_the_mark_serves_nobody),
        TEST(a_telephone_number_stands_nowhere_in_the_open),
    };
    return RUN_TESTS(tests, argc, argv);
}
