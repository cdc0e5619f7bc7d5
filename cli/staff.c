#include "cli/staff.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/json.h"
#include "base/text.h"
#include "cli/column.h"
#include "cli/session.h"
#include "shouwen/registry/v1/registry.pb-c.h"

enum { PAGE = 100, OFFSET_MIN = 480 };

static const char registry[] = "registry";

static void print_json(const struct cli *cli, const ProtobufCMessage *message) {
    (void)printf("%s\n", json_write(message, JSON_ONE_LINE, OFFSET_MIN, cli->arena));
}

static const char *joined(const struct cli *cli, size_t count, const char *const *texts) {
    const char *all = "";

    for (size_t i = 0; i < count; i++) {
        all = arena_text(cli->arena, "%s%s%s", all, *all ? ";" : "", texts[i]);
    }
    return all;
}

static void print_columns(const struct cli *cli, const char *const words[5]) {
    static const size_t widths[] = {6, 10, 20, 16};

    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
        (void)printf("%s ", column_left(words[i], widths[i], cli->arena));
    }
    (void)printf("%s\n", words[4]);
}

static int list(const struct cli *cli, struct session *session, const char *role) {
    static const char *const header_zh[] = {"工号", "姓名", "角色", "部门", "渠道"};
    static const char *const header_en[] = {"number", "name", "roles", "department", "channels"};
    struct err err = {0};
    const char *after = "";

    for (;;) {
        Registry__ListStaffRequest request = REGISTRY__LIST_STAFF_REQUEST__INIT;
        request.role = role ? role : "";
        request.after = after;
        request.max = PAGE;
        const Registry__ListStaffReply *reply = (const Registry__ListStaffReply *)session_ask(
            session, "shouwen.registry.v1.Registry/ListStaff", &request.base,
            &registry__list_staff_reply__descriptor, &err);
        if (!reply) {
            return cli_fail(cli, &err);
        }
        if (!*after && !cli->json) {
            print_columns(cli, cli->english ? header_en : header_zh);
        }
        for (size_t i = 0; i < reply->n_staff; i++) {
            const Registry__Staff *staff = reply->staff[i];
            if (cli->json) {
                print_json(cli, &staff->base);
            } else {
                const char *const words[] = {staff->staff, staff->name,
                                             joined(cli, staff->n_roles, staff->roles), staff->dept,
                                             joined(cli, staff->n_channels, staff->channels)};
                print_columns(cli, words);
            }
            after = staff->staff;
        }
        if (reply->n_staff < PAGE) {
            return CLI_OK;
        }
    }
}

/* Over the local socket; registry writes down who asked for whose. */
static int token(const struct cli *cli, struct session *session, const char *who) {
    Registry__IssueTokenRequest request = REGISTRY__ISSUE_TOKEN_REQUEST__INIT;
    struct err err = {0};
    struct client *client = session_client(session, registry, &err);

    request.staff = who;
    const Registry__IssueTokenReply *reply = client ? (const Registry__IssueTokenReply *)client_ask(
                                                 client, "shouwen.registry.v1.Registry/IssueToken",
                                                 (struct bytes){NULL, 0}, &request.base,
                                                 &registry__issue_token_reply__descriptor,
                                                 cli->arena, &err)
                                                    : NULL;
    if (!reply) {
        return cli_fail(cli, &err);
    }
    if (cli->json) {
        print_json(cli, &reply->base);
        return CLI_OK;
    }
    (void)printf("%s\n", text_hex(reply->token.data, reply->token.len, cli->arena));
    (void)fprintf(stderr, "%s %s (%s) %s %s\n", reply->staff, reply->name,
                  joined(cli, reply->n_roles, reply->roles), cli_say(cli, "有效至", "until"),
                  text_time(reply->until_ms, OFFSET_MIN, cli->arena));
    return CLI_OK;
}

static int revoke(const struct cli *cli, struct session *session, const char *who,
                  const char *reason) {
    Registry__RevokeTokenRequest request = REGISTRY__REVOKE_TOKEN_REQUEST__INIT;
    struct err err = {0};

    request.staff = who;
    request.reason = reason ? reason : "";
    return session_ask(session, "shouwen.registry.v1.Registry/RevokeToken", &request.base,
                       &registry__revoke_token_reply__descriptor, &err)
               ? CLI_OK
               : cli_fail(cli, &err);
}

static int run(struct cli *cli, int argc, char **argv) {
    struct err err = {0};
    const char *role = cli_value(&argc, argv, "--role");
    const char *reason = cli_value(&argc, argv, "--reason");

    if (cli_unknown(cli, &argc, argv)) {
        return CLI_USAGE;
    }
    bool lists = argc == 2 && strcmp(argv[1], "list") == 0;
    bool signs = argc == 3 && strcmp(argv[1], "token") == 0;
    bool ends = argc == 3 && strcmp(argv[1], "revoke") == 0;
    if (!lists && !signs && !ends) {
        return cli_usage(cli, "用法：staff list | token 姓名 | revoke 姓名",
                         "usage: staff list | token NAME | revoke NAME");
    }
    struct session *session = session_new(cli, &err);
    if (!session) {
        return cli_fail(cli, &err);
    }
    int status = lists   ? list(cli, session, role)
                 : signs ? token(cli, session, argv[2])
                         : revoke(cli, session, argv[2], reason);
    session_free(session);
    return status;
}

const struct command staff_command = {
    .name = "staff",
    .arguments = "list [--role ROLE] | token WHO | revoke NUMBER --reason TEXT",
    .zh = "员工名单；签发或收回令牌（留有记录）",
    .en = "who works here; issue or revoke a token (on record)",
    .run = run,
};
