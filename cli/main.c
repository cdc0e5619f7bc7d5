/* shouwen - one command to operate, call and rehearse the house. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/speak.h"
#include "cli/chinese.h"
#include "cli/cli.h"

enum { ARENA_SIZE = 64 * 1024 * 1024, NAME_WIDTH = 12, COMMANDS_MAX = 64 };

static bool speaks_english(const char *asked) {
    static const char *const names[] = {"LC_ALL", "LC_MESSAGES", "LANG"};

    for (size_t i = 0; !asked && i < sizeof names / sizeof names[0]; i++) {
        const char *value = getenv(names[i]);
        asked = value && *value ? value : NULL;
    }
    return !asked || strncmp(asked, "zh", 2) != 0;
}

static int help(const struct cli *cli) {
    (void)printf("%s\n\n%s\n\n",
                 cli_say(cli, "首问：从手册到寻呼机", "Shouwen: from the manual to the pager"),
                 cli_say(cli, "用法：shouwen 命令 [参数]　　shouwen 命令 --help",
                         "usage: shouwen COMMAND [ARGUMENTS]    shouwen COMMAND --help"));
    for (const struct command *const *command = cli_commands; *command; command++) {
        (void)printf("  %-*s %s\n", NAME_WIDTH, (*command)->name,
                     cli_say(cli, (*command)->zh, (*command)->en));
    }
    (void)printf(
        "\n%s\n",
        cli_say(cli,
                "通用选项：--dir 目录（默认 ./run）  --as 姓名或工号  --json  --lang zh|en\n"
                "退出码：0 成功  1 被拒绝或失败  2 用法错误",
                "for all: --dir DIR (./run)  --as NAME or NUMBER  --json  --lang zh|en\n"
                "exit codes: 0 done  1 refused or failed  2 wrong usage"));
    return CLI_OK;
}

static int help_for(const struct cli *cli, const struct command *command) {
    const char *more = cli_say(cli, command->more_zh, command->more_en);

    (void)printf("%sshouwen %s %s\n\n%s\n", cli_say(cli, "用法：", "usage: "), command->name,
                 speak(command->arguments), cli_say(cli, command->zh, command->en));
    if (more) {
        (void)printf("\n%s\n", more);
    }
    return CLI_OK;
}

static const struct command *find(const char *name) {
    for (const struct command *const *command = cli_commands; *command; command++) {
        if (strcmp((*command)->name, name) == 0) {
            return *command;
        }
    }
    return NULL;
}

/* The first word that is no option; 0: there is none. */
static int first_word(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] != '-') {
            return i;
        }
    }
    return 0;
}

static void read_common(struct cli *cli, int *argc, char **argv) {
    const char *lang = cli_value(argc, argv, "--lang");
    const char *dir = cli_value(argc, argv, "--dir");
    const char *home = getenv("SHOUWEN_DIR");

    cli->english = speaks_english(lang);
    cli->dir_given = dir != NULL;
    cli->dir = dir ? dir : home && *home ? home : "run";
    cli->as = cli_value(argc, argv, "--as");
    cli->json = cli_flag(argc, argv, "--json");
}

static int no_such_command(const struct cli *cli, const char *name) {
    const char *names[COMMANDS_MAX];
    size_t count = 0;

    for (const struct command *const *command = cli_commands; *command; command++) {
        names[count++] = (*command)->name;
    }
    const char *nearest = json_nearest(name, names, count);
    (void)fprintf(stderr, "shouwen: %s%s", cli_say(cli, "没有这个命令：", "no such command: "),
                  name);
    if (*nearest) {
        (void)fprintf(stderr, cli_say(cli, "；是不是 %s？", "; did you mean %s?"), nearest);
    }
    (void)fprintf(stderr, "%s\n",
                  cli_say(cli, "（全部命令：shouwen --help）", " (all commands: shouwen --help)"));
    return CLI_USAGE;
}

int main(int argc, char **argv) {
    struct cli cli = {.arena = NULL};

    read_common(&cli, &argc, argv);
    cli.colour = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
    speak_use(cli.english ? NULL : chinese_tables);
    bool wants_help = cli_flag(&argc, argv, "--help") || cli_flag(&argc, argv, "-h");
    int at = first_word(argc, argv);
    if (at && strcmp(argv[at], "help") == 0) { /* "help up" is "up --help" */
        wants_help = true;
        at = at + 1 < argc ? at + 1 : 0;
    } else if (argc > 1 && at != 1) {
        (void)cli_unknown(&cli, &argc, argv); /* it stands before any command */
        return CLI_USAGE;
    }
    if (!at) {
        (void)help(&cli);
        return wants_help ? CLI_OK : CLI_USAGE;
    }
    const struct command *command = find(argv[at]);
    if (!command) {
        return no_such_command(&cli, argv[at]);
    }
    if (wants_help) {
        return help_for(&cli, command);
    }
    cli.arena = arena_new(ARENA_SIZE);
    int status = command->run(&cli, argc - at, argv + at);
    arena_free(cli.arena);
    return status;
}
