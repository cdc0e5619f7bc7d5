/*
 * A long poll is always out for the pages of one person; what is new or changed is
 * shown at once.  While it runs it tells notify that he can be reached at his
 * desk.  Keys: a acknowledges, r rejects, 1-9 choose a page, q ends.  Without a
 * terminal, words on standard input do the same ("a P000123", "r P000123 why").
 */
#include "cli/pager.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/session.h"
#include "host/system.h"
#include "shouwen/notify/v1/notify.pb-c.h"

enum {
    WAIT_MS = 20000,
    ANSWER_MS = 5000,
    LOOK_MS = 100,
    ATTEND_MS = 60000,
    ATTEND_EVERY_US = 20000000,
    OPEN_MAX = 9,
    REFERENCE_MAX = 32,
    OFFSET_MIN = 480,
    LINE_MAX_BYTES = 256,
    SEEN_MAX = 64,
    MAX_AT_ONCE = 50,
    CLOCK_AT = 11, /* the time of day in an RFC 3339 time */
    CLOCK_SIZE = 8,
};

static const char notify[] = "notify";

struct pager {
    const struct cli *cli;
    struct session *session;
    struct client *client;
    struct bytes token;
    const char *staff;
    uint64_t after;
    uint8_t waiting[CLIENT_ID_SIZE]; /* id of the long poll that is out */
    bool is_waiting;
    bool first; /* the first answer is what was there before */
    int64_t attended_us;
    char open[OPEN_MAX][REFERENCE_MAX]; /* pages that wait for his answer, oldest first */
    size_t open_count;
    size_t chosen;
    bool terminal;
    struct termios before;
    char line[LINE_MAX_BYTES]; /* without a terminal: what was read so far */
    size_t line_size;
    size_t base;         /* of the arena, each round */
    char seen[SEEN_MAX]; /* the page and the state that were shown last */
};

static volatile sig_atomic_t ended;

static void on_signal(int signal) {
    (void)signal;
    ended = 1;
}

static const char *paint(const struct pager *pager, const char *code) {
    return pager->cli->colour ? code : "";
}

/* ---- what is open ---- */

static void forget_page(struct pager *pager, const char *page) {
    for (size_t i = 0; i < pager->open_count; i++) {
        if (strcmp(pager->open[i], page) == 0) {
            memmove(pager->open[i], pager->open[i + 1],
                    (pager->open_count - i - 1) * sizeof pager->open[0]);
            pager->open_count--;
            pager->chosen = pager->chosen > i ? pager->chosen - 1 : pager->chosen;
            return;
        }
    }
}

/* True: it was not there. */
static bool keep_page(struct pager *pager, const char *page) {
    for (size_t i = 0; i < pager->open_count; i++) {
        if (strcmp(pager->open[i], page) == 0) {
            return false;
        }
    }
    if (pager->open_count == OPEN_MAX || strlen(page) >= REFERENCE_MAX) {
        return true; /* shown, and can be answered when another one is done */
    }
    memcpy(pager->open[pager->open_count], page, strlen(page) + 1);
    pager->open_count++;
    return true;
}

static bool is_kept(const struct pager *pager, const char *page) {
    for (size_t i = 0; i < pager->open_count; i++) {
        if (strcmp(pager->open[i], page) == 0) {
            return true;
        }
    }
    return false;
}

/* ---- showing ---- */

static const char *clock_text(const struct pager *pager, int64_t ms) {
    const char *text = text_time(ms, OFFSET_MIN, pager->cli->arena);

    return strlen(text) > CLOCK_AT + CLOCK_SIZE
               ? arena_text(pager->cli->arena, "%.*s", CLOCK_SIZE, text + CLOCK_AT)
               : text;
}

/* Once for each state: what ended it is told of with every record that it ends. */
static void show_state(struct pager *pager, const Notify__Page *page) {
    static const struct {
        const char *state, *zh, *en;
    } words[] = {
        {"acknowledged", "已应答", "acknowledged"},
        {"withdrawn", "已撤回", "withdrawn"},
        {"exhausted", "无人应答", "nobody answered"},
        {"open", "等待应答", "waiting"},
    };
    const char *state = page->state;
    const bool own = strcmp(page->ended_by, pager->staff) == 0;
    char seen[SEEN_MAX];

    (void)snprintf(seen, sizeof seen, "%s %s", page->page, page->state);
    if (strcmp(seen, pager->seen) == 0) {
        return;
    }
    memcpy(pager->seen, seen, sizeof seen);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(words[i].state, page->state) == 0) {
            state = cli_say(pager->cli, words[i].zh, words[i].en);
        }
    }
    (void)printf("%s%s  %s %s%s  %s%s%s\n", paint(pager, "\033[2m"),
                 clock_text(pager, page->ended_ms ? page->ended_ms : page->begun_ms), page->page,
                 page->case_no, paint(pager, "\033[0m"), state, *page->ended_by ? "  " : "",
                 own ? pager->cli->as : page->ended_by);
}

/* "ladder B", and from the first step on which. */
static const char *rung_of(const struct pager *pager, const Notify__Page *page) {
    const struct cli *cli = pager->cli;

    return page->step == 0
               ? arena_text(cli->arena, cli_say(cli, "阶梯 %s", "ladder %s"), page->ladder)
               : arena_text(cli->arena, cli_say(cli, "阶梯 %s 第 %u 级", "ladder %s, step %u"),
                            page->ladder, page->step);
}

static void show_page(const struct pager *pager, const Notify__Page *page, bool is_new) {
    const Notify__Record *record = page->n_records > 0 ? page->records[0] : NULL;
    bool again = record && record->times > 1;
    const struct cli *cli = pager->cli;

    (void)printf("%s%s%s ┃ %s%s %s\n", is_new ? "\a" : "", paint(pager, "\033[1;97;41m"),
                 again ? cli_say(cli, " 重复寻呼 ", " PAGED AGAIN ")
                       : cli_say(cli, " 寻呼 ", " PAGE "),
                 paint(pager, "\033[0m\033[1m"), page->text, paint(pager, "\033[0m"));
    (void)printf("   %s  %s%s%s%s%s\n", page->page, page->case_no,
                 *page->unit ? cli_say(cli, "  房号 ", "  unit ") : "", page->unit,
                 *page->place ? "  " : "", page->place);
    (void)printf(cli_say(cli, "   %s%s  %s  规则 %s%s%s%s\n", "   %s%s  %s  rule %s%s%s%s\n"),
                 paint(pager, "\033[2m"),
                 clock_text(pager, record && record->sent_ms ? record->sent_ms : page->begun_ms),
                 rung_of(pager, page), *page->route ? page->route : page->topic,
                 record && *record->stands_for ? cli_say(cli, "  代 ", "  for ") : "",
                 record ? record->stands_for : "", paint(pager, "\033[0m"));
}

/* The same page once more: one line, not a second card. */
static void show_again(const struct pager *pager, const Notify__Page *page) {
    const Notify__Record *record = page->n_records > 0 ? page->records[0] : NULL;

    if (!record || record->times < 2) {
        return;
    }
    (void)printf(cli_say(pager->cli, "\a   %s%s  %s  重复寻呼 ×%u  %s%s\n",
                         "\a   %s%s  %s  paged again ×%u  %s%s\n"),
                 paint(pager, "\033[31m"),
                 clock_text(pager, record->sent_ms ? record->sent_ms : page->begun_ms), page->page,
                 record->times, rung_of(pager, page), paint(pager, "\033[0m"));
}

static void show_prompt(const struct pager *pager) {
    if (!pager->terminal || pager->open_count == 0) {
        return;
    }
    (void)printf(cli_say(pager->cli, "   %s[a]%s 应答  %s[r]%s 拒绝",
                         "   %s[a]%s acknowledge  %s[r]%s reject"),
                 paint(pager, "\033[1;32m"), paint(pager, "\033[0m"), paint(pager, "\033[1;31m"),
                 paint(pager, "\033[0m"));
    for (size_t i = 0; pager->open_count > 1 && i < pager->open_count; i++) {
        (void)printf("  %s[%zu] %s%s", i == pager->chosen ? paint(pager, "\033[7m") : "", i + 1,
                     pager->open[i], paint(pager, "\033[0m"));
    }
    (void)printf("\n");
}

static void take_pages(struct pager *pager, const Notify__WaitPagesReply *reply) {
    bool shown = false;

    for (size_t i = 0; i < reply->n_pages; i++) {
        const Notify__Page *page = reply->pages[i];
        const Notify__Record *record = page->n_records > 0 ? page->records[0] : NULL;
        bool waits = strcmp(page->state, "open") == 0 && (!record || !*record->answer);
        if (waits && keep_page(pager, page->page)) {
            show_page(pager, page, true);
            shown = true;
        } else if (waits) {
            show_again(pager, page);
        } else {
            /* The ladder is at its end; an answer still counts (late is better than never). */
            if (strcmp(page->state, "exhausted") != 0 || (record && *record->answer)) {
                forget_page(pager, page->page);
            }
            if (!pager->first || is_kept(pager, page->page)) {
                shown = pager->open_count > 0;
                show_state(pager, page);
            }
        }
    }
    if (shown) {
        show_prompt(pager);
    }
    pager->after = reply->next;
    pager->first = pager->first && reply->n_pages == MAX_AT_ONCE;
    (void)fflush(stdout);
}

/* ---- talking ---- */

static int send_message(struct pager *pager, const char *method, const ProtobufCMessage *message,
                        int64_t timeout_ms, uint8_t id[CLIENT_ID_SIZE], struct err *err) {
    struct client_request wire = {
        .method = method, .token = pager->token, .timeout_ms = timeout_ms};
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *packed = arena_alloc(pager->cli->arena, size + 1);

    wire.payload = (struct bytes){packed, protobuf_c_message_pack(message, packed)};
    return client_send(pager->client, &wire, id, err);
}

static int ask_for_pages(struct pager *pager, struct err *err) {
    Notify__WaitPagesRequest request = NOTIFY__WAIT_PAGES_REQUEST__INIT;

    request.after = pager->after;
    request.wait_ms = WAIT_MS;
    request.max = MAX_AT_ONCE;
    request.open = pager->first;
    pager->is_waiting = true;
    return send_message(pager, "shouwen.notify.v1.Notify/WaitPages", &request.base,
                        WAIT_MS + ANSWER_MS, pager->waiting, err);
}

static int attend(struct pager *pager, uint32_t for_ms, struct err *err) {
    Notify__AttendRequest request = NOTIFY__ATTEND_REQUEST__INIT;

    request.for_ms = for_ms;
    pager->attended_us = system_mono_us();
    return send_message(pager, "shouwen.notify.v1.Notify/Attend", &request.base, ANSWER_MS, NULL,
                        err);
}

static int acknowledge(struct pager *pager, const char *page, struct err *err) {
    Notify__AcknowledgeRequest request = NOTIFY__ACKNOWLEDGE_REQUEST__INIT;

    request.page = page;
    request.channel = "pager";
    return send_message(pager, "shouwen.notify.v1.Notify/Acknowledge", &request.base, ANSWER_MS,
                        NULL, err);
}

static int reject(struct pager *pager, const char *page, const char *reason, struct err *err) {
    Notify__RejectRequest request = NOTIFY__REJECT_REQUEST__INIT;

    request.page = page;
    request.reason = reason;
    return send_message(pager, "shouwen.notify.v1.Notify/Reject", &request.base, ANSWER_MS, NULL,
                        err);
}

/* -1: it will not get better. */
static int take_answer(struct pager *pager, const struct client_answer *answer, struct err *err) {
    bool pages = memcmp(answer->id, pager->waiting, sizeof answer->id) == 0;

    pager->is_waiting = pager->is_waiting && !pages;
    if (answer->code == WIRE__CODE__UNAUTHENTICATED) {
        return err_set(err, ERR_UNAUTHENTICATED, answer->reply->rule, "%s", answer->reply->message);
    }
    if (answer->code == WIRE__CODE__OK && pages) {
        ProtobufCAllocator allocator = arena_protobuf(pager->cli->arena);
        const Notify__WaitPagesReply *reply = notify__wait_pages_reply__unpack(
            &allocator, answer->reply->payload.len, answer->reply->payload.data);
        if (reply) {
            take_pages(pager, reply);
        }
    } else if (answer->code != WIRE__CODE__OK && answer->reply) {
        (void)printf("   %s%s%s\n", paint(pager, "\033[33m"), answer->reply->message,
                     paint(pager, "\033[0m"));
        (void)fflush(stdout);
        if (pages) {
            (void)poll(NULL, 0, LOOK_MS);
        }
    }
    return 0;
}

/* ---- keys ---- */

static int press(struct pager *pager, char key, struct err *err) {
    if (key == 'q' || key == '\4') {
        ended = 1;
    } else if (key >= '1' && key <= '9' && (size_t)(key - '1') < pager->open_count) {
        pager->chosen = (size_t)(key - '1');
        show_prompt(pager);
    } else if ((key == 'a' || key == 'r') && pager->open_count > 0) {
        const char *page = pager->open[pager->chosen];
        return key == 'a' ? acknowledge(pager, page, err)
                          : reject(pager, page, cli_say(pager->cli, "去不了", "cannot come"), err);
    }
    return 0;
}

/* "a", "a P000123", "r P000123 why". */
static int obey_line(struct pager *pager, char *line, struct err *err) {
    char *rest = NULL;
    const char *word = strtok_r(line, " \t", &rest);
    const char *page = strtok_r(NULL, " \t", &rest);

    if (!word || (strcmp(word, "a") != 0 && strcmp(word, "r") != 0)) {
        ended = word && strcmp(word, "q") == 0;
        return 0;
    }
    if (!page) {
        return press(pager, word[0], err);
    }
    return word[0] == 'a' ? acknowledge(pager, page, err)
                          : reject(pager, page, rest && *rest ? rest : "-", err);
}

static int read_keys(struct pager *pager, struct err *err) {
    struct pollfd item = {STDIN_FILENO, POLLIN, 0};
    char keys[LINE_MAX_BYTES];

    if (poll(&item, 1, 0) <= 0) {
        return 0;
    }
    ssize_t size = read(STDIN_FILENO, keys, sizeof keys);
    if (size <= 0) {
        ended = pager->terminal ? 1 : ended;
        (void)poll(NULL, 0, LOOK_MS); /* its input is closed; it still shows */
        return 0;
    }
    for (ssize_t i = 0; i < size; i++) {
        if (pager->terminal) {
            if (press(pager, keys[i], err)) {
                return -1;
            }
        } else if (keys[i] == '\n' || pager->line_size == sizeof pager->line - 1) {
            pager->line[pager->line_size] = '\0';
            pager->line_size = 0;
            if (obey_line(pager, pager->line, err)) {
                return -1;
            }
        } else {
            pager->line[pager->line_size++] = keys[i];
        }
    }
    return 0;
}

static void open_terminal(struct pager *pager) {
    pager->terminal = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &pager->before) == 0;
    if (pager->terminal) {
        struct termios raw = pager->before;
        raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    }
}

static int loop(struct pager *pager, struct err *err) {
    pager->base = arena_used(pager->cli->arena);
    while (!ended) {
        struct client_answer answer;
        arena_rewind(pager->cli->arena, pager->base);
        if (system_mono_us() - pager->attended_us > ATTEND_EVERY_US
            && attend(pager, ATTEND_MS, err)) {
            return -1;
        }
        if (!pager->is_waiting && ask_for_pages(pager, err)) {
            return -1;
        }
        if (client_next(pager->client, LOOK_MS, &answer) == 1 && take_answer(pager, &answer, err)) {
            return -1;
        }
        if (read_keys(pager, err)) {
            return -1;
        }
    }
    struct client_answer last;
    if (attend(pager, 0, err) == 0) {
        (void)client_next(pager->client, LOOK_MS, &last);
    }
    return 0;
}

static int run(struct cli *cli, int argc, char **argv) {
    struct pager pager = {.cli = cli, .first = true, .attended_us = -ATTEND_EVERY_US};
    struct err err = {0};
    struct sigaction action = {.sa_handler = on_signal};

    if (cli_unknown(cli, &argc, argv) || argc > 1 || !cli->as) {
        return cli_usage(cli, "谁的寻呼机？pager --as 姓名", "whose pager?  pager --as NAME");
    }
    pager.session = session_new(cli, &err);
    if (!pager.session || session_token(pager.session, NULL, &pager.token, &err)
        || !(pager.client = session_client(pager.session, notify, &err))) {
        session_free(pager.session);
        return cli_fail(cli, &err);
    }
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    pager.staff = session_staff(pager.session);
    (void)printf("%s%s%s  %s %s   %s\n", paint(&pager, "\033[1m"),
                 cli_say(cli, "首问寻呼机", "Shouwen pager"), paint(&pager, "\033[0m"), cli->as,
                 pager.staff, cli_say(cli, "（q 退出）", "(q ends)"));
    (void)fflush(stdout);
    open_terminal(&pager);
    int rc = loop(&pager, &err);
    if (pager.terminal) {
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &pager.before);
    }
    session_free(pager.session);
    return rc ? cli_fail(cli, &err) : CLI_OK;
}

const struct command pager_command = {
    .name = "pager",
    .arguments = "--as WHO",
    .zh = "终端寻呼机：寻呼随到随显，按 a 应答，按 r 拒绝",
    .en = "a pager in the terminal: pages as they come; a acknowledges, r rejects",
    .more_zh = "  1-9 选择  q 退出；不在终端时从标准输入读：a [编号] | r 编号 理由 | q",
    .more_en = "  1-9 choose  q ends; without a terminal it reads: a [PAGE] | r PAGE REASON | q",
    .run = run,
};
