/*
 * session - the command line's talk with an instance: one link per service over
 * its local socket, and the token of whom we speak for.
 */
#ifndef SESSION_H
#define SESSION_H

#include "base/err.h"
#include "cli/cli.h"
#include "cli/instance.h"
#include "host/client.h"
#include "shouwen/core/v1/core.pb-c.h"

struct session;

/* session_new - NULL with err set: there is no instance. */
struct session *session_new(const struct cli *cli, struct err *err);
void session_free(struct session *session);
struct instance *session_instance(struct session *session);
struct arena *session_arena(struct session *session); /* cli->arena */

/* session_client - the link to a service; NULL with err set, at once if it does not run. */
struct client *session_client(struct session *session, const char *service, struct err *err);

/*
 * session_token - registry's token for `staff` (a number or a name; NULL: --as, or
 * else the system), kept for this session.  -1 with err set.
 */
int session_token(struct session *session, const char *staff, struct bytes *token, struct err *err);

/* session_forget - the tokens: the manual has changed, and with it who may what. */
void session_forget(struct session *session);

/* session_staff - the number of whom the last token is for. */
const char *session_staff(const struct session *session);

/*
 * session_ask - one rpc with a token: "shouwen.x.v1.X/M".  The reply is of this
 * type and in cli->arena; NULL with err set.
 */
ProtobufCMessage *session_ask(struct session *session, const char *method,
                              const ProtobufCMessage *request,
                              const ProtobufCMessageDescriptor *reply_type, struct err *err);

/* session_runs - 0; or -1 with err set: the service's process is not there, so nothing was sent. */
int session_runs(struct session *session, const char *service, struct err *err);

/* session_raw - the same with packed bytes and a timeout; the answer as client_call gives it. */
int session_raw(struct session *session, const char *service, const struct client_request *request,
                struct client_answer *answer, struct err *err);

/* session_health - NULL with err set: no answer within wait_ms. */
const Core__HealthReply *session_health(struct session *session, const char *service,
                                        int64_t wait_ms, struct err *err);

#endif
