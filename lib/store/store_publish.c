/*
 * store_publish.c - life cycles and versions of our own policies. What is read back is trusted no more than what a peer sends: the text
 * must parse, and its id must be that of the text.
 */
#include "store/store_publish.h"

#include "base/diag.h"
#include "store/store_work.h"

#include <stdlib.h>
#include <string.h>

#define LATEST (INT64_MAX / 4) /* no time of this world */

/* The reason why it cannot be one, or NULL. */
static const char *find_fault(const char *domain, const otr_lifecycle *life)
{
    if (!otr_is_ldh_domain(domain, strlen(domain)))
        return "the domain is none";
    if (life->since <= 0 || life->since > LATEST)
        return "the time is impossible";
    if (life->reason[0] != '\0' && otr_override_reason(life->reason, strlen(life->reason), NULL) != OUTRIDER_OK)
        return "the reason is none";
    return NULL;
}

static const char *find_version_fault(const otr_version *v)
{
    char id[OTR_STS_ID_MAX + 1];
    otr_sts_policy *policy = NULL;
    bool is_same;

    if (v->since <= 0 || v->since > LATEST || v->last < 0 || v->last > LATEST || v->horizon < 0 || v->horizon > LATEST)
        return "a time is impossible";
    if (otr_publication_id(v->body, strlen(v->body), id) != OUTRIDER_OK || strcmp(id, v->id) != 0)
        return "the id is not that of the text";
    if (otr_sts_policy_parse(v->body, strlen(v->body), &policy, NULL) != OUTRIDER_OK)
        return "the policy does not parse";
    is_same = policy->mode == v->mode && policy->max_age == v->max_age;
    otr_sts_policy_free(policy);
    return is_same ? NULL : "mode or max_age are not those of the text";
}

/* Writing ------------------------------------------------------------------------------------------------------ */

static void put_version(otr_work *w, const char *domain, const otr_version *v)
{
    const char *why = find_version_fault(v);
    sqlite3_stmt *s;

    if (why != NULL) {
        otr_work_refuse(w, OUTRIDER_E_SYNTAX, "the version of \"%.100s\" is not kept: %s", domain, why);
        return;
    }
    s = otr_work_take(w, OTR_STORE_PUT_VERSION);
    otr_work_run(w, s, bind_text(s, 1, domain) && bind_text(s, 2, v->id) && bind_text(s, 3, otr_sts_mode_names[v->mode]) &&
                           bind_number(s, 4, v->max_age) && bind_text(s, 5, v->body) && bind_number(s, 6, v->since) &&
                           bind_number(s, 7, v->last) && bind_number(s, 8, v->horizon));
}

static void put_step(otr_work *w, const otr_publish_step *step)
{
    const otr_lifecycle *life = &step->life;
    const char *why = find_fault(step->domain, life);
    sqlite3_stmt *s;

    if (why != NULL) {
        otr_work_refuse(w, OUTRIDER_E_SYNTAX, "the publication \"%.100s\" is not kept: %s", step->domain, why);
        return;
    }
    if (step->version != NULL)
        put_version(w, step->domain, step->version);
    s = otr_work_take(w, OTR_STORE_PUT_PUBLICATION);
    otr_work_run(w, s, bind_text(s, 1, step->domain) && bind_text(s, 2, otr_phase_names[life->phase]) && bind_number(s, 3, life->since) &&
                           bind_text(s, 4, life->serving) && bind_number(s, 5, life->uid) && bind_number(s, 6, life->is_forced) &&
                           bind_text(s, 7, life->reason));
}

outrider_err otr_store_put_steps(otr_store *store, const otr_publish_step *steps, size_t count, outrider_diag *diag)
{
    otr_work w;

    otr_work_begin(&w, store, OTR_WORK_WRITE, diag);
    for (size_t i = 0; i < count && w.err == OUTRIDER_OK; i++)
        put_step(&w, &steps[i]);
    return otr_work_end(&w);
}

outrider_err otr_store_put_horizons(otr_store *store, const otr_version_times *list, size_t count, outrider_diag *diag)
{
    otr_work w;

    otr_work_begin(&w, store, OTR_WORK_WRITE, diag);
    for (size_t i = 0; i < count && w.err == OUTRIDER_OK; i++) {
        sqlite3_stmt *s = otr_work_take(&w, OTR_STORE_PUT_HORIZON);

        otr_work_run(&w, s, bind_text(s, 1, list[i].domain) && bind_text(s, 2, list[i].id) && bind_number(s, 3, list[i].last) &&
                                bind_number(s, 4, list[i].horizon));
        if (w.err == OUTRIDER_OK && sqlite3_changes(w.db) == 0)
            otr_work_refuse(&w, OUTRIDER_E_SYNTAX, "the version %s of \"%.100s\" is not there any more", list[i].id, list[i].domain);
    }
    return otr_work_end(&w);
}

/* Reading ------------------------------------------------------------------------------------------------------ */

/* The index of a word in a list that ends in NULL; -1: none of them. */
static int find_word(const char *word, const char *const *words)
{
    for (int i = 0; words[i] != NULL; i++)
        if (strcmp(word, words[i]) == 0)
            return i;
    return -1;
}

static const char *read_life(sqlite3_stmt *s, char domain[OTR_DOMAIN_SIZE], otr_lifecycle *life)
{
    char phase[16];
    int found;

    *life = (otr_lifecycle){ .since = sqlite3_column_int64(s, 2), .uid = sqlite3_column_int64(s, 4),
                             .is_forced = sqlite3_column_int(s, 5) != 0 };
    if (!copy_text(s, 0, domain, OTR_DOMAIN_SIZE) || !copy_text(s, 1, phase, sizeof(phase)) ||
        !copy_text(s, 3, life->serving, sizeof(life->serving)) || !copy_text(s, 6, life->reason, sizeof(life->reason)))
        return "domain, phase, id or reason is none";
    found = find_word(phase, otr_phase_names);
    if (found < 0)
        return "the phase is none";
    life->phase = (otr_phase)found;
    return find_fault(domain, life);
}

/* The body is borrowed from the row until it is replaced by a copy. */
static const char *read_version(sqlite3_stmt *s, otr_version *v)
{
    const char *body = (const char *)sqlite3_column_text(s, 4);
    sqlite3_int64 max_age = sqlite3_column_int64(s, 3);
    char mode[16];
    int found;

    *v = (otr_version){ .since = sqlite3_column_int64(s, 5), .last = sqlite3_column_int64(s, 6), .horizon = sqlite3_column_int64(s, 7) };
    if (!copy_text(s, 1, v->id, sizeof(v->id)) || !copy_text(s, 2, mode, sizeof(mode)) || body == NULL ||
        strlen(body) != (size_t)sqlite3_column_bytes(s, 4) || max_age < 0 || max_age > OTR_STS_MAX_AGE_LIMIT)
        return "id, mode, max_age or text is none";
    found = find_word(mode, otr_sts_mode_names);
    if (found < 0)
        return "the mode is none";
    v->mode = (otr_sts_mode)found;
    v->max_age = (uint32_t)max_age;
    v->body = body;
    return find_version_fault(v);
}

typedef struct version_list {
    otr_version *list; /* owned */
    char **bodies;     /* owned; what `body` of each points to */
    size_t count, room;
} version_list;

static void clear_versions(version_list *versions)
{
    for (size_t i = 0; i < versions->count; i++)
        free(versions->bodies[i]);
    versions->count = 0;
}

static bool enlarge(version_list *versions)
{
    size_t room = versions->room * 2 + 4;
    otr_version *list = reallocarray(versions->list, room, sizeof(*list));
    char **bodies;

    if (list == NULL)
        return false;
    versions->list = list;
    bodies = reallocarray(versions->bodies, room, sizeof(*bodies));
    if (bodies == NULL)
        return false;
    versions->bodies = bodies;
    versions->room = room;
    return true;
}

static bool append_version(version_list *versions, const otr_version *v)
{
    size_t at = versions->count;

    if (at == versions->room && !enlarge(versions))
        return false;
    versions->bodies[at] = strdup(v->body);
    if (versions->bodies[at] == NULL)
        return false;
    versions->list[at] = *v;
    versions->list[at].body = versions->bodies[at];
    versions->count++;
    return true;
}

/* What a visit of all publications needs; `bad` is of the first row that is none. */
typedef struct reading {
    otr_work w;
    version_list versions;
    outrider_err bad;
    outrider_diag *diag;
} reading;

static void tell_bad_row(reading *r, const char *what, const char *domain, const char *why)
{
    if (r->bad == OUTRIDER_OK)
        r->bad = otr_fail(r->diag, OUTRIDER_E_SYNTAX, "%s: the %s of \"%.100s\" is not used: %s", r->w.store->path, what, domain, why);
}

static void read_versions(reading *r, const char *domain)
{
    sqlite3_stmt *s = otr_work_take(&r->w, OTR_STORE_VERSIONS);
    bool is_bound = bind_text(s, 1, domain);

    clear_versions(&r->versions);
    while (otr_work_row(&r->w, s, is_bound)) {
        otr_version v;
        const char *why = read_version(s, &v);

        if (why != NULL) {
            tell_bad_row(r, "version", domain, why);
        } else if (!append_version(&r->versions, &v)) {
            otr_work_drop(s);
            otr_work_refuse(&r->w, OUTRIDER_E_NOMEM, "out of memory");
            return;
        }
    }
}

outrider_err otr_store_each_published(otr_store *store, otr_store_visit_published *visit, void *arg, outrider_diag *diag)
{
    reading r = { .diag = diag };
    outrider_err err;
    sqlite3_stmt *s;

    otr_work_begin(&r.w, store, OTR_WORK_READ, diag);
    s = otr_work_take(&r.w, OTR_STORE_PUBLICATIONS);
    while (otr_work_row(&r.w, s, true)) {
        char domain[OTR_DOMAIN_SIZE] = "";
        otr_lifecycle life;
        const char *why = read_life(s, domain, &life);

        if (why != NULL) {
            tell_bad_row(&r, "publication", domain, why);
            continue;
        }
        read_versions(&r, domain);
        if (r.w.err == OUTRIDER_OK)
            visit(arg, &(otr_published){ .domain = domain, .life = life, .versions = r.versions.list,
                                         .version_count = r.versions.count });
    }
    clear_versions(&r.versions);
    free(r.versions.list);
    free(r.versions.bodies);
    err = otr_work_end(&r.w);
    return err != OUTRIDER_OK ? err : r.bad;
}
