/*
 * render_text.c - a verdict for people: the answer first, then (EXPLAIN) what it rests on.
 */
#include "verdict/render.h"

#include <inttypes.h>

#define TEXT_MAX 2000 /* octets of one text from outside that are shown */

static void put_line(otr_buf *out, const char *indent, const char *text)
{
    otr_buf_puts(out, indent);
    otr_buf_put_printable(out, text, TEXT_MAX);
    otr_buf_putc(out, '\n');
}

/* --- evidence: one line a lookup, in the order of asking ------------------------------------------------- */

static void put_record_evidence(const otr_sts_entry *e, otr_buf *out)
{
    otr_buf line = OTR_BUF_INIT;
    char time[OTR_TIME_TEXT];

    if (e->record == OTR_STS_NOT_ASKED) {
        otr_buf_printf(&line, "TXT _mta-sts.%s: not asked", e->domain);
    } else {
        otr_buf_printf(&line, "TXT _mta-sts.%s: %s", e->domain, e->record_status);
        if (e->record == OTR_STS_PRESENT)
            otr_buf_printf(&line, ", id %s", e->record_id);
        else
            otr_buf_printf(&line, ", %s", e->record_note);
        if (e->record != OTR_STS_LOOKUP_FAILED)
            otr_buf_printf(&line, ", TTL %" PRIu32, e->record_ttl);
        otr_buf_printf(&line, " (asked %s)", otr_time_text(e->checked_at, time));
    }
    put_line(out, "", otr_buf_text(&line));
    otr_buf_clear(&line);
}

/* Those that led to the last attempt to fetch; a family that was not waited for is left out. */
static void put_address_evidence(const otr_sts_entry *e, otr_buf *out)
{
    static const char *const families[] = { "A", "AAAA" };
    otr_time asked_at = e->fetched_at > e->tried_at ? e->fetched_at : e->tried_at;
    char time[OTR_TIME_TEXT];

    for (size_t i = 0; i < 2; i++) {
        otr_buf line = OTR_BUF_INIT;

        if (e->host_note[i][0] == '\0')
            continue;
        otr_buf_printf(&line, "%s mta-sts.%s: %s (asked %s)", families[i], e->domain, e->host_note[i],
                       otr_time_text(asked_at, time));
        put_line(out, "", otr_buf_text(&line));
        otr_buf_clear(&line);
    }
}

static void put_policy_evidence(const otr_verdict *v, otr_buf *out)
{
    const otr_sts_policy *policy = v->sts.policy;
    char from[OTR_TIME_TEXT], until[OTR_TIME_TEXT];

    if (policy != NULL)
        otr_buf_printf(out, "policy %s: mode %s, max_age %" PRIu32 " s, fetched %s, expires %s (%s)\n", v->sts.id,
                       otr_sts_mode_names[policy->mode], policy->max_age, otr_time_text(v->sts.fetched_at, from),
                       otr_time_text(v->sts.expires_at, until),
                       v->sts.is_from_cache ? "from the cache" : "just fetched");
    if (v->entry->failure != OTR_STS_NO_FAILURE) {
        otr_buf line = OTR_BUF_INIT;

        otr_buf_printf(&line, "fetch of https://mta-sts.%s/.well-known/mta-sts.txt: %s: %s", v->entry->domain,
                       otr_sts_failure_names[v->entry->failure], v->entry->error);
        put_line(out, "", otr_buf_text(&line));
        otr_buf_clear(&line);
    }
}

/* The operator's own word, beside what was looked up. */
static void put_operators_evidence(const otr_verdict *v, otr_buf *out)
{
    const otr_override *o = v->override;
    otr_buf line = OTR_BUF_INIT;
    char made[OTR_TIME_TEXT], until[OTR_TIME_TEXT];

    if (v->minimum != OTR_MINIMUM_NONE)
        otr_buf_printf(out, "configuration: minimum %s\n", otr_minimum_names[v->minimum]);
    if (o == NULL)
        return;
    otr_buf_printf(&line, "override %s until %s, made %s by uid %" PRId64 "%s: %s", otr_level_names[o->level],
                   otr_time_text(o->until, until), otr_time_text(o->made_at, made), o->uid,
                   v->is_overridden ? "" : ", without effect below the minimum", o->reason);
    put_line(out, "", otr_buf_text(&line));
    otr_buf_clear(&line);
}

static void put_hold_evidence(const otr_verdict *v, otr_buf *out)
{
    const otr_hold *h = v->hold;
    char since[OTR_TIME_TEXT];

    if (h != NULL)
        otr_buf_printf(out, "hold of %s %s since %s: from root %s to root %s%s\n", otr_role_names[h->role], h->host,
                       otr_time_text(h->since, since), h->from, h->to,
                       v->is_held         ? ""
                       : v->is_overridden ? ", without effect under the override"
                                          : ", without effect: no host depends on a root");
}

void otr_render_evidence(const otr_verdict *v, otr_buf *out)
{
    put_operators_evidence(v, out);
    put_hold_evidence(v, out);

    for (size_t i = 0; i < v->mx->evidence_count; i++)
        put_line(out, "", v->mx->evidence[i]);
    if (v->entry != NULL) {
        put_record_evidence(v->entry, out);
        put_address_evidence(v->entry, out);
        put_policy_evidence(v, out);
    }
}

/* --- the page -------------------------------------------------------------------------------------------- */

static void put_hosts(const otr_verdict *v, otr_buf *out)
{
    for (size_t i = 0; i < v->mx->host_count; i++) {
        const otr_host_verdict *h = &v->hosts[i];

        otr_buf_printf(out, "  %5u %s  ", h->finding->preference, h->finding->host);
        put_line(out, "", h->reason);
        for (size_t t = 0; t < h->finding->tlsa_count; t++) {
            otr_tlsa_usability usability = otr_tlsa_check(&h->finding->tlsa[t]);

            otr_buf_puts(out, "          TLSA ");
            otr_tlsa_print(&h->finding->tlsa[t], out);
            if (usability != OTR_TLSA_USABLE)
                otr_buf_printf(out, "  (unusable: %s)", otr_tlsa_usability_names[usability]);
            otr_buf_putc(out, '\n');
        }
    }
}

static void put_policy(const otr_verdict *v, otr_buf *out)
{
    char age[OTR_TIME_TEXT], left[OTR_TIME_TEXT];

    if (v->sts.policy == NULL) {
        otr_buf_printf(out, "MTA-STS: %s", otr_sts_state_names[v->sts.state]);
        if (*v->sts.error != '\0') {
            otr_buf_puts(out, " - ");
            otr_buf_put_printable(out, v->sts.error, TEXT_MAX);
        }
        otr_buf_putc(out, '\n');
        return;
    }
    otr_buf_printf(out, "MTA-STS: mode %s, %s old, %s left\n", otr_sts_mode_names[v->sts.policy->mode],
                   otr_span_text(v->made_at - v->sts.fetched_at, age),
                   otr_span_text(v->sts.expires_at - v->made_at, left));
    for (size_t i = 0; i < v->sts.policy->mx_count; i++)
        otr_buf_printf(out, "  mx: %s\n", v->sts.policy->mx[i]);
}

static void put_reply(otr_buf *out, const char *label, otr_buf *reply)
{
    otr_buf_puts(out, label);
    otr_buf_puts(out, reply->len > 0 ? otr_buf_text(reply) : "(none: Exim defers)");
    if (reply->len == 0 || reply->data[reply->len - 1] != '\n')
        otr_buf_putc(out, '\n');
    otr_buf_clear(reply);
}

static void put_anchors(const otr_anchor_set *set, otr_buf *out)
{
    otr_buf_puts(out, "Trust anchors: rule ");
    for (size_t i = 0; set->rules[i] != NULL; i++)
        otr_buf_printf(out, "%s%s", i > 0 ? " + " : "", set->rules[i]);
    if (*set->file != '\0')
        otr_buf_printf(out, ", %s", set->file);
    otr_buf_printf(out, " (%zu certificate%s)\n", set->count, set->count == 1 ? "" : "s");
}

static void put_explanation(const otr_verdict *v, const otr_anchor_views *views, otr_buf *out)
{
    otr_buf postfix = OTR_BUF_INIT, exim = OTR_BUF_INIT, evidence = OTR_BUF_INIT;
    char until[OTR_TIME_TEXT];

    otr_buf_printf(out, "\nMX (%s):\n", otr_mx_security_names[v->mx->security]);
    if (*v->mx->error != '\0')
        put_line(out, "  ", v->mx->error);
    put_hosts(v, out);
    put_policy(v, out);
    put_anchors(v->anchors, out);
    otr_buf_printf(out, "Valid until: %s\n\nLookups:\n", otr_time_text(v->valid_until, until));
    otr_render_evidence(v, &evidence);
    for (const char *at = otr_buf_text(&evidence), *end; *at != '\0'; at = end + 1) {
        end = strchr(at, '\n');
        otr_buf_printf(out, "  %.*s\n", (int)(end - at), at);
    }
    otr_buf_clear(&evidence);
    otr_buf_puts(out, "\nAnswers:\n");
    otr_render_postfix(v, views, &postfix);
    otr_render_exim(v, views, &exim);
    put_reply(out, "  Postfix  ", &postfix);
    put_reply(out, "  Exim     ", &exim);
}

/* The reason was checked to be printable when it was taken. */
static void put_operators_word(const otr_verdict *v, otr_buf *out)
{
    char until[OTR_TIME_TEXT];

    if (v->minimum != OTR_MINIMUM_NONE)
        otr_buf_printf(out, "minimum: %s\n", otr_minimum_names[v->minimum]);
    if (v->override != NULL)
        otr_buf_printf(out, "override: %s until %s%s: %s\n", otr_level_names[v->override->level],
                       otr_time_text(v->override->until, until),
                       v->is_overridden ? "" : " (without effect: below the minimum)", v->override->reason);
}

static void put_hold(const otr_verdict *v, otr_buf *out)
{
    char text[OTR_HOLD_TEXT];

    if (v->hold != NULL && !v->is_held)
        otr_buf_printf(out, "hold (without effect): %s\n", otr_hold_text(v->hold, text));
}

void otr_render_text(const otr_verdict *v, const otr_anchor_views *views, bool is_explain, otr_buf *out)
{
    otr_buf_printf(out, "%s: %s - ", v->destination.key, otr_level_names[v->level]);
    put_line(out, "", v->reason);
    if (*v->undeliverable != '\0')
        otr_buf_printf(out, "undeliverable: %s\n", v->undeliverable);
    put_operators_word(v, out);
    put_hold(v, out);
    if (is_explain)
        put_explanation(v, views, out);
}
