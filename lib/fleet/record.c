/*
 * record.c - records as values: their names, their ends, what they are made of; and writing them. Reading is in record_read.c.
 */
#include "fleet/record.h"

#include <inttypes.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>

const char *const otr_fleet_kind_names[] = { "policy", "override", "exception", "accepted", "sighting", NULL };

void otr_fleet_record_clear(otr_fleet_record *record)
{
    otr_sts_policy_free(record->policy);
    X509_free(record->cert);
    sk_X509_pop_free(record->chain, X509_free);
    record->policy = NULL;
    record->cert = NULL;
    record->chain = NULL;
}

const char *otr_fleet_record_name(const otr_fleet_record *r, char name[OTR_FLEET_RECORD_NAME_SIZE])
{
    const char *kind = otr_fleet_kind_names[r->kind];

    switch (r->kind) {
    case OTR_FLEET_EXCEPTION:
        snprintf(name, OTR_FLEET_RECORD_NAME_SIZE, "%s/%s/%s", kind, r->root, r->domain);
        break;
    case OTR_FLEET_SIGHTING:
        snprintf(name, OTR_FLEET_RECORD_NAME_SIZE, "%s/%s/%s/%s", kind, r->domain, otr_role_names[r->role], r->host);
        break;
    case OTR_FLEET_POLICY:
    case OTR_FLEET_OVERRIDE:
    case OTR_FLEET_ACCEPTED:
    case OTR_FLEET_KINDS:
        snprintf(name, OTR_FLEET_RECORD_NAME_SIZE, "%s/%s", kind, r->domain);
        break;
    }
    return name;
}

otr_time otr_fleet_record_end(const otr_fleet_record *r)
{
    switch (r->kind) {
    case OTR_FLEET_POLICY:
        return r->at + r->policy->max_age;
    case OTR_FLEET_OVERRIDE:
    case OTR_FLEET_EXCEPTION:
        return r->until;
    case OTR_FLEET_ACCEPTED:
    case OTR_FLEET_SIGHTING:
    case OTR_FLEET_KINDS:
        break;
    }
    return r->at + OTR_FLEET_KEEP;
}

otr_time otr_fleet_stamp(otr_time now, otr_time displaced)
{
    return now > displaced ? now : displaced + 1;
}

bool otr_fleet_is_member_name(const char *text)
{
    size_t len = 0;

    for (; text[len] != '\0'; len++)
        if ((!otr_is_alnum(text[len]) && strchr("-._", text[len]) == NULL) || len + 1 == OTR_FLEET_MEMBER_SIZE)
            return false;
    return len > 0;
}

/* Writing ----------------------------------------------------------------------------------------------------------- */

static void put_cert(otr_buf *out, X509 *cert)
{
    unsigned char *der = NULL;
    int len = i2d_X509(cert, &der);

    if (len <= 0)
        out->err = OUTRIDER_E_NOMEM;
    else
        otr_buf_put(out, der, (size_t)len);
    OPENSSL_free(der);
}

/* DER says itself where it ends. */
static void put_chain(otr_buf *out, const STACK_OF(X509) *chain)
{
    otr_buf octets = OTR_BUF_INIT;

    for (int i = 0; i < sk_X509_num(chain); i++)
        put_cert(&octets, sk_X509_value(chain, i));
    otr_buf_printf(out, "octets %zu\n", octets.len);
    if (octets.err != OUTRIDER_OK)
        out->err = octets.err;
    else if (octets.len > 0)
        otr_buf_put(out, octets.data, octets.len);
    otr_buf_clear(&octets);
}

static void put_one_cert(otr_buf *out, X509 *cert)
{
    otr_buf octets = OTR_BUF_INIT;

    put_cert(&octets, cert);
    otr_buf_printf(out, "octets %zu\n", octets.len);
    if (octets.err != OUTRIDER_OK)
        out->err = octets.err;
    else
        otr_buf_put(out, octets.data, octets.len);
    otr_buf_clear(&octets);
}

static void put_word_of_operator(otr_buf *out, const otr_fleet_record *r)
{
    otr_buf_printf(out, "%s %" PRId64 "\nuid %" PRId64 "\n", r->is_removal ? "removed" : "until", r->until, r->uid);
    if (r->is_removal)
        return;
    if (r->kind == OTR_FLEET_OVERRIDE)
        otr_buf_printf(out, "level %s\n", otr_level_names[r->level]);
    otr_buf_printf(out, "reason %s\n", r->reason);
    if (r->kind == OTR_FLEET_EXCEPTION)
        put_one_cert(out, r->cert);
}

static void put_content(otr_buf *out, const otr_fleet_record *r, const char *by)
{
    otr_buf_printf(out, "outrider 1 %s\nat %" PRId64 "\nby %s\ndomain %s\n", otr_fleet_kind_names[r->kind], r->at, by, r->domain);
    switch (r->kind) {
    case OTR_FLEET_POLICY:
        otr_buf_printf(out, "id %s\noctets %zu\n", r->id, r->policy->body_len);
        otr_buf_put(out, r->policy->body, r->policy->body_len);
        break;
    case OTR_FLEET_EXCEPTION:
        otr_buf_printf(out, "root %s\n", r->root);
        put_word_of_operator(out, r);
        break;
    case OTR_FLEET_OVERRIDE:
        put_word_of_operator(out, r);
        break;
    case OTR_FLEET_SIGHTING:
        otr_buf_printf(out, "role %s\nhost %s\nsource %s\n", otr_role_names[r->role], r->host, otr_sighting_source_names[r->source]);
        put_chain(out, r->chain);
        break;
    case OTR_FLEET_ACCEPTED:
    case OTR_FLEET_KINDS:
        break;
    }
}

/* Who has it does not matter: the same policy is the same record, whichever member brings it. */
outrider_err otr_fleet_record_rank(const otr_fleet_record *r, char rank[OTR_FLEET_RANK + 1])
{
    otr_buf content = OTR_BUF_INIT;
    uint8_t digest[SHA256_DIGEST_LENGTH];
    outrider_err err;

    put_content(&content, r, "");
    err = content.err;
    if (err == OUTRIDER_OK) {
        SHA256((const uint8_t *)content.data, content.len, digest);
        snprintf(rank, OTR_FLEET_RANK + 1, "%016" PRIx64 "%d", (uint64_t)r->at, r->is_removal);
        for (int i = 0; i < 8; i++)
            snprintf(rank + 17 + 2 * i, 3, "%02x", digest[i]);
    }
    otr_buf_clear(&content);
    return err;
}

outrider_err otr_fleet_record_write(const otr_fleet_record *r, otr_buf *out)
{
    otr_buf content = { .limit = OTR_FLEET_RECORD_MAX - OTR_FLEET_RANK - 1 };
    char rank[OTR_FLEET_RANK + 1];
    outrider_err err = otr_fleet_record_rank(r, rank);

    put_content(&content, r, r->by);
    if (err == OUTRIDER_OK)
        err = content.err;
    if (err == OUTRIDER_OK) {
        otr_buf_printf(out, "%s\n", rank);
        otr_buf_put(out, content.data, content.len);
        err = out->err;
    }
    otr_buf_clear(&content);
    return err;
}

/* Of and to what the rest of the program has ------------------------------------------------------------------------ */

static void begin(otr_fleet_record *r, otr_fleet_kind kind, const char *domain, otr_time at, const char *by)
{
    *r = (otr_fleet_record){ .kind = kind, .at = at };
    snprintf(r->by, sizeof(r->by), "%s", by);
    snprintf(r->domain, sizeof(r->domain), "%s", domain);
}

bool otr_fleet_record_of_entry(otr_fleet_record *r, const otr_sts_entry *entry, const char *by)
{
    if (entry->policy == NULL || entry->policy->max_age == 0 || entry->fetched_at <= 0)
        return false;
    begin(r, OTR_FLEET_POLICY, entry->domain, entry->fetched_at, by);
    memcpy(r->id, entry->id, sizeof(r->id));
    return otr_sts_policy_parse(entry->policy->body, entry->policy->body_len, &r->policy, NULL) == OUTRIDER_OK;
}

void otr_fleet_record_of_override(otr_fleet_record *r, const otr_override *o, const char *by)
{
    begin(r, OTR_FLEET_OVERRIDE, o->domain, o->made_at, by);
    r->until = o->until;
    r->uid = o->uid;
    r->level = o->level;
    memcpy(r->reason, o->reason, sizeof(r->reason));
}

void otr_fleet_record_of_exception(otr_fleet_record *r, const otr_exception *e, const char *by)
{
    begin(r, OTR_FLEET_EXCEPTION, e->domain, e->made_at, by);
    memcpy(r->root, e->root, sizeof(r->root));
    r->until = e->until;
    r->uid = e->uid;
    memcpy(r->reason, e->reason, sizeof(r->reason));
    r->cert = e->cert;
    X509_up_ref(e->cert);
}

otr_sts_entry *otr_fleet_record_to_entry(const otr_fleet_record *r, const otr_sts_entry *known)
{
    otr_sts_entry *entry = known != NULL ? otr_sts_entry_copy(known) : otr_sts_entry_new(r->domain);

    if (entry != NULL && otr_sts_entry_take_policy(entry, r->policy, r->id, r->at) == OUTRIDER_OK)
        return entry;
    otr_sts_entry_unref(entry);
    return NULL;
}

void otr_fleet_record_to_override(const otr_fleet_record *r, otr_override *o)
{
    *o = (otr_override){ .level = r->level, .until = r->until, .made_at = r->at, .uid = r->uid };
    memcpy(o->domain, r->domain, sizeof(o->domain)); /* one octet less, of which a domain without "." has no need */
    o->domain[sizeof(o->domain) - 1] = '\0';
    memcpy(o->reason, r->reason, sizeof(o->reason));
}

void otr_fleet_record_to_exception(const otr_fleet_record *r, otr_exception *e)
{
    *e = (otr_exception){ .cert = r->cert, .until = r->until, .made_at = r->at, .uid = r->uid };
    memcpy(e->root, r->root, sizeof(e->root));
    memcpy(e->domain, r->domain, sizeof(e->domain));
    memcpy(e->reason, r->reason, sizeof(e->reason));
    X509_up_ref(r->cert);
}

/* One that was accepted here: what was refused says nothing to others. */
bool otr_fleet_record_of_sighting(otr_fleet_record *r, const otr_sighting *s, const char *by)
{
    if (s->root == NULL || sk_X509_num(s->chain) == 0)
        return false;
    begin(r, OTR_FLEET_SIGHTING, s->domain, s->seen_at, by);
    r->role = s->role;
    r->source = s->source;
    memcpy(r->host, s->host, sizeof(r->host));
    r->chain = X509_chain_up_ref(s->chain);
    return r->chain != NULL;
}

bool otr_fleet_record_of_name(otr_fleet_record *r, const char *name, otr_time at, const char *by)
{
    static const otr_fleet_kind kinds[] = { OTR_FLEET_OVERRIDE, OTR_FLEET_EXCEPTION, OTR_FLEET_ACCEPTED };

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        size_t len = strlen(otr_fleet_kind_names[kinds[i]]);
        const char *rest = name + len + 1;

        if (strncmp(name, otr_fleet_kind_names[kinds[i]], len) != 0 || name[len] != '/')
            continue;
        begin(r, kinds[i], "", at, by);
        if (kinds[i] == OTR_FLEET_EXCEPTION) {
            if (strlen(rest) <= OTR_SHA256_TEXT || rest[OTR_SHA256_TEXT - 1] != '/')
                return false;
            memcpy(r->root, rest, OTR_SHA256_TEXT - 1);
            rest += OTR_SHA256_TEXT;
        }
        if (strlen(rest) >= sizeof(r->domain))
            return false;
        strcpy(r->domain, rest);
        return true;
    }
    return false;
}
