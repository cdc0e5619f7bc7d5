/* shouwen - one command to operate, call and rehearse the house. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

enum { ARENA_SIZE = 64 * 1024 * 1024, NAME_WIDTH = 12 };

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

    (void)printf("%s shouwen %s %s\n\n%s\n", cli_say(cli, "用法：", "usage:"), command->name,
                 command->arguments, cli_say(cli, command->zh, command->en));
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

/* The command is the first word that is no option, and no option's value. */
static int first_word(int argc, char **argv) {
    static const char *const valued[] = {"--dir", "--as", "--lang"};

    for (int i = 1; i < argc; i++) {
        if (argv[i][0] != '-') {
            return i;
        }
        for (size_t v = 0; v < sizeof valued / sizeof valued[0]; v++) {
            if (strcmp(argv[i], valued[v]) == 0) {
                i++;
                break;
            }
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

int main(int argc, char **argv) {
    struct cli cli = {.arena = NULL};
    const int at = first_word(argc, argv);
    const char *name = at ? argv[at] : "";
    const struct command *command = find(name);

    cli.english = speaks_english(NULL);
    cli.colour = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
    if (command && command->own_options && cli_flag(&argc, argv, "--help")) {
        read_common(&cli, &argc, argv);
        return help_for(&cli, command);
    }
    if (command && command->own_options) {
        cli.arena = arena_new(ARENA_SIZE);
        int status = command->run(&cli, argc - at, argv + at);
        arena_free(cli.arena);
        return status;
    }
    read_common(&cli, &argc, argv);
    bool wants_help = cli_flag(&argc, argv, "--help") || cli_flag(&argc, argv, "-h");
    if (!command) {
        if (at) {
            (void)fprintf(stderr, "shouwen: %s %s\n",
                          cli_say(&cli, "没有这个命令：", "no such command:"), name);
            return CLI_USAGE;
        }
        (void)help(&cli);
        return wants_help ? CLI_OK : CLI_USAGE;
    }
    if (wants_help) {
        return help_for(&cli, command);
    }
    cli.arena = arena_new(ARENA_SIZE);
    int word = first_word(argc, argv);
    int status = command->run(&cli, argc - word, argv + word);
    arena_free(cli.arena);
    return status;
}
