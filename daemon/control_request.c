/*
 * control_request.c - reading a request.
 */
#include "daemon/control_request.h"

#include "base/diag.h"
#include "verdict/destination.h"

#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

const char *const otr_control_verbs[] = { "override.add", "override.list", "override.remove", "trust.record",
                                          "trust.add",    "trust.list",    "trust.remove",    "trust.accept",
                                          "publish.status", "publish.set", "publish.retire", "publish.reload", "fleet.status" };

/* One key of a verb: what it holds goes into the request. A number and a boolean come as their text. */
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

/* Once more for each of a list. What is named twice is named once. */
static outrider_err take_name(const char *text, size_t len, otr_control_request *r, outrider_diag *diag)
{
    otr_control_name *names, name;
    outrider_diag why;
    outrider_err err = otr_destination_scope(text, len, name.text, &why);

    if (err != OUTRIDER_OK)
        return otr_fail(diag, err, "one of the domains is no domain, nor \".\" and a domain: %s", why.message);
    for (size_t i = 0; i < r->name_count; i++)
        if (strcmp(r->names[i].text, name.text) == 0)
            return OUTRIDER_OK;
    if (r->name_count == OTR_CONTROL_NAMES_MAX)
        return otr_fail(diag, OUTRIDER_E_SYNTAX, "more than %d domains at once", OTR_CONTROL_NAMES_MAX);
    names = reallocarray(r->names, r->name_count + 1, sizeof(*names));
    if (names == NULL)
        return otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    r->names = names;
    names[r->name_count++] = name;
    return OUTRIDER_OK;
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

/* What is in it is found out by whoever does what is asked. */
static outrider_err take_pem(const char *text, size_t len, otr_control_request *r, outrider_diag *diag)
{
    (void)len;
    r->pem = strdup(text);
    return r->pem != NULL ? OUTRIDER_OK : otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
}

static outrider_err take_one_pem(const char *text, size_t len, otr_control_request *r, outrider_diag *diag)
{
    if (len > OTR_CONTROL_PEM_MAX)
        return otr_fail(diag, OUTRIDER_E_SYNTAX, "the certificate has more than %d octets", OTR_CONTROL_PEM_MAX);
    return take_pem(text, len, r, diag);
}

/* Fingerprints are written with and without colons, in either case. */
static outrider_err take_root(const char *text, size_t len, otr_control_request *r, outrider_diag *diag)
{
    size_t digits = 0;

    for (size_t i = 0; i < len; i++) {
        if (text[i] == ':')
            continue;
        if (!isxdigit((unsigned char)text[i]) || digits + 1 == sizeof(r->root))
            return otr_fail(diag, OUTRIDER_E_SYNTAX, "the root is no SHA-256 fingerprint");
        r->root[digits++] = (char)tolower((unsigned char)text[i]);
    }
    return digits >= OTR_CONTROL_ROOT_MIN
               ? OUTRIDER_OK
               : otr_fail(diag, OUTRIDER_E_SYNTAX, "a root is named by its SHA-256 fingerprint, or by the first %d digits of it "
                          "or more", OTR_CONTROL_ROOT_MIN);
}

static outrider_err take_mode(const char *text, size_t len, otr_control_request *r, outrider_diag *diag)
{
    (void)len;
    for (int i = 0; otr_sts_mode_names[i] != NULL; i++) {
        if (strcmp(text, otr_sts_mode_names[i]) == 0) {
            r->mode = (otr_sts_mode)i;
            return OUTRIDER_OK;
        }
    }
    return otr_fail(diag, OUTRIDER_E_SYNTAX, "the mode is none of testing, enforce");
}

static outrider_err take_forced(const char *text, size_t len, otr_control_request *r, outrider_diag *diag)
{
    (void)len;
    (void)diag;
    r->is_forced = strcmp(text, "true") == 0;
    return OUTRIDER_OK;
}

static outrider_err take_id(const char *text, size_t len, otr_control_request *r, outrider_diag *diag)
{
    bool is_good = len >= 1 && len <= OTR_STS_ID_MAX;

    for (size_t i = 0; is_good && i < len; i++)
        is_good = otr_is_alnum(text[i]);
    if (!is_good)
        return otr_fail(diag, OUTRIDER_E_SYNTAX, "the id is not 1 to %d letters and digits", OTR_STS_ID_MAX);
    memcpy(r->id, text, len + 1);
    return OUTRIDER_OK;
}

static outrider_err take_checks(const char *text, size_t len, otr_control_request *r, outrider_diag *diag)
{
    if (otr_override_reason(text, len, NULL) != OUTRIDER_OK)
        return otr_fail(diag, OUTRIDER_E_SYNTAX, "checks is no line of printable text of at most %d octets", OTR_OVERRIDE_REASON_MAX);
    memcpy(r->checks, text, len + 1);
    return OUTRIDER_OK;
}

static outrider_err take_days(const char *text, size_t len, otr_control_request *r, outrider_diag *diag)
{
    long days = strtol(text, NULL, 10);

    (void)len;
    if (days < 1 || days > OTR_CONTROL_DAYS_MAX)
        return otr_fail(diag, OUTRIDER_E_SYNTAX, "days is not between 1 and %d", OTR_CONTROL_DAYS_MAX);
    r->days = (uint32_t)days;
    return OUTRIDER_OK;
}

enum kind { STRING, LIST /* of strings, one at least */, NUMBER, BOOLEAN };

static const struct key {
    otr_control_verb verb;
    const char *name;
    bool is_needed;
    take_value *take;
    enum kind kind;
} keys[] = {
    { OTR_CONTROL_OVERRIDE_ADD, "domain", true, take_domain, STRING },
    { OTR_CONTROL_OVERRIDE_ADD, "until", true, take_until, STRING },
    { OTR_CONTROL_OVERRIDE_ADD, "reason", true, take_reason, STRING },
    { OTR_CONTROL_OVERRIDE_ADD, "level", false, take_level, STRING },
    { OTR_CONTROL_OVERRIDE_REMOVE, "domain", true, take_domain, STRING },
    { OTR_CONTROL_TRUST_RECORD, "domain", true, take_domain, STRING },
    { OTR_CONTROL_TRUST_RECORD, "role", true, take_role, STRING },
    { OTR_CONTROL_TRUST_RECORD, "host", true, take_host, STRING },
    { OTR_CONTROL_TRUST_RECORD, "chain", true, take_pem, STRING },
    { OTR_CONTROL_TRUST_RECORD, "source", false, take_source, STRING },
    { OTR_CONTROL_TRUST_ADD, "domains", true, take_name, LIST },
    { OTR_CONTROL_TRUST_ADD, "until", true, take_until, STRING },
    { OTR_CONTROL_TRUST_ADD, "reason", true, take_reason, STRING },
    { OTR_CONTROL_TRUST_ADD, "pem", true, take_one_pem, STRING },
    { OTR_CONTROL_TRUST_REMOVE, "root", true, take_root, STRING },
    { OTR_CONTROL_TRUST_REMOVE, "domains", false, take_name, LIST },
    { OTR_CONTROL_TRUST_ACCEPT, "domain", true, take_domain, STRING },
    { OTR_CONTROL_PUBLISH_STATUS, "domain", false, take_domain, STRING },
    { OTR_CONTROL_PUBLISH_STATUS, "days", false, take_days, NUMBER },
    { OTR_CONTROL_PUBLISH_SET, "domain", true, take_domain, STRING },
    { OTR_CONTROL_PUBLISH_SET, "mode", true, take_mode, STRING },
    { OTR_CONTROL_PUBLISH_SET, "forced", false, take_forced, BOOLEAN },
    { OTR_CONTROL_PUBLISH_SET, "id", false, take_id, STRING },
    { OTR_CONTROL_PUBLISH_SET, "reason", false, take_reason, STRING },
    { OTR_CONTROL_PUBLISH_SET, "checks", false, take_checks, STRING },
    { OTR_CONTROL_PUBLISH_RETIRE, "domain", true, take_domain, STRING },
    { OTR_CONTROL_PUBLISH_RETIRE, "reason", false, take_reason, STRING },
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
    return otr_fail(diag, OUTRIDER_E_SYNTAX, "\"do\" is none of override.add, override.list, override.remove, trust.add, "
                    "trust.list, trust.remove, trust.accept, trust.record, publish.status, publish.set, publish.retire, publish.reload, fleet.status");
}

static outrider_err take_scalar(const struct key *key, const json_t *value, otr_control_request *r, outrider_diag *diag)
{
    const char *word = json_is_true(value) ? "true" : "false";
    char digits[24];

    if (key->kind == NUMBER) {
        if (!json_is_integer(value))
            return otr_fail(diag, OUTRIDER_E_SYNTAX, "%s is no whole number", key->name);
        snprintf(digits, sizeof(digits), "%lld", (long long)json_integer_value(value));
        return key->take(digits, strlen(digits), r, diag);
    }
    return json_is_boolean(value) ? key->take(word, strlen(word), r, diag)
                                  : otr_fail(diag, OUTRIDER_E_SYNTAX, "%s is neither true nor false", key->name);
}

/* A string, or each string of a list. */
static outrider_err take_key(const struct key *key, const json_t *value, otr_control_request *r, outrider_diag *diag)
{
    bool is_list = key->kind == LIST;
    size_t count = is_list ? json_array_size(value) : 1;
    outrider_err err = OUTRIDER_OK;

    if (key->kind == NUMBER || key->kind == BOOLEAN)
        return take_scalar(key, value, r, diag);
    if (is_list && count == 0)
        return otr_fail(diag, OUTRIDER_E_SYNTAX, "%s is no list of strings", key->name);
    for (size_t i = 0; err == OUTRIDER_OK && i < count; i++) {
        const json_t *text = is_list ? json_array_get(value, i) : value;

        err = json_is_string(text)
                  ? key->take(json_string_value(text), json_string_length(text), r, diag)
                  : otr_fail(diag, OUTRIDER_E_SYNTAX, "%s is no %s", key->name, is_list ? "list of strings" : "string");
    }
    return err;
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
        err = take_key(key, value, r, diag);
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
    otr_control_request made = { .level = OTR_LEVEL_MAY, .source = OTR_SEEN_IN_PROBE, .days = 7 };
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
    free(request->names);
    free(request->pem);
    request->names = NULL;
    request->pem = NULL;
    request->name_count = 0;
}

bool otr_control_is_trust(otr_control_verb verb)
{
    return verb == OTR_CONTROL_TRUST_ADD || verb == OTR_CONTROL_TRUST_LIST || verb == OTR_CONTROL_TRUST_REMOVE;
}

bool otr_control_is_publish(otr_control_verb verb)
{
    return verb == OTR_CONTROL_PUBLISH_STATUS || verb == OTR_CONTROL_PUBLISH_SET || verb == OTR_CONTROL_PUBLISH_RETIRE ||
           verb == OTR_CONTROL_PUBLISH_RELOAD;
}

bool otr_control_is_fleet(otr_control_verb verb)
{
    return verb == OTR_CONTROL_FLEET_STATUS;
}
