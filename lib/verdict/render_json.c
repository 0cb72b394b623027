/*
 * render_json.c - a verdict as the JSON that scripts and tests rely on (docs/protocols.md).
 */
#include "verdict/render.h"

#include <jansson.h>
#include <stdlib.h>

#define TEXT_MAX 2000 /* octets of one text from outside that are passed on */

/* Reasons quote peers and libraries; JSON wants UTF-8, scripts want one line. */
static json_t *clean_text(const char *text)
{
    otr_buf clean = OTR_BUF_INIT;
    json_t *value;

    otr_buf_put_printable(&clean, text, TEXT_MAX);
    value = json_string(otr_buf_text(&clean));
    otr_buf_clear(&clean);
    return value;
}

static json_t *text_or_null(const char *text)
{
    return text != NULL && *text != '\0' ? clean_text(text) : json_null();
}

static json_t *time_or_null(otr_time t)
{
    char text[OTR_TIME_TEXT];

    return t > 0 ? json_string(otr_time_text(t, text)) : json_null();
}

static json_t *tlsa_records(const otr_host_finding *f)
{
    json_t *list = json_array();

    for (size_t i = 0; i < f->tlsa_count; i++) {
        otr_buf text = OTR_BUF_INIT;

        otr_tlsa_print(&f->tlsa[i], &text);
        json_array_append_new(list, json_string(otr_buf_text(&text)));
        otr_buf_clear(&text);
    }
    return list;
}

static const char *auth_word(const otr_host_verdict *h)
{
    if (!otr_host_is_usable(h))
        return "none";
    switch (h->requirement) {
    case OTR_REQUIRE_DANE:
    case OTR_REQUIRE_DANE_AND_STS:
        return "dane";
    case OTR_REQUIRE_STS:
        return "sts";
    case OTR_REQUIRE_TLS:
    case OTR_OPPORTUNISTIC:
    case OTR_SKIP:
        break;
    }
    return "none";
}

/* null: there is no policy whose patterns could match. */
static json_t *sts_match(const otr_host_verdict *h)
{
    return h->sts == OTR_STS_NO_PATTERNS ? json_null() : json_boolean(h->sts == OTR_STS_ADMITTED);
}

static json_t *host_object(const otr_host_verdict *h)
{
    const otr_host_finding *f = h->finding;

    return json_pack("{s:s, s:i, s:s, s:s, s:{s:s, s:o, s:o, s:s}, s:o, s:s, s:s, s:b, s:o}",
                     "host", f->host,
                     "preference", (int)f->preference,
                     "addresses", otr_host_addresses_names[f->addresses],
                     "canonical", f->canonical,
                     "dane",
                        "state", otr_dane_state_names[f->dane],
                        "base_domain", text_or_null(f->base_domain),
                        "tlsa", tlsa_records(f),
                        "row", f->tlsa_row,
                     "sts_match", sts_match(h),
                     "auth", auth_word(h),
                     "requirement", otr_requirement_names[h->requirement],
                     "usable", (int)otr_host_is_usable(h),
                     "reason", clean_text(h->reason));
}

static json_t *host_list(const otr_verdict *v)
{
    json_t *list = json_array();

    for (size_t i = 0; i < v->mx->host_count; i++)
        json_array_append_new(list, host_object(&v->hosts[i]));
    return list;
}

static json_t *sts_object(const otr_verdict *v)
{
    const otr_sts_policy *policy = v->sts.policy;
    json_t *patterns = json_array();

    for (size_t i = 0; policy != NULL && i < policy->mx_count; i++)
        json_array_append_new(patterns, json_string(policy->mx[i]));
    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:s}",
                     "state", otr_sts_state_names[v->sts.state],
                     "mode", policy != NULL ? json_string(otr_sts_mode_names[policy->mode]) : json_null(),
                     "id", text_or_null(v->sts.id),
                     "max_age", policy != NULL ? json_integer(policy->max_age) : json_null(),
                     "mx", patterns,
                     "source", policy != NULL ? json_string(v->sts.is_from_cache ? "cache" : "fetched") : json_null(),
                     "fetched_at", policy != NULL ? time_or_null(v->sts.fetched_at) : json_null(),
                     "expires_at", policy != NULL ? time_or_null(v->sts.expires_at) : json_null(),
                     "failure", text_or_null(v->sts.failure != OTR_STS_NO_FAILURE ? otr_sts_failure_names[v->sts.failure] : ""),
                     "error", text_or_null(v->sts.error),
                     "row", v->sts.row);
}

static json_t *anchors_object(const otr_verdict *v)
{
    json_t *rules = json_array();

    for (size_t i = 0; v->anchors->rules[i] != NULL; i++)
        json_array_append_new(rules, json_string(v->anchors->rules[i]));
    return json_pack("{s:o, s:s, s:I, s:s}", "rules", rules, "file", v->anchors->file, "count",
                     (json_int_t)v->anchors->count, "name", v->anchors->name);
}

static json_t *override_or_null(const otr_verdict *v)
{
    const otr_override *o = v->override;

    if (o == NULL)
        return json_null();
    return json_pack("{s:s, s:o, s:s, s:b}",
                     "level", otr_level_names[o->level],
                     "until", time_or_null(o->until),
                     "reason", o->reason,
                     "in_force", (int)v->is_overridden);
}

static json_t *root_object(const char *sha256, const char *name)
{
    return json_pack("{s:o, s:s}", "subject", clean_text(name), "sha256", sha256);
}

static json_t *hold_or_null(const otr_verdict *v)
{
    const otr_hold *h = v->hold;

    if (h == NULL)
        return json_null();
    return json_pack("{s:s, s:s, s:o, s:o, s:o, s:b}",
                     "role", otr_role_names[h->role],
                     "host", h->host,
                     "from", root_object(h->from, h->from_name),
                     "to", root_object(h->to, h->to_name),
                     "since", time_or_null(h->since),
                     "in_force", (int)v->is_held);
}

static json_t *evidence_list(const otr_verdict *v)
{
    otr_buf lines = OTR_BUF_INIT;
    json_t *list = json_array();
    char *save = NULL;

    otr_render_evidence(v, &lines);
    for (char *line = lines.data != NULL ? strtok_r(lines.data, "\n", &save) : NULL; line != NULL;
         line = strtok_r(NULL, "\n", &save))
        json_array_append_new(list, json_string(line));
    otr_buf_clear(&lines);
    return list;
}

/* A reply without its final newline. */
static json_t *reply_text(otr_buf *reply)
{
    size_t len = reply->len;
    const char *text = otr_buf_text(reply);
    json_t *value;

    while (len > 0 && text[len - 1] == '\n')
        len--;
    value = json_stringn(text, len);
    otr_buf_clear(reply);
    return value;
}

void otr_render_json(const otr_verdict *v, const otr_anchor_views *views, otr_buf *out)
{
    otr_buf postfix = OTR_BUF_INIT, exim = OTR_BUF_INIT;
    json_t *object;
    char *text;

    otr_render_postfix(v, views, &postfix);
    otr_render_exim(v, views, &exim);
    object = json_pack("{s:s, s:i, s:s, s:s, s:o, s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
                       "domain", v->destination.domain,
                       "port", (int)v->destination.port,
                       "destination", v->destination.key,
                       "level", otr_level_names[v->level],
                       "undeliverable", text_or_null(v->undeliverable),
                       "valid_until", time_or_null(v->valid_until),
                       "mx", host_list(v),
                       "mx_security", otr_mx_security_names[v->mx->security],
                       "sts", sts_object(v),
                       "anchors", anchors_object(v),
                       "postfix", reply_text(&postfix),
                       "exim", reply_text(&exim),
                       "override", override_or_null(v),
                       "hold", hold_or_null(v),
                       "minimum", text_or_null(v->minimum != OTR_MINIMUM_NONE ? otr_minimum_names[v->minimum] : ""),
                       "evidence", evidence_list(v),
                       "reason", clean_text(v->reason));
    text = object != NULL ? json_dumps(object, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
    json_decref(object);
    if (text == NULL)
        out->err = OUTRIDER_E_NOMEM;
    else
        otr_buf_puts(out, text);
    free(text);
}
