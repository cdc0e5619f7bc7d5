/*
 * speak - the language in which a program speaks to whoever runs it.
 *
 * As with gettext, the English text is the key: code reads
 *     err_plain(err, ERR_NOT_FOUND, "%s: cannot read", path)
 * and the words of another language stand in tables of pairs.  The functions that take
 * a format for people (err_plain, err_wrap, compile_mistake, rehearse_fail, …) look it
 * up themselves; a word that becomes an argument is wrapped in speak().  A translation may
 * put its arguments in another order (%2$s), but takes all of them, with the same types.
 *
 * It is set once, at the start of a program, before it has a thread.  Services never set
 * it: they speak to a log, in English.  What people read in the product itself is not
 * from here: that is the manual's texts, by rule key and per reader.
 */
#ifndef SPEAK_H
#define SPEAK_H

#include <stdbool.h>

struct speech {
    const char *english;
    const char *other; /* NULL ends a table with `english` */
};

/* speak_use - these tables (NULL ends the list) from now on; NULL: English again. */
void speak_use(const struct speech *const *tables);

/* speak - the text in the language in use; as it is when no table has it. */
const char *speak(const char *english) __attribute__((format_arg(1)));

#endif
