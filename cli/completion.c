#include "cli/completion.h"

#include <stdio.h>
#include <string.h>

#include "cli/instance.h"
#include "host/methods.h"

static const char common[] = "--dir --as --json --lang --help";

static const char head[] =
    "_shouwen() {\n"
    "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command= i\n"
    "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
    "        case ${COMP_WORDS[i]} in\n"
    "        --dir | --as | --lang) ((i++)) ;;\n"
    "        -*) ;;\n"
    "        *) command=${COMP_WORDS[i]}; break ;;\n"
    "        esac\n"
    "    done\n"
    "    COMPREPLY=()\n"
    "    case $before in\n"
    "    --lang) COMPREPLY=($(compgen -W 'zh en' -- \"$word\")); return ;;\n"
    "    --topic) COMPREPLY=($(compgen -W \"$(\"${COMP_WORDS[0]}\" events --topics 2>/dev/null)\" "
    "-- "
    "\"$word\")); return ;;\n"
    "    --dir | --to | --store | --manual | --demo) COMPREPLY=($(compgen -d -- \"$word\")); "
    "return ;;\n"
    "    --parameters | --story) COMPREPLY=($(compgen -f -- \"$word\")); return ;;\n"
    "    --service) COMPREPLY=($(compgen -W 'SERVICES' -- \"$word\")); return ;;\n"
    "    esac\n"
    "    case $command in\n";

/* What stands after a command: words of its own, services, methods, files. */
static const struct words {
    const char *command;
    const char *words;
    bool services, methods, files;
} after[] = {
    {"up", "", true, false, false},
    {"down", "", true, false, false},
    {"backup", "", true, false, false},
    {"restore", "", true, false, true},
    {"call", "", false, true, false},
    {"rehearse", "", false, false, true},
    {"import", "", false, false, true},
    {"manual", "check publish show", false, false, true},
    {"staff", "list token revoke", false, false, false},
    {"completion", "bash", false, false, false},
};

static void put_services(void) {
    for (int i = 0; instance_services[i]; i++) {
        (void)printf("%s%s", i > 0 ? " " : "", instance_services[i]);
    }
}

static void put_methods(const struct cli *cli) {
    struct methods_walk walk = {0};
    struct methods_found found;

    while (methods_next(&walk, &found, cli->arena)) {
        (void)printf(" %s/%s", found.service, found.method->name);
    }
}

/* The options that its help shows. */
static void put_options(const char *text) {
    for (const char *at = text ? strstr(text, "--") : NULL; at; at = strstr(at, "--")) {
        size_t length = 2 + strspn(at + 2, "abcdefghijklmnopqrstuvwxyz-");
        if (length > 2) {
            (void)printf(" %.*s", (int)length, at);
        }
        at += length;
    }
}

static void put_command(const struct cli *cli, const struct command *command) {
    const struct words *words = NULL;

    for (size_t i = 0; i < sizeof after / sizeof after[0]; i++) {
        words = strcmp(after[i].command, command->name) == 0 ? &after[i] : words;
    }
    (void)printf("    %s) COMPREPLY=($(compgen %s-W \"%s", command->name,
                 words && words->files ? "-f " : "", words ? words->words : "");
    if (words && words->services) {
        (void)putchar(' ');
        put_services();
    }
    if (words && words->methods) {
        put_methods(cli);
    }
    put_options(command->arguments);
    put_options(command->more_en);
    (void)printf(" %s\" -- \"$word\")) ;;\n", common);
}

static int run(struct cli *cli, int argc, char **argv) {
    const char *services = strstr(head, "SERVICES");

    if (cli_unknown(cli, &argc, argv) || argc != 2 || strcmp(argv[1], "bash") != 0) {
        return cli_usage(cli, "用法：completion bash", "usage: completion bash");
    }
    (void)printf("%.*s", (int)(services - head), head);
    put_services();
    (void)printf("%s    '' | help) COMPREPLY=($(compgen -W \"help", services + strlen("SERVICES"));
    for (const struct command *const *command = cli_commands; *command; command++) {
        (void)printf(" %s", (*command)->name);
    }
    (void)printf(" %s\" -- \"$word\")) ;;\n", common);
    for (const struct command *const *command = cli_commands; *command; command++) {
        put_command(cli, *command);
    }
    (void)printf("    esac\n}\ncomplete -o filenames -F _shouwen shouwen\n");
    return CLI_OK;
}

const struct command completion_command = {
    .name = "completion",
    .arguments = "bash",
    .zh = "bash 补全脚本：source <(shouwen completion bash)",
    .en = "tab completion for bash: source <(shouwen completion bash)",
    .run = run,
};
