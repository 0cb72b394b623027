/*
 * exceptions.h - the exceptions in force, as a list in memory: a value. Pure.
 */
#ifndef OTR_DAEMON_KEEPER_EXCEPTIONS_H
#define OTR_DAEMON_KEEPER_EXCEPTIONS_H

#include "trust/exception.h"

typedef struct otr_exceptions {
    otr_exception *list; /* owned; by root, then domain */
    size_t count;
} otr_exceptions;

void otr_exceptions_clear(otr_exceptions *exceptions);

/* A copy of all for which pick() says so; pick NULL: of all. OUTRIDER_OK or OUTRIDER_E_NOMEM. */
typedef bool otr_exception_pick(const void *arg, const otr_exception *exception);
outrider_err otr_exceptions_copy(const otr_exceptions *from, otr_exception_pick *pick, const void *arg, otr_exceptions *copy);

/* Put a copy into its place. There is none of this root and domain yet. */
outrider_err otr_exceptions_insert(otr_exceptions *exceptions, const otr_exception *exception);

const otr_exception *otr_exceptions_find(const otr_exceptions *exceptions, const char *root, const char *domain);

/* The end that comes first; 0: there are none. */
otr_time otr_exceptions_first_end(const otr_exceptions *exceptions);

/*
 * The root that `prefix` of its fingerprint names: OUTRIDER_OK and the whole fingerprint; OUTRIDER_E_SYNTAX if there is
 * no exception with such a root, or if there are two such roots.
 */
outrider_err otr_exceptions_resolve(const otr_exceptions *exceptions, const char *prefix, char root[OTR_SHA256_TEXT],
                                    outrider_diag *diag);

#endif
