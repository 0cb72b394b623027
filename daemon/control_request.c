/*
 * control_request.c - reading a request.
 */
#include "daemon/control_request.h"

#include "base/diag.h"
#include "verdict/destination.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

const char *const otr_control_verbs[] = { "override.add", "override.list", "override.remove", "trust.record" };

/* One key of a verb: what it holds goes into the request. */
typedef outrider_err take_value(const char *text, size_t len, otr_control_request *request, outrider_diag *diag);

static outrider_err take_domain(const char *text, size_t len, otr_control_request *r, outrider_diag *diag)
{
    outrider_diag why;
    outrider_err err = otr_destination_domain(text, len, r->domain, &why);

    if (err == OUTRIDER_OK && strchr(r->domain, '.') == NULL)
        err = otr_fail(&why, OUTRIDER_E_SYNTAX, "a name of one label is no destination");
    return err == OUTRIDER_OK ? err : otr_fail(diag, err, "the domain is none: %s", why.message);
}

static outrider_err take_until(const char *text, size_t len, otr_control_request *r, outrider_diag *diag)
{
    if (len > OTR_CONTROL_DATE_MAX)
        return otr_fail(diag, OUTRIDER_E_SYNTAX, "until is no date");
    memcpy(r->until, text, len + 1);
    return OUTRIDER_OK;
}

static outrider_err take_reason(const char *text, size_t len, otr_control_request *r, outrider_diag *diag)
{
    outrider_err err = otr_override_reason(text, len, diag);

    if (err == OUTRIDER_OK)
        memcpy(r->reason, text, len + 1);
    return err;
}

static outrider_err take_level(const char *text, size_t len, otr_control_request *r, outrider_diag *diag)
{
    (void)len;
    return otr_override_level(text, &r->level)
               ? OUTRIDER_OK
               : otr_fail(diag, OUTRIDER_E_SYNTAX, "the level is none of may, encrypt, defer");
}

/* The daemon sees the chains of policy hosts itself. */
static outrider_err take_role(const char *text, size_t len, otr_control_request *r, outrider_diag *diag)
{
    (void)len;
    (void)r;
    return strcmp(text, otr_role_names[OTR_ROLE_MX]) == 0 ? OUTRIDER_OK
                                                           : otr_fail(diag, OUTRIDER_E_SYNTAX, "the role is not mx");
}

static outrider_err take_host(const char *text, size_t len, otr_control_request *r, outrider_diag *diag)
{
    outrider_diag why;
    outrider_err err = otr_destination_domain(text, len, r->host, &why);

    return err == OUTRIDER_OK ? err : otr_fail(diag, err, "the host is none: %s", why.message);
}

static outrider_err take_source(const char *text, size_t len, otr_control_request *r, outrider_diag *diag)
{
    (void)len;
    r->source = strcmp(text, otr_sighting_source_names[OTR_SEEN_BY_MTA]) == 0 ? OTR_SEEN_BY_MTA : OTR_SEEN_IN_PROBE;
    return strcmp(text, otr_sighting_source_names[r->source]) == 0
               ? OUTRIDER_OK
               : otr_fail(diag, OUTRIDER_E_SYNTAX, "the source is none of probe, mta");
}

/* What is in it a resolver thread finds out. */
static outrider_err take_chain(const char *text, size_t len, otr_control_request *r, outrider_diag *diag)
{
    (void)len;
    r->pem = strdup(text);
    return r->pem != NULL ? OUTRIDER_OK : otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
}

static const struct key {
    otr_control_verb verb;
    const char *name;
    bool is_needed;
    take_value *take;
} keys[] = {
    { OTR_CONTROL_OVERRIDE_ADD, "domain", true, take_domain },
    { OTR_CONTROL_OVERRIDE_ADD, "until", true, take_until },
    { OTR_CONTROL_OVERRIDE_ADD, "reason", true, take_reason },
    { OTR_CONTROL_OVERRIDE_ADD, "level", false, take_level },
    { OTR_CONTROL_OVERRIDE_REMOVE, "domain", true, take_domain },
    { OTR_CONTROL_TRUST_RECORD, "domain", true, take_domain },
    { OTR_CONTROL_TRUST_RECORD, "role", true, take_role },
    { OTR_CONTROL_TRUST_RECORD, "host", true, take_host },
    { OTR_CONTROL_TRUST_RECORD, "chain", true, take_chain },
    { OTR_CONTROL_TRUST_RECORD, "source", false, take_source },
};
#define KEY_COUNT (sizeof(keys) / sizeof(keys[0]))

static const struct key *find_key(otr_control_verb verb, const char *name)
{
    for (size_t i = 0; i < KEY_COUNT; i++)
        if (keys[i].verb == verb && strcmp(keys[i].name, name) == 0)
            return &keys[i];
    return NULL;
}

static outrider_err take_verb(const json_t *object, otr_control_verb *verb, outrider_diag *diag)
{
    const char *word = json_string_value(json_object_get(object, "do"));

    for (int i = 0; word != NULL && i < OTR_CONTROL_VERB_COUNT; i++) {
        if (strcmp(word, otr_control_verbs[i]) == 0) {
            *verb = (otr_control_verb)i;
            return OUTRIDER_OK;
        }
    }
    return otr_fail(diag, OUTRIDER_E_SYNTAX,
                    "\"do\" is none of override.add, override.list, override.remove, trust.record");
}

static outrider_err take_keys(json_t *object, otr_control_request *r, outrider_diag *diag)
{
    const char *name;
    json_t *value;

    json_object_foreach(object, name, value) {
        const struct key *key = find_key(r->verb, name);
        outrider_err err;

        if (strcmp(name, "do") == 0)
            continue;
        if (key == NULL)
            return otr_fail(diag, OUTRIDER_E_SYNTAX, "%s has a key that it does not know", otr_control_verbs[r->verb]);
        if (!json_is_string(value))
            return otr_fail(diag, OUTRIDER_E_SYNTAX, "%s is no string", key->name);
        err = key->take(json_string_value(value), json_string_length(value), r, diag);
        if (err != OUTRIDER_OK)
            return err;
    }
    for (size_t i = 0; i < KEY_COUNT; i++)
        if (keys[i].verb == r->verb && keys[i].is_needed && json_object_get(object, keys[i].name) == NULL)
            return otr_fail(diag, OUTRIDER_E_SYNTAX, "%s needs %s", otr_control_verbs[r->verb], keys[i].name);
    return OUTRIDER_OK;
}

outrider_err otr_control_parse(otr_slice line, otr_control_request *request, outrider_diag *diag)
{
    otr_control_request made = { .level = OTR_LEVEL_MAY, .source = OTR_SEEN_IN_PROBE };
    json_t *object;
    outrider_err err;

    if (line.len > OTR_CONTROL_MAX)
        return otr_fail(diag, OUTRIDER_E_LIMIT, "the request has more than %d octets", OTR_CONTROL_MAX);
    /* No NUL: jansson refuses one inside a string unless it is told otherwise, and knows none outside. */
    object = json_loadb(line.ptr, line.len, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(object)) {
        json_decref(object);
        return otr_fail(diag, OUTRIDER_E_SYNTAX, "the request is not one JSON object");
    }
    err = take_verb(object, &made.verb, diag);
    if (err == OUTRIDER_OK)
        err = take_keys(object, &made, diag);
    json_decref(object);
    if (err == OUTRIDER_OK)
        *request = made;
    else
        otr_control_request_clear(&made);
    return err;
}

void otr_control_request_clear(otr_control_request *request)
{
    free(request->pem);
    request->pem = NULL;
}
