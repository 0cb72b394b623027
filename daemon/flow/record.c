/*
 * record.c - see record.h. In the order in which it happens: what the host had before; the hold, if there is to be one;
 * the sighting; the news. A crash between them finds the old sighting beside the hold, never the new one without it.
 */
#include "daemon/flow/record.h"

#include "base/diag.h"
#include "base/log.h"
#include "daemon/flow/domain.h"
#include "daemon/metrics.h"
#include "store/store_fleet.h"

#include <stdio.h>

#define TROUBLE_SPAN 3600 /* s until the same cause is told again */

/* What the host had before ------------------------------------------------------------------------------------- */

struct former {
    otr_role role;
    const char *host;
    char root[OTR_SHA256_TEXT];    /* by which it was accepted last; "": never */
    char name[OTR_CERT_NAME_SIZE]; /* of that root; its fingerprint where nothing better is known */
    char id[OTR_SHA256_TEXT];      /* as a trust anchor; "": not known */
};

static void describe_root(const X509 *root, char sha256[OTR_SHA256_TEXT], char name[OTR_CERT_NAME_SIZE])
{
    otr_cert_name(root, name);
    if (!otr_cert_fingerprint(root, sha256))
        sha256[0] = '\0';
}

static bool take_former(void *arg, const otr_dependant *dependant)
{
    struct former *former = arg;

    for (size_t i = 0; i < dependant->sighting_count; i++) {
        const otr_sighting *s = &dependant->sightings[i];

        if (s->role != former->role || strcmp(s->host, former->host) != 0)
            continue;
        if (s->root != NULL) {
            describe_root(s->root, former->root, former->name);
            if (!otr_cert_anchor_id(s->root, former->id))
                former->id[0] = '\0';
        } else {
            memcpy(former->root, s->root_before, sizeof(former->root));
        }
    }
    return true;
}

/* After a refusal the fingerprint alone is on record; the root is mostly still among the anchors. */
static void name_former(const otr_anchor_set *set, struct former *former)
{
    char sha256[OTR_SHA256_TEXT];

    if (former->root[0] == '\0' || former->name[0] != '\0')
        return;
    snprintf(former->name, sizeof(former->name), "%s", former->root);
    for (int i = 0; i < sk_X509_num(set->roots); i++) {
        const X509 *root = sk_X509_value(set->roots, i);

        if (!otr_cert_fingerprint(root, sha256) || strcmp(sha256, former->root) != 0)
            continue;
        otr_cert_name(root, former->name);
        if (!otr_cert_anchor_id(root, former->id))
            former->id[0] = '\0';
    }
}

/* A row that cannot be believed is as good as none, and the store has told of it when it was opened. */
static outrider_err find_former(const otr_worker *worker, const otr_anchor_set *set, const otr_sighting *s,
                                struct former *former, outrider_diag *diag)
{
    otr_time now = otr_clock_now(worker->flow->clock);
    bool is_found;
    outrider_err err;

    *former = (struct former){ .role = s->role, .host = s->host };
    err = otr_store_dependant(worker->flow->store, s->domain, now, NULL, take_former, former, &is_found, diag);
    name_former(set, former);
    return err == OUTRIDER_E_SYNTAX ? OUTRIDER_OK : err;
}

static bool is_other_root(const struct former *former, const X509 *root)
{
    char sha256[OTR_SHA256_TEXT], id[OTR_SHA256_TEXT];

    if (root == NULL || former->root[0] == '\0')
        return false;
    if (otr_cert_fingerprint(root, sha256) && strcmp(sha256, former->root) == 0)
        return false;
    return former->id[0] == '\0' || !otr_cert_anchor_id(root, id) || strcmp(id, former->id) != 0;
}

/* Holds -------------------------------------------------------------------------------------------------------- */

static const otr_anchor_set *anchors_of(const otr_worker *worker, const char *domain)
{
    return otr_anchors_for(worker->net.anchors, domain);
}

static bool is_deferring(const otr_worker *worker, const char *domain)
{
    return anchors_of(worker, domain)->on_change == OTR_ON_CHANGE_DEFER;
}

bool otr_record_find_hold(const otr_worker *worker, const char *domain, otr_hold *hold)
{
    const otr_holds *holds = worker->flow->holds;

    return otr_holds_count(holds) > 0 && is_deferring(worker, domain) && otr_holds_find(holds, domain, hold);
}

static void log_hold(const otr_hold *hold, const char *effect, const char *error)
{
    OTR_LOG(error == NULL ? OTR_LOG_WARNING : OTR_LOG_ERROR, "trust.held", { "destination", hold->domain },
            { "role", otr_role_names[hold->role] }, { "host", hold->host }, { "from", hold->from_name },
            { "to", hold->to_name }, { "effect", effect }, { "error", error },
            { "do", "find out whether the host meant to change its CA; then \"outrider trust accept\" with the domain" });
}

/* What is on its way meets the hold when it decides; what is out is made anew. */
static void apply(otr_worker *worker, const char *domain)
{
    otr_domain *known = otr_domain_find(worker, domain);

    if (known != NULL)
        otr_domain_overrule(known);
}

/* A further change under a hold leaves it as old as it is, and counted from where the host was trusted last. */
static void make_hold(const otr_worker *worker, const otr_sighting *s, const struct former *former, otr_hold *hold)
{
    if (!otr_holds_find_host(worker->flow->holds, s->domain, s->role, s->host, hold)) {
        *hold = (otr_hold){ .role = s->role, .since = s->seen_at };
        memcpy(hold->domain, s->domain, sizeof(hold->domain));
        memcpy(hold->host, s->host, sizeof(hold->host));
        memcpy(hold->from, former->root, sizeof(hold->from));
        memcpy(hold->from_name, former->name, sizeof(hold->from_name));
    }
    describe_root(s->root, hold->to, hold->to_name);
}

/* An error of the store is the caller's to report; the hold counts all the same. */
static outrider_err hold_back(otr_worker *worker, const otr_sighting *s, const struct former *former, outrider_diag *diag)
{
    outrider_diag why = { 0 };
    outrider_err err;
    otr_hold hold;

    make_hold(worker, s, former, &hold);
    err = otr_holds_put(worker->flow->holds, &hold, &why);
    if (err == OUTRIDER_OK)
        log_hold(&hold, "mail to this domain is deferred", NULL);
    else if (err == OUTRIDER_E_IO)
        log_hold(&hold, "mail to this domain is deferred, until outriderd ends: the store fails", why.message);
    else
        log_hold(&hold, "none: it goes on under the new root", why.message);
    apply(worker, s->domain);
    if (err == OUTRIDER_E_IO && diag != NULL)
        *diag = why;
    return err == OUTRIDER_E_IO ? err : OUTRIDER_OK;
}

/* The record --------------------------------------------------------------------------------------------------- */

static void tell_change(const otr_sighting *s, const struct former *former, const char *before)
{
    char name[OTR_CERT_NAME_SIZE], root[OTR_SHA256_TEXT];

    describe_root(s->root, root, name);
    otr_count(OTR_CELL_ROOT_CHANGES + s->role);
    OTR_LOG(OTR_LOG_NOTICE, "trust.root.changed", { "destination", s->domain }, { "role", otr_role_names[s->role] },
            { "host", s->host }, { "from", former->name }, { "to", name }, { "from_sha256", before }, { "to_sha256", root },
            { "source", otr_sighting_source_names[s->source] });
}

static outrider_err record(otr_worker *worker, const otr_sighting *s, outrider_diag *diag)
{
    const otr_anchor_set *set = anchors_of(worker, s->domain);
    char before[OTR_SHA256_TEXT] = "";
    struct former former;
    outrider_err err = find_former(worker, set, s, &former, diag);

    if (err == OUTRIDER_OK && set->on_change == OTR_ON_CHANGE_DEFER && is_other_root(&former, s->root))
        err = hold_back(worker, s, &former, diag);
    if (err == OUTRIDER_OK)
        err = otr_store_put_sighting(worker->flow->store, s, before, diag);
    if (err == OUTRIDER_OK && before[0] != '\0')
        tell_change(s, &former, before);
    return err;
}

void otr_record_trouble(otr_worker *worker, const char *doing, const char *domain, outrider_err err,
                        const outrider_diag *diag)
{
    otr_time now = otr_clock_now(worker->flow->clock);
    otr_time *told = &worker->record_trouble[err];

    if (*told != 0 && now < *told + TROUBLE_SPAN && now >= *told)
        return;
    *told = now;
    OTR_LOG(OTR_LOG_ERROR, "store.failed", { "doing", doing }, { "domain", domain },
            { "error", diag->message }, { "effect", "`outrider trust report` knows less; mail goes on" });
}

static void share(const otr_worker *worker, const otr_sighting *s)
{
    otr_fleet_record record;

    if (worker->flow->fleet != NULL && otr_fleet_record_of_sighting(&record, s, otr_fleet_member(worker->flow->fleet)))
        otr_fleet_share(worker->flow->fleet, &record);
}

outrider_err otr_record_seen(otr_worker *worker, const otr_sighting *seen, outrider_diag *diag)
{
    otr_domain *known = otr_domain_find(worker, seen->domain);
    outrider_diag why = { 0 };
    outrider_err err;

    if (known != NULL)
        known->has_sighting = true;
    err = record(worker, seen, &why);
    otr_count(OTR_CELL_SIGHTINGS + (unsigned)seen->role * OTR_SIGHTING_RESULTS +
              (err != OUTRIDER_OK   ? OTR_SIGHTING_LOST
               : seen->root != NULL ? OTR_SIGHTING_ACCEPTED
                                    : OTR_SIGHTING_REFUSED));
    if (err != OUTRIDER_OK)
        otr_record_trouble(worker, "recording a chain", seen->domain, err, &why);
    if (err != OUTRIDER_OK && diag != NULL)
        *diag = why;
    return err;
}

outrider_err otr_record_sighting(otr_worker *worker, const char *domain, otr_role role, const char *host,
                                 otr_sighting_source source, const STACK_OF(X509) *chain, const otr_verification *verification,
                                 outrider_diag *diag)
{
    otr_time now = otr_clock_now(worker->flow->clock);
    outrider_diag why = { 0 };
    otr_sighting sighting;
    outrider_err err;

    if (!otr_sighting_make(&sighting, domain, role, host, source, now, chain, verification)) {
        otr_count(OTR_CELL_SIGHTINGS + (unsigned)role * OTR_SIGHTING_RESULTS + OTR_SIGHTING_LOST);
        otr_fail(&why, OUTRIDER_E_NOMEM, "out of memory");
        otr_record_trouble(worker, "recording a chain", domain, OUTRIDER_E_NOMEM, &why);
        return otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    }
    err = otr_record_seen(worker, &sighting, diag);
    if (err == OUTRIDER_OK)
        share(worker, &sighting);
    otr_sighting_clear(&sighting);
    return err;
}

/* Policy hosts ------------------------------------------------------------------------------------------------- */

static bool is_of_root(const X509 *root, const char *fingerprint)
{
    char sha256[OTR_SHA256_TEXT];

    return root != NULL && otr_cert_fingerprint(root, sha256) && strcmp(sha256, fingerprint) == 0;
}

/*
 * The fetch held the anchors that it began with. Those that count now judge what it has seen: a root that was taken away
 * while it was under way vouches for nothing any more.
 */
static outrider_err judge_again(const otr_worker *worker, const char *domain, const char *host, const otr_fetch_result *result,
                                otr_verification *now)
{
    const otr_anchor_set *set = anchors_of(worker, domain);
    const X509 *root = otr_verification_root(result->verification);

    *now = (otr_verification){ .depth = -1 };
    if (root == NULL || otr_anchor_set_has(set, root))
        return OUTRIDER_OK;
    return otr_verify_chain(set, result->chain, host, otr_clock_now(worker->flow->clock), now);
}

/*
 * What the policy host says under a root that is held is not taken: the policy on hand stays (REMEMBER). Where the store
 * fails, the root cannot be compared with the one before; that holds a new policy back too, unless there is no policy on
 * hand: none would be worse, and what cannot be stored is not answered from anyway.
 */
static bool is_policy_taken(otr_worker *worker, const char *domain, const char *host, const X509 *root, outrider_err recorded,
                            char why[OTR_STS_ERROR_SIZE])
{
    const otr_domain *known = otr_domain_find(worker, domain);
    otr_hold hold;

    if (!is_deferring(worker, domain))
        return true;
    if (otr_holds_find_host(worker->flow->holds, domain, OTR_ROLE_POLICY, host, &hold)) {
        snprintf(why, OTR_STS_ERROR_SIZE, "has come to the root %.80s, which is held; \"outrider trust accept\" lets it in",
                 hold.to_name);
        return is_of_root(root, hold.from);
    }
    if (recorded == OUTRIDER_OK || recorded == OUTRIDER_E_LIMIT || known == NULL || !otr_domain_has_policy(known))
        return true;
    snprintf(why, OTR_STS_ERROR_SIZE, "its root cannot be compared with the one before: the store fails");
    return false;
}

bool otr_record_policy_host(void *arg, const char *domain, const char *host, const otr_fetch_result *result,
                            char why[OTR_STS_ERROR_SIZE])
{
    otr_worker *worker = arg;
    otr_verification again;
    const otr_verification *v = result->verification;
    outrider_err err = judge_again(worker, domain, host, result, &again);
    const X509 *root;
    bool is_taken = true;

    if (err != OUTRIDER_OK) {
        snprintf(why, OTR_STS_ERROR_SIZE, "out of memory");
        return false;
    }
    if (again.path != NULL || again.error != X509_V_OK)
        v = &again;
    err = otr_record_sighting(worker, domain, OTR_ROLE_POLICY, host, OTR_SEEN_IN_FETCH, result->chain, v, NULL);
    root = otr_verification_root(v);
    if (root != NULL) {
        is_taken = is_policy_taken(worker, domain, host, root, err, why);
    } else if (v == &again) {
        snprintf(why, OTR_STS_ERROR_SIZE, "the roots have changed while it was asked: %.150s", again.reason);
        is_taken = false;
    }
    otr_verification_clear(&again);
    return is_taken;
}

/* Accepting ---------------------------------------------------------------------------------------------------- */

struct listing {
    const char *domain;
    otr_buf hosts;
    bool has_policy_host;
};

static void list_hold(void *arg, const otr_hold *hold)
{
    struct listing *list = arg;

    if (strcmp(hold->domain, list->domain) != 0)
        return;
    otr_buf_printf(&list->hosts, "%s%s (%s)", list->hosts.len > 0 ? ", " : "", hold->host, hold->to_name);
    list->has_policy_host |= hold->role == OTR_ROLE_POLICY;
}

outrider_err otr_record_release(otr_worker *worker, const char *domain, int64_t uid, const char *member, outrider_diag *diag)
{
    struct listing list = { .domain = domain, .hosts = OTR_BUF_INIT };
    char who[24];
    outrider_err err;

    otr_holds_each(worker->flow->holds, list_hold, &list);
    if (list.hosts.len == 0) {
        otr_buf_clear(&list.hosts);
        return otr_fail(diag, OUTRIDER_E_SYNTAX, "nothing of %s is held", domain);
    }
    err = otr_holds_drop(worker->flow->holds, domain, diag);
    if (err == OUTRIDER_OK) {
        snprintf(who, sizeof(who), "%lld", (long long)uid);
        OTR_LOG(OTR_LOG_NOTICE, "trust.accepted", { "destination", domain }, { "hosts", otr_buf_text(&list.hosts) },
                { "uid", uid >= 0 ? who : NULL }, { "member", member });
        if (list.has_policy_host)
            otr_domain_resume(worker, domain);
        apply(worker, domain);
    }
    otr_buf_clear(&list.hosts);
    return err;
}

outrider_err otr_record_accept(otr_worker *worker, const char *domain, int64_t uid, outrider_diag *diag)
{
    otr_fleet *fleet = worker->flow->fleet;
    otr_time now = otr_clock_now(worker->flow->clock);
    otr_removal said = { .at = now, .until = now + OTR_FLEET_KEEP, .uid = uid };
    otr_fleet_record record;
    outrider_diag why;
    outrider_err err = otr_record_release(worker, domain, uid, NULL, diag);

    if (err != OUTRIDER_OK)
        return err;
    snprintf(said.name, sizeof(said.name), "%s/%s", otr_fleet_kind_names[OTR_FLEET_ACCEPTED], domain);
    if (!otr_fleet_record_of_name(&record, said.name, now, otr_fleet_member(fleet)))
        return OUTRIDER_OK;
    if (otr_store_put_removal(worker->flow->store, &said, &why) != OUTRIDER_OK)
        OTR_LOG(OTR_LOG_ERROR, "store.failed", { "doing", "remembering what was accepted" }, { "domain", domain },
                { "error", why.message }, { "effect", "a member that is away now does not hear of it" });
    otr_fleet_share(fleet, &record);
    return OUTRIDER_OK;
}
