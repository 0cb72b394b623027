/*
 * rule_book.h - the anchor rules of a configuration with the roots that their files hold, as outriderd and `outrider`
 * both need them: read from disk once, compiled together with exceptions, and, for "what if", with a change.
 *
 * A book is immutable. When a file of it has changed, read another. Threads: any.
 */
#ifndef OTR_DAEMON_CONF_RULE_BOOK_H
#define OTR_DAEMON_CONF_RULE_BOOK_H

#include "daemon/conf/conf.h"
#include "trust/anchors.h"
#include "trust/exception.h"

typedef struct otr_rule_book otr_rule_book;

/* Read all files that the rules name. The configuration must outlive the book. */
outrider_err otr_rule_book_read(const otr_conf *conf, otr_rule_book **book, outrider_diag *diag);
void otr_rule_book_free(otr_rule_book *book); /* NULL is fine */

/* What may be different in a world that is tried. */
typedef struct otr_rule_change {
    const STACK_OF(X509) *bundle; /* stands for `file`, wherever it is used; NULL: as it is */
    const char *file;             /* a path; NULL: that of anchors "default" */
    const char *without;          /* anchor id of a root that no rule and no exception brings any more; NULL: none */
} otr_rule_change;

/* exceptions that have ended at `now` count for nobody (anchors.h tells of them). change: NULL for the world as it is. */
outrider_err otr_rule_book_compile(const otr_rule_book *book, const otr_exception *exceptions, size_t exception_count,
                                   otr_time now, const otr_rule_change *change, otr_anchors **anchors,
                                   outrider_diag *diag);

/* Both at once, for those who need the anchors of a configuration as it stands. */
outrider_err otr_conf_anchors(const otr_conf *conf, const otr_exception *exceptions, size_t exception_count, otr_time now,
                              otr_anchors **anchors, outrider_diag *diag);

/* The path that this setting of `roots` stands for: of "system", the system's. Borrowed. */
const char *otr_rule_book_path(const char *roots);

/* Each file that a book is made of: roots, own roots of mail servers, revocation lists. For those who watch them. */
typedef void otr_rule_book_visit(void *arg, const char *path);
void otr_rule_book_each_file(const otr_conf *conf, otr_rule_book_visit *visit, void *arg);

#endif
