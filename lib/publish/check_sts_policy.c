/*
 * check_sts_policy.c - what the policy says, against the MX hosts as they are: the checks that tell whether enforce is safe.
 */
#include "publish/check_judge.h"

#define DAY 86400u
#define TWO_WEEKS (14 * DAY)

static void check_mode(otr_judge *j)
{
    const char *name = otr_sts_mode_names[j->mode];

    otr_say(j, (otr_remark){ .id = "sts.mode", .status = j->mode == OTR_STS_ENFORCE ? OTR_CHECK_OK : OTR_CHECK_INFO, .found = name },
             j->mode == OTR_STS_ENFORCE   ? "the policy is in mode %s"
             : j->mode == OTR_STS_TESTING ? "the policy is in mode %s: senders report, and nothing is protected"
                                          : "the policy is in mode %s: there is none for senders",
             name);
}

static void check_max_age(otr_judge *j)
{
    otr_remark f = { .id = "sts.max-age", .status = OTR_CHECK_OK, .found = OTR_TEXT(j, "%u", j->max_age) };

    if (j->mode == OTR_STS_NONE)
        return; /* small is right there (RFC 8461 §8.3) */
    if (j->max_age < DAY) {
        f.status = OTR_CHECK_WARNING;
        f.expected = "86400 or more";
        f.fix = "raise max_age";
        otr_say(j, f, "max_age %u: senders keep the policy for less than a day, and some do not keep it at all", j->max_age);
    } else if (j->mode == OTR_STS_ENFORCE && j->max_age < TWO_WEEKS) {
        f.status = OTR_CHECK_INFO;
        f.expected = "1209600 or more";
        otr_say(j, f, "max_age %u; at enforce two weeks or more are usual", j->max_age);
    } else {
        otr_say(j, f, "max_age %u", j->max_age);
    }
}

/* The hosts ------------------------------------------------------------------------------------------------------- */

static bool is_covered(const otr_judge *j, const char *host)
{
    for (size_t i = 0; i < j->mx_count; i++)
        if (otr_sts_pattern_matches(j->mx[i], host))
            return true;
    return false;
}

static const char *list_patterns(otr_judge *j)
{
    otr_buf text = OTR_BUF_INIT;
    const char *kept;

    for (size_t i = 0; i < j->mx_count && text.len < OTR_REMARK_MAX; i++)
        otr_buf_printf(&text, "%s%s", i > 0 ? ", " : "", j->mx[i]);
    kept = otr_arena_text(j->report->arena, otr_buf_text(&text));
    otr_buf_clear(&text);
    return kept;
}

static void check_cover(otr_judge *j, const otr_host_facts *host)
{
    otr_remark f = { .id = "sts.mx-cover", .status = OTR_CHECK_OK, .host = host->host };

    if (is_covered(j, host->host)) {
        otr_say(j, f, "the policy names %s", host->host);
        return;
    }
    f.status = j->need;
    f.found = list_patterns(j);
    f.expected = host->host;
    f.fix = OTR_TEXT(j, "add \"%s\" to mx, or take its MX record away", host->host);
    otr_say(j, f, "the policy does not name %s", host->host);
}

/* No MX host is what a pattern is for: asked only when all hosts are known. */
static void check_extra(otr_judge *j)
{
    size_t extra = 0;

    for (size_t i = 0; i < j->mx_count; i++) {
        bool is_used = j->facts->is_cut;

        for (size_t h = 0; h < j->facts->host_count && !is_used; h++)
            is_used = otr_sts_pattern_matches(j->mx[i], j->facts->hosts[h].host);
        if (is_used)
            continue;
        extra++;
        otr_say(j, (otr_remark){ .id = "sts.mx-extra", .status = OTR_CHECK_INFO, .found = j->mx[i] },
                 "no MX host is what the pattern %s is for", j->mx[i]);
    }
    if (extra == 0)
        otr_say(j, (otr_remark){ .id = "sts.mx-extra", .status = OTR_CHECK_OK }, "each pattern is an MX host's");
}

/* Why an address would not pass. NULL: it would. */
static const char *find_fault(otr_judge *j, size_t h, size_t a, bool *is_unknown)
{
    const otr_address_facts *at = &j->facts->hosts[h].addresses[a];
    const otr_probe_facts *p = &at->first;

    *is_unknown = !at->is_refused && (!p->was_made || !otr_probe_has_learned(p->outcome));
    if (at->is_refused)
        return "nobody outside can reach it";
    if (*is_unknown)
        return p->was_made ? p->reason : "it was not visited in time";
    if (p->chain == NULL)
        return p->reason;
    if (at->second.was_made && otr_probe_has_learned(at->second.outcome) && at->second.outcome != OTR_PROBE_TLS)
        return "STARTTLS worked at the first visit and not at the second";
    for (size_t i = 0; i < j->facts->program_count; i++) {
        const otr_chain_judgement *c = otr_chain_of(j, h, a, i);

        if (!c->is_accepted)
            return OTR_TEXT(j, "under the roots of %s: %s", j->facts->programs[i].name, c->reason);
    }
    return NULL;
}

static void check_passes(otr_judge *j, size_t h)
{
    const otr_host_facts *host = &j->facts->hosts[h];
    size_t good = 0;

    if (host->address_count == 0) {
        otr_say_skipped(j, "sts.mx-cert", host->host, NULL, "mx.addr");
        return;
    }
    for (size_t a = 0; a < host->address_count; a++) {
        otr_remark f = { .id = "sts.mx-cert", .host = host->host, .address = &host->addresses[a].address };
        char text[OTR_ADDRESS_SIZE];
        bool is_unknown = false;
        const char *fault = find_fault(j, h, a, &is_unknown);

        otr_address_text(f.address, text);
        f.status = is_unknown ? OTR_CHECK_UNKNOWN : j->need;
        f.found = fault;
        if (fault == NULL)
            good++;
        else
            otr_say(j, f, is_unknown ? "whether %s [%s] would pass is not known: %s" : "%s [%s] would not pass: %s", host->host, text,
                    fault);
    }
    if (good == host->address_count)
        otr_say(j, (otr_remark){ .id = "sts.mx-cert", .status = OTR_CHECK_OK, .host = host->host },
                "%s would pass at each of %zu address%s",
                 host->host, good, good == 1 ? "" : "es");
}

void otr_check_sts_policy(otr_judge *j)
{
    if (!j->has_policy)
        return;
    check_mode(j);
    check_max_age(j);
    if (j->mode == OTR_STS_NONE)
        return;
    if (j->facts->host_count == 0) {
        otr_say_skipped(j, "sts.mx-cover", NULL, NULL, "mx.exists");
        return;
    }
    for (size_t h = 0; h < j->facts->host_count; h++) {
        check_cover(j, &j->facts->hosts[h]);
        check_passes(j, h);
    }
    check_extra(j);
}
