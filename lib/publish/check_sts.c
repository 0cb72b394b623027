/*
 * check_sts.c - the record of MTA-STS, and whether it goes with the text. The policy host is in check_sts_host.c, what the policy says in
 * check_sts_policy.c.
 */
#include "publish/check_sts.h"

/* The record -------------------------------------------------------------------------------------------------- */

static const char *wanted_record(otr_judge *j)
{
    const otr_domain_facts *f = j->facts;

    return OTR_TEXT(j, "publish _mta-sts.%s. IN TXT \"v=STSv1; id=%s;\"", f->domain, f->meant != NULL && *f->meant->id != '\0' ? f->meant->id : "ID");
}

static void say_record(otr_judge *j, const otr_sts_view *v, const outrider_diag *diag)
{
    const char *domain = j->facts->domain;

    switch (v->found) {
    case OTR_STS_RECORD_NONE:
        otr_say(j, (otr_remark){ .id = "sts.txt", .status = v->absence, .found = "no record that begins with v=STSv1;",
                                   .fix = v->is_wanted ? wanted_record(j) : NULL },
                 v->is_wanted ? "there is no record for MTA-STS at _mta-sts.%s: no sender asks for the policy" : "%s has no MTA-STS", domain);
        break;
    case OTR_STS_RECORD_ONE:
        otr_say(j, (otr_remark){ .id = "sts.txt", .status = OTR_CHECK_OK, .found = v->id }, "_mta-sts.%s has the id %s", domain, v->id);
        break;
    case OTR_STS_RECORD_SEVERAL:
        otr_say(j, (otr_remark){ .id = "sts.txt", .status = OTR_CHECK_CRITICAL, .found = "several records",
                                   .fix = "take all but one of them away" },
                 "there are several records for MTA-STS at _mta-sts.%s, and that is as good as none", domain);
        break;
    case OTR_STS_RECORD_INVALID:
        otr_say(j, (otr_remark){ .id = "sts.txt", .status = OTR_CHECK_CRITICAL, .found = diag->message, .fix = wanted_record(j) },
                 "the record at _mta-sts.%s is broken (column %u): %s", domain, diag->column, diag->message);
        break;
    }
}

static void find_record(otr_judge *j, otr_sts_view *v, outrider_diag *diag)
{
    otr_slice texts[OTR_RR_MAX];
    size_t count = otr_txt_list(j->facts->sts_txt, texts);
    otr_sts_record record;

    v->is_known = j->facts->sts_txt != NULL && j->facts->sts_txt->content != OTR_DNS_UNKNOWN;
    v->found = v->is_known ? otr_sts_record_find(texts, count, &record, diag) : OTR_STS_RECORD_NONE;
    if (v->found == OTR_STS_RECORD_ONE && record.id.len <= OTR_STS_ID_MAX)
        memcpy(v->id, record.id.ptr, record.id.len);
    v->is_wanted = !v->is_known || v->found != OTR_STS_RECORD_NONE || j->facts->meant != NULL || otr_has_records(j->facts->policy_a) ||
                   otr_has_records(j->facts->policy_aaaa);
    v->absence = v->is_wanted && !otr_is_published_later(j) ? OTR_CHECK_WARNING : OTR_CHECK_INFO;
}

static void check_place(otr_judge *j)
{
    otr_slice apex = otr_txt_beginning(j->facts->apex_txt, "v=STSv1"), spf = otr_txt_beginning(j->facts->sts_txt, "v=spf1");

    if (otr_say_failed_lookup(j, "sts.txt-place", NULL, j->facts->apex_txt, OTR_TEXT(j, "the TXT records of %s", j->facts->domain)))
        return;
    if (apex.len > 0)
        otr_say(j, (otr_remark){ .id = "sts.txt-place", .status = OTR_CHECK_WARNING, .found = OTR_TEXT(j, "%.*s", (int)apex.len, apex.ptr),
                                   .fix = OTR_TEXT(j, "move it to _mta-sts.%s", j->facts->domain) },
                 "a record for MTA-STS is at %s itself, where nobody looks for it", j->facts->domain);
    if (spf.len > 0)
        otr_say(j, (otr_remark){ .id = "sts.txt-place", .status = OTR_CHECK_WARNING, .found = OTR_TEXT(j, "%.*s", (int)spf.len, spf.ptr),
                                   .fix = "take it away there" },
                 "an SPF record is at _mta-sts.%s", j->facts->domain);
    if (apex.len == 0 && spf.len == 0)
        otr_say(j, (otr_remark){ .id = "sts.txt-place", .status = OTR_CHECK_OK }, "nothing is where it does not belong");
}

/* Text first, id second (RFC 8461 §8.1): between the two steps the old id is normal, for the time that DNS takes. */
static void compare_with_meant(otr_judge *j, const otr_sts_view *v, const otr_meant *meant)
{
    bool is_served = j->served_by != NULL && j->served_by->body_len == meant->text_len &&
                     memcmp(j->served_by->body, meant->text, meant->text_len) == 0;
    bool is_id = strcmp(v->id, meant->id) == 0;
    otr_remark f = { .id = "sts.id-step", .status = OTR_CHECK_WARNING, .found = v->id, .expected = meant->id };

    if (is_served && is_id) {
        f.status = OTR_CHECK_OK;
        otr_say(j, f, "text and id belong together");
    } else if (is_served) {
        f.fix = wanted_record(j);
        otr_say(j, f,
                "the policy that is served has the id %s, and the record says %s: senders that hold an older one do not look again", meant->id,
                 v->id);
    } else {
        f.fix = "look which machine answers for the policy host, and whether a proxy keeps an old text";
        otr_say(j, f, is_id ? "the record has the id of the policy that is meant, and the policy host serves another text"
                             : "neither the record nor the text of the policy host is what is meant");
    }
}

static void compare_with_before(otr_judge *j, const otr_sts_view *v, const otr_observation *before)
{
    bool is_text = before->text != NULL && before->text_len == j->served_by->body_len &&
                   memcmp(before->text, j->served_by->body, before->text_len) == 0;
    bool is_id = strcmp(before->id, v->id) == 0;
    char date[OTR_TIME_TEXT];
    otr_remark f = { .id = "sts.id-step", .status = is_text == is_id ? OTR_CHECK_OK : is_id ? OTR_CHECK_WARNING : OTR_CHECK_INFO,
                      .found = v->id };

    otr_time_text(before->at, date);
    if (is_text == is_id)
        otr_say(j, f, is_id ? "text and id are what they were at %s" : "text and id have both changed since %s", date);
    else if (is_id) {
        f.fix = "change the id";
        otr_say(j, f, "the text has changed since %s, and the id %s has not: senders that hold the old policy do not look again", date,
                v->id);
    } else
        otr_say(j, f, "the id has changed since %s, and the text has not", date);
}

/* Before a proposal is served: does what we serve now get out at all? */
static void compare_with_service(otr_judge *j, const otr_meant *meant)
{
    bool is_same = j->served_by != NULL && j->served_by->body_len == meant->in_service_len &&
                   memcmp(j->served_by->body, meant->in_service, meant->in_service_len) == 0;
    otr_remark f = { .id = "sts.id-step", .status = is_same ? OTR_CHECK_OK : OTR_CHECK_WARNING };

    if (j->served_by == NULL) {
        otr_say_skipped(j, "sts.id-step", NULL, NULL, "sts.https");
        return;
    }
    if (!is_same)
        f.fix = "look which machine answers for the policy host, and whether a proxy keeps an old text";
    otr_say(j, f, is_same ? "the policy host serves what we do" : "the policy host serves another text than we do");
}

static void check_id_step(otr_judge *j, const otr_sts_view *v)
{
    const otr_meant *meant = j->facts->meant != NULL && j->facts->meant->text != NULL ? j->facts->meant : NULL;

    if (otr_is_published_later(j) && j->facts->meant->in_service != NULL) {
        compare_with_service(j, j->facts->meant);
        return;
    }
    if (otr_is_published_later(j) || (meant == NULL && j->facts->before == NULL))
        return;
    if (v->found != OTR_STS_RECORD_ONE || j->served_by == NULL)
        otr_say_skipped(j, "sts.id-step", NULL, NULL, v->found != OTR_STS_RECORD_ONE ? "sts.txt" : "sts.https");
    else if (meant != NULL)
        compare_with_meant(j, v, meant);
    else
        compare_with_before(j, v, j->facts->before);
}

/* RFC 8461 §8.3 --------------------------------------------------------------------------------------------------- */

static void check_exit(otr_judge *j, const otr_sts_view *v)
{
    const otr_meant *meant = j->facts->meant;
    otr_remark f = { .id = "sts.exit", .status = OTR_CHECK_OK };
    char date[OTR_TIME_TEXT];

    if (meant == NULL || otr_is_published_later(j) || meant->exit_clock <= j->facts->at)
        return;
    f.found = otr_time_text(meant->exit_clock, date);
    if (v->is_known && v->found == OTR_STS_RECORD_NONE) {
        f.status = OTR_CHECK_CRITICAL;
        f.fix = wanted_record(j);
        otr_say(j, f, "senders may hold an enforce policy until %s, and the record at _mta-sts.%s is gone: they do not learn of another",
                date,
                 j->facts->domain);
    } else {
        otr_say(j, f, "senders may hold an enforce policy until %s", date);
    }
}

void otr_check_sts(otr_judge *j)
{
    otr_sts_view v = { 0 };
    outrider_diag diag = { 0 };

    find_record(j, &v, &diag);
    if (!otr_say_failed_lookup(j, "sts.txt", NULL, j->facts->sts_txt, OTR_TEXT(j, "the record at _mta-sts.%s", j->facts->domain)))
        say_record(j, &v, &diag);
    check_place(j);
    if (!v.is_wanted)
        return;
    check_id_step(j, &v);
    otr_check_policy_host(j, &v);
    check_exit(j, &v);
}
