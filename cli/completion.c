#include "cli/completion.h"

#include <stdio.h>
#include <string.h>

#include "cli/instance.h"
#include "host/methods.h"

static int run(struct cli *cli, int argc, char **argv) {
    struct methods_walk walk = {0};
    struct methods_found found;

    if (argc != 2 || strcmp(argv[1], "bash") != 0) {
        return cli_usage(cli, "用法：completion bash", "usage: completion bash");
    }
    (void)printf("_shouwen() {\n    local word=${COMP_WORDS[COMP_CWORD]} command= i\n"
                 "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
                 "        [[ ${COMP_WORDS[i]} == -* ]] || { command=${COMP_WORDS[i]}; break; }\n"
                 "    done\n    case $command in\n    '') COMPREPLY=($(compgen -W \"");
    for (const struct command *const *command = cli_commands; *command; command++) {
        (void)printf("%s ", (*command)->name);
    }
    (void)printf(
        "--dir --as --json --lang --help\" -- \"$word\")) ;;\n    call) "
        "COMPREPLY=($(compgen -W \"--list --describe --plain --timeout --id --service --as ");
    while (methods_next(&walk, &found, cli->arena)) {
        (void)printf("%s/%s ", found.service, found.method->name);
    }
    (void)printf("\" -- \"$word\")) ;;\n"
                 "    manual) COMPREPLY=($(compgen -W \"check publish show\" -- \"$word\")) ;;\n"
                 "    staff) COMPREPLY=($(compgen -W \"list token revoke\" -- \"$word\")) ;;\n"
                 "    down|backup|restore) COMPREPLY=($(compgen -f -W \"");
    for (int i = 0; instance_services[i]; i++) {
        (void)printf("%s ", instance_services[i]);
    }
    (void)printf("\" -- \"$word\")) ;;\n    *) COMPREPLY=($(compgen -f -- \"$word\")) ;;\n"
                 "    esac\n}\ncomplete -o filenames -F _shouwen shouwen\n");
    return CLI_OK;
}

const struct command completion_command = {
    .name = "completion",
    .arguments = "bash",
    .zh = "命令补全脚本：source <(shouwen completion bash)",
    .en = "tab completion: source <(shouwen completion bash)",
    .run = run,
};
