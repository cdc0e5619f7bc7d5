#include "cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "cli/words.h"

enum { DECIMAL = 10, SENTENCE_MAX = 2048 };

const char *cli_say(const struct cli *cli, const char *zh, const char *en) {
    return cli->english ? en : zh;
}

int cli_fail(const struct cli *cli, const struct err *err) {
    char sentence[SENTENCE_MAX];
    const char *words = words_of(cli, err, sentence, sizeof sentence);

    if (cli->json) {
        json_t *object = json_pack("{s:{s:s, s:s, s:s}}", "error", "code", err_name(err->code),
                                   "rule", err->rule, "message", words);
        char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
        (void)printf("%s\n", text ? text : "{}");
        free(text);
        json_decref(object);
    } else if (strcmp(err->rule, "plain") == 0) {
        (void)fprintf(stderr, "shouwen: %s\n", err->args);
    } else if (err->code == ERR_DEADLINE) {
        (void)fprintf(stderr, "shouwen: %s (%s)\n",
                      cli_say(cli, "没有等到答复；不知道是否已经办成，同一个请求可以再试",
                              "no answer came; whether it was done is unknown, and the same "
                              "request may be sent again"),
                      err->args);
    } else {
        (void)fprintf(stderr, "shouwen: %s (%s, %s)\n", words, err_name(err->code), err->rule);
    }
    return CLI_FAILED;
}

int cli_usage(const struct cli *cli, const char *zh, const char *en) {
    (void)fprintf(stderr, "shouwen: %s\n", cli_say(cli, zh, en));
    return CLI_USAGE;
}

static void take_out(int *argc, char **argv, int at, int count) {
    for (int i = at; i + count <= *argc; i++) {
        argv[i] = argv[i + count]; /* the NULL at the end too */
    }
    *argc -= count;
}

bool cli_flag(int *argc, char **argv, const char *name) {
    for (int i = 1; i < *argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], name) == 0) {
            take_out(argc, argv, i, 1);
            return true;
        }
    }
    return false;
}

const char *cli_value(int *argc, char **argv, const char *name) {
    size_t length = strlen(name);

    for (int i = 1; i < *argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], name) == 0 && i + 1 < *argc) {
            const char *value = argv[i + 1];
            take_out(argc, argv, i, 2);
            return value;
        }
        if (strncmp(argv[i], name, length) == 0 && argv[i][length] == '=') {
            const char *value = argv[i] + length + 1;
            take_out(argc, argv, i, 1);
            return value;
        }
    }
    return NULL;
}

bool cli_number(int *argc, char **argv, const char *name, int64_t otherwise, int64_t *number) {
    const char *text = cli_value(argc, argv, name);
    char *end = NULL;

    *number = otherwise;
    if (!text) {
        return true;
    }
    errno = 0;
    *number = strtoll(text, &end, DECIMAL);
    return !errno && end != text && !*end;
}

/* "-" is standard input and "-1" a number; anything else with a dash is an option. */
static bool is_option(const char *text) {
    return text[0] == '-' && text[1] && (text[1] < '0' || text[1] > '9');
}

bool cli_unknown(const struct cli *cli, int *argc, char **argv) {
    for (int i = 1; i < *argc; i++) {
        if (strcmp(argv[i], "--") == 0) {
            take_out(argc, argv, i, 1); /* what comes after it is as it stands */
            return false;
        }
        if (is_option(argv[i])) {
            (void)fprintf(stderr, "shouwen: %s%s\n",
                          cli_say(cli, "没有这个选项（或缺少它的值）：",
                                  "no such option (or its value is missing): "),
                          argv[i]);
            return true;
        }
    }
    return false;
}
