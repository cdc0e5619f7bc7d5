/*
 * err - the one error type.
 *
 * A function that can fail returns 0, or -1 with `struct err *err` set; err is
 * its last parameter and the caller's (usually one, on the stack of the loop).
 * An error is logged once, where it is handled, never where it is passed on.
 *
 * An error for people is a rule key with arguments: manual/texts makes the
 * sentence from it, in the reader's language.  An error for operators (start-up,
 * files, a bug) is plain text: the rule "plain", in the language of the program's
 * operator (base/speak.h).
 */
#ifndef ERR_H
#define ERR_H

enum {
    ERR_RULE_MAX = 48,
    ERR_TEXT_MAX = 480,
};

/* The canonical RPC codes, numbered as in wire.proto. */
enum err_code {
    ERR_NONE = 0,
    ERR_CANCELLED = 1,
    ERR_UNKNOWN = 2,
    ERR_INVALID = 3,      /* the request is wrong, whatever the state; do not retry */
    ERR_DEADLINE = 4,     /* too late; the outcome is unknown */
    ERR_NOT_FOUND = 5,    /* the thing named does not exist */
    ERR_EXISTS = 6,       /* it exists already */
    ERR_DENIED = 7,       /* the actor may not do this */
    ERR_EXHAUSTED = 8,    /* a limit is reached; nothing was done; retry later */
    ERR_PRECONDITION = 9, /* the state of the thing forbids it */
    ERR_ABORTED = 10,
    ERR_RANGE = 11,
    ERR_UNIMPLEMENTED = 12, /* no such method */
    ERR_INTERNAL = 13,      /* a bug or a damaged store */
    ERR_UNAVAILABLE = 14,   /* offline or not ready; retry with the same id */
    ERR_DATA_LOSS = 15,
    ERR_UNAUTHENTICATED = 16, /* no token, or a wrong or expired one */
};

struct err {
    enum err_code code;
    char rule[ERR_RULE_MAX]; /* key in texts, or "plain" */
    char args[ERR_TEXT_MAX]; /* "name=value\nname=value"; of "plain": the text itself */
};

/*
 * err_set - record a failure for people.  `fmt` makes lines "name=value",
 * separated by \n.  Always -1, so that a function can end with
 *     return err_set(err, ERR_NOT_FOUND, "unit_unknown", "unit=%s", unit);
 */
int err_set(struct err *err, enum err_code code, const char *rule, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* err_plain - record a failure for operators.  Always -1. */
int err_plain(struct err *err, enum err_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * err_wrap - put context in front of a plain error ("loading config: …"); an
 * error for people stays as it is.  Always -1.
 */
int err_wrap(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* err_name - "not_found".  Never NULL. */
const char *err_name(enum err_code code);

/* err_line - rule and arguments on one line, for the log.  `line` has ERR_TEXT_MAX bytes. */
const char *err_line(const struct err *err, char *line);

#endif
