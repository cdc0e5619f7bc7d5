#include "cli/call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/text.h"
#include "cli/session.h"
#include "host/methods.h"

enum { DEMO_OFFSET_MIN = 480, STDIN_MAX = JSON_SIZE_MAX };

static int list_methods(const struct cli *cli) {
    struct methods_walk walk = {0};
    struct methods_found found;

    while (methods_next(&walk, &found, cli->arena)) {
        (void)printf("%s(%s)\n", found.full, found.method->input->short_name);
    }
    return CLI_OK;
}

static const char *kind_name(const ProtobufCFieldDescriptor *field) {
    static const char *const names[] = {"int32",  "int32",  "int32",  "int64",  "int64",  "int64",
                                        "uint32", "uint32", "uint64", "uint64", "float",  "double",
                                        "bool",   "enum",   "text",   "bytes",  "message"};

    return field->type == PROTOBUF_C_TYPE_MESSAGE
               ? ((const ProtobufCMessageDescriptor *)field->descriptor)->short_name
               : names[field->type];
}

/* What a method takes and gives: the contract is at hand, so show it. */
static int describe(const struct methods_found *found) {
    const ProtobufCMessageDescriptor *sides[] = {found->method->input, found->method->output};

    (void)printf("%s\n", found->full);
    for (size_t i = 0; i < 2; i++) {
        (void)printf("  %s %s\n", i == 0 ? "->" : "<-", sides[i]->short_name);
        for (unsigned f = 0; f < sides[i]->n_fields; f++) {
            const ProtobufCFieldDescriptor *field = &sides[i]->fields[f];
            (void)printf("       %-24s %s%s\n", field->name,
                         field->label == PROTOBUF_C_LABEL_REPEATED ? "repeated " : "",
                         kind_name(field));
        }
    }
    return CLI_OK;
}

static char *read_stdin(const struct cli *cli) {
    char *text = arena_alloc(cli->arena, STDIN_MAX + 1);
    size_t size = fread(text, 1, STDIN_MAX, stdin);

    text[size] = '\0';
    return text;
}

static int show(const struct cli *cli, const struct methods_found *found,
                const struct client_answer *answer, unsigned style) {
    ProtobufCAllocator allocator = arena_protobuf(cli->arena);
    const ProtobufCMessage *reply = protobuf_c_message_unpack(
        found->method->output, &allocator, answer->reply->payload.len, answer->reply->payload.data);

    if (!reply) {
        struct err err;
        (void)err_plain(&err, ERR_INTERNAL, "the reply is no %s", found->method->output->name);
        return cli_fail(cli, &err);
    }
    (void)printf("%s\n", json_write(reply, style, DEMO_OFFSET_MIN, cli->arena));
    return CLI_OK;
}

static int ask(const struct cli *cli, const struct methods_found *found, const char *text,
               struct client_request *wire, unsigned style) {
    struct err err = {0};
    struct client_answer answer;
    struct session *session = NULL;
    int status = CLI_FAILED;
    const ProtobufCMessage *request = json_read(found->method->input, text, strlen(text),
                                                cli->arena, &err);

    if (!request) {
        (void)cli_fail(cli, &err);
        status = CLI_USAGE;
        goto done;
    }
    size_t size = protobuf_c_message_get_packed_size(request);
    uint8_t *packed = arena_alloc(cli->arena, size + 1);
    (void)protobuf_c_message_pack(request, packed);
    wire->method = found->full;
    wire->payload = (struct bytes){packed, size};
    session = session_new(cli, &err);
    bool open = strstr(found->full, "/IssueToken") || strstr(found->full, ".core.v1.Core/Health");
    if (!session || session_runs(session, found->service, &err)
        || (!open && session_runs(session, "registry", &err))
        || (!open && session_token(session, NULL, &wire->token, &err))
        || session_raw(session, found->service, wire, &answer, &err)) {
        status = cli_fail(cli, &err);
        goto done;
    }
    status = show(cli, found, &answer, style);

done:
    session_free(session);
    return status;
}

static int run(struct cli *cli, int argc, char **argv) {
    struct client_request wire = {.timeout_ms = 0};
    struct methods_found found;
    struct err err = {0};
    uint8_t id[CLIENT_ID_SIZE];
    unsigned style = cli_flag(&argc, argv, "--plain") ? JSON_PLAIN : 0;
    wire.urgent = cli_flag(&argc, argv, "--urgent");
    bool explain = cli_flag(&argc, argv, "--describe");
    const char *again = cli_value(&argc, argv, "--id");
    const char *service = cli_value(&argc, argv, "--service");

    if (!cli_number(&argc, argv, "--timeout", 0, &wire.timeout_ms)) {
        return cli_usage(cli, "--timeout 要毫秒数", "--timeout takes milliseconds");
    }
    if (cli_flag(&argc, argv, "--list")) {
        return list_methods(cli);
    }
    if (cli_unknown(cli, &argc, argv) || argc < 2 || argc > 3) {
        return cli_usage(cli, "用法：call 方法 [JSON]；方法清单：call --list",
                         "usage: call METHOD [JSON]; all methods: call --list");
    }
    if (again && !text_unhex(again, id, sizeof id)) {
        return cli_usage(cli, "--id 要 32 个十六进制数字", "--id takes 32 hex digits");
    }
    wire.id = again ? id : NULL;
    if (methods_find(argv[1], &found, cli->arena, &err)) {
        (void)cli_fail(cli, &err);
        return CLI_USAGE;
    }
    if (explain) {
        return describe(&found);
    }
    char *const names[] = {(char *)(uintptr_t)service};
    if (service && instance_wrong(cli, 1, names)) {
        return CLI_USAGE;
    }
    if (service) {
        found.service = service; /* Core/… is answered by every one of them */
    }
    const char *text = argc < 3 ? "{}" : strcmp(argv[2], "-") == 0 ? read_stdin(cli) : argv[2];
    return ask(cli, &found, text, &wire, style | (cli->json ? 0U : (unsigned)JSON_PRETTY));
}

const struct command call_command = {
    .name = "call",
    .arguments = "[--as WHO] METHOD [JSON|-] [--plain] [--urgent] [--timeout MS] [--id HEX]",
    .zh = "调用任意服务的任意方法，参数为 JSON",
    .en = "call any method of any service, with JSON",
    .more_zh = "  方法可用全名，或 ticketing/GetCase；唯一时只写 GetCase 即可\n"
               "  --list            所有方法      --describe  这个方法的字段\n"
               "  --plain           字段写成普通 JSON 值\n"
               "  --service 名称    Core/Health 等公共方法问哪个服务\n"
               "  --id 十六进制     用同一编号再发一次（只生效一次）\n"
               "  --urgent          紧急：先于其他请求处理\n"
               "  例：shouwen call --as 王丽 ticketing/GetCase '{\"caseNo\": \"…\"}'",
    .more_en = "  METHOD is a full name, or ticketing/GetCase; or GetCase when only one has it\n"
               "  --list            all methods   --describe  the fields of this one\n"
               "  --plain           field values as plain JSON\n"
               "  --service NAME    whom to ask what all answer (Core/Health, …)\n"
               "  --id HEX          send it once more under the same id (it has one effect)\n"
               "  --urgent          goes before the requests of others\n"
               "  e.g. shouwen call --as 王丽 ticketing/GetCase '{\"caseNo\": \"…\"}'",
    .run = run,
};
