/*
 * metrics_table.c - every metric: name, type, help, labels. The one place where a metric is born; docs/operation.md is
 * compared with this table.
 */
#include "daemon/metrics.h"

#include <assert.h>
#include <inttypes.h>

static const char *const listeners[] = { "socketmap", "line" };
static const char *const outcomes[] = { "dane-only", "dane",    "secure", "encrypt", "may",    "defer",
                                        "notfound",  "refused", "timeout", "busy",   "failed", "stopping" };
static const char *const cache_results[] = { "hit", "miss" };
static const char *const refresh_results[] = { "fetched",   "unchanged",     "absent",
                                               "held-back", "record-failed", "failed" };
static const char *const types[] = { "A", "AAAA", "MX", "TXT", "TLSA", "other" };
static const char *const limits[] = { "connections", "waiting", "files", "http", "policy-host", "policy-host-address" };
static const char *const operations[] = { "read", "write" };
static const char *const modes[] = { "enforce", "testing", "none" };
static const char *const roles[] = { "policy", "mx" };
static const char *const effects[] = { "deferred",   "own",  "downgraded", "unknown", "reported",
                                       "other-path", "dane", "no-policy",  "none" };
static const char *const sightings[] = { "accepted", "refused", "lost" };
static const char *const web_listeners[] = { "https", "plain", "acme" };
static const char *const handshakes[] = { "full", "resumed", "unknown-name", "failed", "timeout" };
static const char *const publish_failures[] = { "store", "certificate", "challenges" };
static const char *const phases[] = { "none", "testing", "enforce", "retiring", "retired" };
static const char *const fleet_results[] = { "sent", "taken", "refused", "lost" };
static const char *const claim_results[] = { "fetched", "taken", "failed", "impatient", "alone" };
static const char *const versions[] = { OUTRIDER_VERSION };

#define COUNT(words) ((unsigned)(sizeof(words) / sizeof((words)[0])))
#define LABEL(name, words) { name, words, COUNT(words) }
static_assert(COUNT(outcomes) == OTR_OUTCOME_COUNT, "a word for each outcome");
static_assert(COUNT(refresh_results) == OTR_REFRESH_COUNT, "a word for each result");
static_assert(COUNT(types) == OTR_TYPE_COUNT && COUNT(limits) == OTR_LIMIT_COUNT, "a word for each type and limit");
static_assert(COUNT(roles) == OTR_ROLE_COUNT && COUNT(sightings) == OTR_SIGHTING_RESULTS, "a word for each result");
static_assert(COUNT(operations) == OTR_STORE_OPERATIONS && COUNT(modes) == OTR_POLICY_COUNT, "a word for each");
static_assert(COUNT(web_listeners) == OTR_WEB_KINDS && COUNT(handshakes) == OTR_SHAKEN_COUNT, "a word for each");
static_assert(COUNT(publish_failures) == OTR_PUBLISH_FAILURES && COUNT(phases) == OTR_PHASE_RETIRED + 1, "a word for each");
static_assert(COUNT(fleet_results) == OTR_FLEET_RESULTS && COUNT(claim_results) == OTR_CLAIM_COUNT, "a word for each");
static_assert(COUNT(effects) == OTR_EFFECT_COUNT, "a word for each class");

const otr_metric otr_metrics[] = {
    { "outrider_answers_total", OTR_COUNTER, OTR_CELL_ANSWERS,
      "Answers to mail servers: the level that applies, or why there is none.",
      { LABEL("listener", listeners), LABEL("level", outcomes) } },
    { "outrider_cache_lookups_total", OTR_COUNTER, OTR_CELL_CACHE,
      "Questions that were answered at once, and those that had to wait for DNS or a policy.",
      { LABEL("result", cache_results) } },
    { "outrider_policy_refreshes_total", OTR_COUNTER, OTR_CELL_REFRESHES,
      "Looks at the MTA-STS record of a domain, with the fetch where one was due.",
      { LABEL("result", refresh_results) } },
    { "outrider_policy_fetch_failures_total", OTR_COUNTER, OTR_CELL_FETCH_FAILURES,
      "Attempts to fetch a policy that failed.", { { "reason", otr_sts_cause_names, OTR_STS_CAUSE_COUNT } } },
    { "outrider_dns_lookups_total", OTR_COUNTER, OTR_CELL_LOOKUPS, "DNS lookups by the security of their answer.",
      { { "status", otr_dns_status_names, OTR_DNS_TEMPFAIL + 1 } } },
    { "outrider_dns_bogus_total", OTR_COUNTER, OTR_CELL_BOGUS,
      "DNS answers whose DNSSEC signatures do not hold, by record type.", { LABEL("type", types) } },
    { "outrider_dns_failures_total", OTR_COUNTER, OTR_CELL_LOOKUP_FAILURES,
      "DNS lookups that gave no answer, by kind.",
      { { "kind", otr_dns_trouble_names + 1, OTR_DNS_TROUBLE_COUNT - 1 } } },
    { "outrider_limit_hits_total", OTR_COUNTER, OTR_CELL_LIMITS,
      "Times that a limit turned somebody away or made them wait.", { LABEL("limit", limits) } },
    { "outrider_trust_sightings_total", OTR_COUNTER, OTR_CELL_SIGHTINGS,
      "Chains that were seen, by whose they are and what they were worth; lost: the store did not take it.",
      { LABEL("role", roles), LABEL("outcome", sightings) } },
    { "outrider_trust_root_changes_total", OTR_COUNTER, OTR_CELL_ROOT_CHANGES,
      "Hosts whose certificate came from another root than before.", { LABEL("role", roles) } },
    { "outrider_policy_host_replies_total", OTR_COUNTER, OTR_CELL_WEB_REPLIES,
      "Answers of our policy host, by listener and HTTP status.",
      { LABEL("listener", web_listeners), { "status", otr_status_texts, OTR_STATUS_COUNT } } },
    { "outrider_policy_host_handshakes_total", OTR_COUNTER, OTR_CELL_WEB_HANDSHAKES,
      "TLS handshakes of our policy host; unknown-name: without SNI, or for a name that has no certificate here.",
      { LABEL("result", handshakes) } },
    { "outrider_publish_failures_total", OTR_COUNTER, OTR_CELL_PUBLISH_FAILURES,
      "Failures of what our own policies are published with.", { LABEL("what", publish_failures) } },
    { "outrider_fleet_records_total", OTR_COUNTER, OTR_CELL_FLEET_RECORDS,
      "Records put for other members, taken from them, refused, and lost to a store that failed.",
      { LABEL("result", fleet_results) } },
    { "outrider_fleet_claims_total", OTR_COUNTER, OTR_CELL_FLEET_CLAIMS,
      "Policies that were to be fetched, by what the fleet said: fetched for all, taken from a member, failed for others, "
      "waited for too long, or alone as Redis was away.",
      { LABEL("result", claim_results) } },
    { "outrider_fleet_comparisons_total", OTR_COUNTER, OTR_CELL_FLEET_COMPARISONS,
      "Times that all that is here and all that is in Redis were compared.", { { NULL, NULL, 0 } } },
    { "outrider_fleet_losses_total", OTR_COUNTER, OTR_CELL_FLEET_LOSSES,
      "Connections to Redis that were lost, or did not come about.", { { NULL, NULL, 0 } } },
    { "outrider_store_errors_total", OTR_COUNTER, OTR_CELL_STORE_ERRORS,
      "Failures to read or write the database of policies.", { LABEL("operation", operations) } },
    { "outrider_log_lines_lost_total", OTR_COUNTER, OTR_CELL_LOG_LOST,
      "Log lines that the log did not take.", { { NULL, NULL, 0 } } },
    { "outrider_cache_entries", OTR_GAUGE, OTR_CELL_CACHE_ENTRIES, "Destinations whose answer is ready.",
      { { NULL, NULL, 0 } } },
    { "outrider_policies", OTR_GAUGE, OTR_CELL_POLICIES, "Unexpired MTA-STS policies in the store, by mode.",
      { LABEL("mode", modes) } },
    { "outrider_policy_refresh_overdue_seconds", OTR_GAUGE, OTR_CELL_OVERDUE,
      "For how long the policy that waits longest should have been refreshed; 0 if none is due.",
      { { NULL, NULL, 0 } } },
    { "outrider_connections", OTR_GAUGE, OTR_CELL_CONNECTIONS, "Open connections of mail servers.",
      { { NULL, NULL, 0 } } },
    { "outrider_waiting_questions", OTR_GAUGE, OTR_CELL_WAITING, "Questions that wait for DNS or a policy.",
      { { NULL, NULL, 0 } } },
    { "outrider_anchors", OTR_GAUGE, OTR_CELL_ANCHORS, "Root certificates that may vouch for every destination.",
      { { NULL, NULL, 0 } } },
    { "outrider_trust_exceptions", OTR_GAUGE, OTR_CELL_TRUST_EXCEPTIONS,
      "Exceptions of \"outrider trust add\" in force.", { { NULL, NULL, 0 } } },
    { "outrider_trust_changed_seconds", OTR_GAUGE, OTR_CELL_TRUST_CHANGED,
      "When anchors last changed, in seconds since 1970; 0: not since the start.", { { NULL, NULL, 0 } } },
    { "outrider_trust_files_changed_seconds", OTR_GAUGE, OTR_CELL_TRUST_FILES_CHANGED,
      "When a file of the anchor rules last changed, in seconds since 1970; 0: not since the start.",
      { { NULL, NULL, 0 } } },
    { "outrider_trust_affected", OTR_GAUGE, OTR_CELL_TRUST_AFFECTED,
      "Destinations by what the last change of such a file did to them.", { LABEL("effect", effects) } },
    { "outrider_trust_holds", OTR_GAUGE, OTR_CELL_HOLDS,
      "Hosts whose change of root waits to be accepted, and the mail of their destination with it.",
      { { NULL, NULL, 0 } } },
    { "outrider_publish_domains", OTR_GAUGE, OTR_CELL_PUBLISH_DOMAINS, "Domains of ours, by the phase of their policy.",
      { LABEL("phase", phases) } },
    { "outrider_publish_withheld", OTR_GAUGE, OTR_CELL_PUBLISH_WITHHELD,
      "Domains of ours for which something else is served than is configured.", { { NULL, NULL, 0 } } },
    { "outrider_publish_abandoned", OTR_GAUGE, OTR_CELL_PUBLISH_ABANDONED,
      "Domains that left the configuration while senders may hold their enforce policy.", { { NULL, NULL, 0 } } },
    { "outrider_publish_lapsed", OTR_GAUGE, OTR_CELL_PUBLISH_LAPSED,
      "Domains whose policy is not handed out, because the store does not take the time.", { { NULL, NULL, 0 } } },
    { "outrider_publish_exit_seconds", OTR_GAUGE, OTR_CELL_PUBLISH_EXIT,
      "The latest exit clock of domains that serve enforce no more, in seconds since 1970; 0: none.", { { NULL, NULL, 0 } } },
    { "outrider_publish_certificate_expiry_seconds", OTR_GAUGE, OTR_CELL_PUBLISH_CERTIFICATE_EXPIRY,
      "When the first certificate of our policy hosts expires, in seconds since 1970; 0: there is none.", { { NULL, NULL, 0 } } },
    { "outrider_publish_certificates_failed", OTR_GAUGE, OTR_CELL_PUBLISH_CERTIFICATES_FAILED,
      "Domains whose certificate files cannot be used; the former certificate goes on, if there was one.", { { NULL, NULL, 0 } } },
    { "outrider_fleet_up", OTR_GAUGE, OTR_CELL_FLEET_UP, "1 while Redis answers; 0 without a fleet.", { { NULL, NULL, 0 } } },
    { "outrider_fleet_members", OTR_GAUGE, OTR_CELL_FLEET_MEMBERS,
      "Members of the fleet that were there lately, this one included.", { { NULL, NULL, 0 } } },
    { "outrider_fleet_compared_seconds", OTR_GAUGE, OTR_CELL_FLEET_COMPARED,
      "When a comparison was last completed, in seconds since 1970; 0: not since the start.", { { NULL, NULL, 0 } } },
    { "outrider_build_info", OTR_GAUGE, OTR_CELL_BUILD, "Always 1; the version is in the label.",
      { LABEL("version", versions) } },
    { "process_start_time_seconds", OTR_GAUGE, OTR_CELL_START, "When the daemon was started, in seconds since 1970.",
      { { NULL, NULL, 0 } } },
};
const size_t otr_metric_count = sizeof(otr_metrics) / sizeof(otr_metrics[0]);

unsigned otr_metric_cells(const otr_metric *metric)
{
    unsigned cells = 1;

    for (size_t i = 0; i < 2 && metric->labels[i].name != NULL; i++)
        cells *= metric->labels[i].count;
    return cells;
}

static void put_label(otr_buf *out, char before, const otr_metric_label *label, unsigned word)
{
    otr_buf_printf(out, "%c%s=\"%s\"", before, label->name, label->words[word]); /* no word needs escapes */
}

static void put_sample(otr_buf *out, const otr_metric *m, unsigned cell, uint64_t value)
{
    otr_buf_puts(out, m->name);
    if (m->labels[1].name != NULL) {
        put_label(out, '{', &m->labels[0], cell / m->labels[1].count);
        put_label(out, ',', &m->labels[1], cell % m->labels[1].count);
    } else if (m->labels[0].name != NULL) {
        put_label(out, '{', &m->labels[0], cell);
    }
    otr_buf_printf(out, "%s %" PRIu64 "\n", m->labels[0].name != NULL ? "}" : "", value);
}

void otr_metrics_render(const uint64_t cells[OTR_CELL_COUNT], otr_buf *out)
{
    for (size_t i = 0; i < otr_metric_count; i++) {
        const otr_metric *m = &otr_metrics[i];

        otr_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", m->name, m->help, m->name,
                       m->type == OTR_COUNTER ? "counter" : "gauge");
        for (unsigned cell = 0; cell < otr_metric_cells(m); cell++)
            put_sample(out, m, cell, cells[m->first + cell]);
    }
}
