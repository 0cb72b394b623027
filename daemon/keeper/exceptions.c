/*
 * exceptions.c - the list of exceptions.
 */
#include "daemon/keeper/exceptions.h"

#include "base/diag.h"

#include <stdlib.h>
#include <string.h>

void otr_exceptions_clear(otr_exceptions *exceptions)
{
    for (size_t i = 0; i < exceptions->count; i++)
        otr_exception_clear(&exceptions->list[i]);
    free(exceptions->list);
    *exceptions = (otr_exceptions){ 0 };
}

static int compare(const otr_exception *e, const char *root, const char *domain)
{
    int by_root = strcmp(e->root, root);

    return by_root != 0 ? by_root : strcmp(e->domain, domain);
}

outrider_err otr_exceptions_insert(otr_exceptions *exceptions, const otr_exception *exception)
{
    otr_exception *list = reallocarray(exceptions->list, exceptions->count + 1, sizeof(*list));
    size_t at = 0;

    if (list == NULL)
        return OUTRIDER_E_NOMEM;
    exceptions->list = list;
    while (at < exceptions->count && compare(&list[at], exception->root, exception->domain) < 0)
        at++;
    memmove(&list[at + 1], &list[at], (exceptions->count - at) * sizeof(*list));
    list[at] = *exception;
    X509_up_ref(exception->cert);
    exceptions->count++;
    return OUTRIDER_OK;
}

outrider_err otr_exceptions_copy(const otr_exceptions *from, otr_exception_pick *pick, const void *arg, otr_exceptions *copy)
{
    otr_exceptions made = { .list = calloc(from->count + 1, sizeof(*made.list)) };

    if (made.list == NULL)
        return OUTRIDER_E_NOMEM;
    for (size_t i = 0; i < from->count; i++) {
        if (pick != NULL && !pick(arg, &from->list[i]))
            continue;
        made.list[made.count] = from->list[i];
        X509_up_ref(made.list[made.count++].cert);
    }
    *copy = made;
    return OUTRIDER_OK;
}

const otr_exception *otr_exceptions_find(const otr_exceptions *exceptions, const char *root, const char *domain)
{
    for (size_t i = 0; i < exceptions->count; i++)
        if (compare(&exceptions->list[i], root, domain) == 0)
            return &exceptions->list[i];
    return NULL;
}

otr_time otr_exceptions_first_end(const otr_exceptions *exceptions)
{
    otr_time end = 0;

    for (size_t i = 0; i < exceptions->count; i++)
        if (end == 0 || exceptions->list[i].until < end)
            end = exceptions->list[i].until;
    return end;
}

outrider_err otr_exceptions_resolve(const otr_exceptions *exceptions, const char *prefix, char root[OTR_SHA256_TEXT],
                                    outrider_diag *diag)
{
    const char *found = NULL;

    for (size_t i = 0; i < exceptions->count; i++) {
        const char *candidate = exceptions->list[i].root;

        if (strncmp(candidate, prefix, strlen(prefix)) != 0)
            continue;
        if (found != NULL && strcmp(found, candidate) != 0)
            return otr_fail(diag, OUTRIDER_E_SYNTAX, "two roots of exceptions begin with %s: give more of the fingerprint",
                            prefix);
        found = candidate;
    }
    if (found == NULL)
        return otr_fail(diag, OUTRIDER_E_SYNTAX, "there is no exception for a root %s%s", prefix,
                        strlen(prefix) + 1 < OTR_SHA256_TEXT ? "..." : "");
    memcpy(root, found, OTR_SHA256_TEXT);
    return OUTRIDER_OK;
}
