/*
 * root_report.c - see root_report.h: one destination after the other.
 */
#include "verdict/root_report.h"

#include "base/diag.h"

#include <stdlib.h>
#include <string.h>

/* The list with room for one more. NULL: out of memory, and the list is what it was. */
static void *make_room(void *list, size_t count, size_t *room, size_t size)
{
    size_t wanted = *room == 0 ? 16 : *room * 2;
    void *grown;

    if (count < *room)
        return list;
    grown = reallocarray(list, wanted, size);
    if (grown != NULL)
        *room = wanted;
    return grown;
}

static void take_earlier(otr_time *first, otr_time end)
{
    if (*first == 0 || end < *first)
        *first = end;
}

/* Roots ------------------------------------------------------------------------------------------------------------ */

/* Its index; added if it is new. */
static outrider_err find_root(otr_report *r, X509 *cert, size_t *index)
{
    otr_report_root made = { .cert = cert }, *list;

    for (*index = 0; *index < r->root_count; ++*index)
        if (r->roots[*index].cert == cert)
            return OUTRIDER_OK;
    if (!otr_cert_anchor_id(cert, made.id) || !otr_cert_fingerprint(cert, made.sha256))
        return OUTRIDER_E_NOMEM;
    for (*index = 0; *index < r->root_count; ++*index)
        if (strcmp(r->roots[*index].id, made.id) == 0)
            return OUTRIDER_OK;
    list = make_room(r->roots, r->root_count, &r->root_room, sizeof(*list));
    if (list == NULL)
        return OUTRIDER_E_NOMEM;
    r->roots = list;
    X509_up_ref(cert);
    r->roots[r->root_count++] = made;
    return OUTRIDER_OK;
}

static outrider_err find_ca(otr_report *r, X509 *cert, size_t root, otr_report_ca **ca)
{
    otr_report_ca made = { .cert = cert, .root = root }, *list;

    if (!otr_cert_anchor_id(cert, made.id))
        return OUTRIDER_E_NOMEM;
    for (size_t i = 0; i < r->ca_count; i++) {
        *ca = &r->cas[i];
        if ((*ca)->root == root && strcmp((*ca)->id, made.id) == 0)
            return OUTRIDER_OK;
    }
    list = make_room(r->cas, r->ca_count, &r->ca_room, sizeof(*list));
    if (list == NULL)
        return OUTRIDER_E_NOMEM;
    r->cas = list;
    X509_up_ref(cert);
    *ca = &r->cas[r->ca_count++];
    **ca = made;
    return OUTRIDER_OK;
}

/* Links ------------------------------------------------------------------------------------------------------------ */

/* What a host with DANE shows counts where all have it, as what they use and do not need; beside others it is nothing to go by. */
static bool is_of_no_account(const otr_tie *tie, const otr_report_row *row)
{
    return tie->has_dane && !row->has_only_dane;
}

static outrider_err add_tie(otr_report *r, const otr_tie *tie, otr_report_row *row)
{
    size_t root, at = 0;
    outrider_err err = OUTRIDER_OK;

    if (is_of_no_account(tie, row))
        return OUTRIDER_OK;
    err = find_root(r, otr_tie_root(tie), &root);
    if (err != OUTRIDER_OK)
        return err;
    while (at < row->link_count && row->links[at].root != root)
        at++;
    if (at == row->link_count)
        row->links[row->link_count++] = (otr_report_link){ .root = root };
    row->links[at].hosts[tie->sighting->role]++;
    take_earlier(&row->links[at].expires_at, tie->expires_at);
    return OUTRIDER_OK;
}

static outrider_err classify_link(otr_report *r, const otr_dependant *d, const otr_anchors *before, otr_report_without *without,
                                  void *arg, otr_report_link *link, outrider_diag *diag)
{
    otr_report_root *root = &r->roots[link->root];
    outrider_err err = OUTRIDER_OK;
    otr_effect effect;

    if (root->after == NULL)
        err = without(arg, root->id, &root->after, diag);
    if (err == OUTRIDER_OK)
        err = otr_effect_judge(d, before, root->after, r->at, &effect, diag);
    if (err == OUTRIDER_OK)
        link->class = effect.class;
    return err;
}

/* Where losing the root would change nothing, nothing hangs on it. */
static void drop_idle_links(otr_report_row *row)
{
    size_t kept = 0;

    for (size_t i = 0; i < row->link_count; i++)
        if (row->links[i].class != OTR_EFFECT_NONE)
            row->links[kept++] = row->links[i];
    row->link_count = kept;
}

static otr_effect_class class_without_links(const otr_report_row *row)
{
    if (row->has_only_dane)
        return OTR_EFFECT_DANE;
    if (row->mode == OTR_STS_NONE)
        return OTR_EFFECT_NO_POLICY;
    return row->dane > 0 ? OTR_EFFECT_NONE : OTR_EFFECT_UNKNOWN;
}

static otr_effect_class worst_class(const otr_report_row *row)
{
    otr_effect_class worst = OTR_EFFECT_COUNT;

    for (size_t i = 0; i < row->link_count; i++)
        if (row->links[i].class < worst)
            worst = row->links[i].class;
    return row->link_count > 0 ? worst : class_without_links(row);
}

static void count_row(otr_report *r, const otr_report_row *row)
{
    for (size_t i = 0; i < row->link_count; i++) {
        const otr_report_link *link = &row->links[i];
        otr_report_root *root = &r->roots[link->root];

        root->destinations++;
        root->counts[link->class]++;
        root->traffic += row->traffic;
        for (size_t role = 0; role < OTR_ROLE_COUNT; role++)
            root->by_role[role] += link->hosts[role] > 0;
    }
    r->counts[row->class]++;
    r->traffic += row->traffic;
    if (row->mode != OTR_STS_NONE && !row->has_only_dane) {
        r->refused += row->refused > 0;
        r->unseen += row->unseen > 0;
    }
}

/* Each CA between, and the ends of the chain, for the root of a tie that is a link. */
static outrider_err count_tie(otr_report *r, const otr_tie *tie, const otr_report_row *row)
{
    otr_role role = tie->sighting->role;
    size_t root, mark = r->row_count + 1;
    outrider_err err = OUTRIDER_OK;
    bool is_link = false;

    if (is_of_no_account(tie, row))
        return OUTRIDER_OK;
    err = find_root(r, otr_tie_root(tie), &root);
    for (size_t i = 0; err == OUTRIDER_OK && i < row->link_count; i++)
        is_link |= row->links[i].root == root;
    if (err != OUTRIDER_OK || !is_link)
        return err;
    take_earlier(&r->roots[root].first_end, tie->expires_at);
    if (tie->expires_at > r->roots[root].last_end)
        r->roots[root].last_end = tie->expires_at;
    for (int i = 1; err == OUTRIDER_OK && i < sk_X509_num(tie->path) - 1; i++) {
        otr_report_ca *ca;

        err = find_ca(r, sk_X509_value(tie->path, i), root, &ca);
        if (err != OUTRIDER_OK)
            break;
        take_earlier(&ca->first_end, tie->expires_at);
        ca->by_role[role] += ca->marks[role] != mark;
        ca->destinations += ca->marks[OTR_ROLE_COUNT] != mark;
        ca->marks[role] = ca->marks[OTR_ROLE_COUNT] = mark;
    }
    return err;
}

/* Changes ---------------------------------------------------------------------------------------------------------- */

static outrider_err add_change(otr_report *r, const otr_dependant *d, const otr_sighting *s)
{
    otr_report_change *made, *list = make_room(r->changes, r->change_count, &r->change_room, sizeof(*list));

    if (list == NULL)
        return OUTRIDER_E_NOMEM;
    r->changes = list;
    made = &r->changes[r->change_count++];
    *made = (otr_report_change){ .domain = strdup(d->domain), .host = strdup(s->host), .role = s->role, .to = s->root,
                                 .at = s->changed_at };
    memcpy(made->from, s->root_before, sizeof(made->from));
    X509_up_ref(s->root);
    return made->domain != NULL && made->host != NULL ? OUTRIDER_OK : OUTRIDER_E_NOMEM;
}

static outrider_err add_changes(otr_report *r, const otr_dependant *d)
{
    outrider_err err = OUTRIDER_OK;

    for (size_t i = 0; err == OUTRIDER_OK && i < d->sighting_count; i++) {
        const otr_sighting *s = &d->sightings[i];

        if (s->root != NULL && s->changed_at > 0 && s->changed_at >= r->since)
            err = add_change(r, d, s);
    }
    return err;
}

/* A destination ---------------------------------------------------------------------------------------------------- */

static outrider_err make_row(const otr_dependant *d, const otr_dependence *found, otr_report_row *row)
{
    *row = (otr_report_row){ .domain = strdup(d->domain), .mode = d->mode, .policy_expires_at = d->policy_expires_at,
                             .traffic = d->traffic, .is_own = d->is_own, .has_only_dane = found->has_only_dane,
                             .dane = found->dane, .refused = found->refused, .unseen = found->unseen };
    row->links = calloc(found->tie_count + 1, sizeof(*row->links));
    return row->domain != NULL && row->links != NULL ? OUTRIDER_OK : OUTRIDER_E_NOMEM;
}

static void clear_row(otr_report_row *row)
{
    free(row->domain);
    free(row->links);
}

static outrider_err add(otr_report *r, const otr_dependant *d, const otr_dependence *found, const otr_anchors *before,
                        otr_report_without *without, void *arg, otr_report_row *row, outrider_diag *diag)
{
    outrider_err err = make_row(d, found, row);
    otr_report_row *list;

    for (size_t i = 0; err == OUTRIDER_OK && i < found->tie_count; i++)
        err = add_tie(r, &found->ties[i], row);
    for (size_t i = 0; err == OUTRIDER_OK && i < row->link_count; i++)
        err = classify_link(r, d, before, without, arg, &row->links[i], diag);
    if (err != OUTRIDER_OK)
        return err;
    drop_idle_links(row);
    row->class = worst_class(row);
    for (size_t i = 0; err == OUTRIDER_OK && i < found->tie_count; i++)
        err = count_tie(r, &found->ties[i], row);
    if (err == OUTRIDER_OK)
        err = add_changes(r, d);
    if (err != OUTRIDER_OK)
        return err;
    list = make_room(r->rows, r->row_count, &r->row_room, sizeof(*list));
    if (list == NULL)
        return OUTRIDER_E_NOMEM;
    r->rows = list;
    return OUTRIDER_OK;
}

outrider_err otr_report_add(otr_report *report, const otr_dependant *dependant, const otr_anchors *before,
                            otr_report_without *without, void *arg, outrider_diag *diag)
{
    otr_dependence found;
    otr_report_row row = { 0 };
    outrider_err err = otr_dependence_find(dependant, before, report->at, &found, diag);

    if (err != OUTRIDER_OK)
        return err;
    err = add(report, dependant, &found, before, without, arg, &row, diag);
    otr_dependence_clear(&found);
    if (err != OUTRIDER_OK) {
        clear_row(&row);
        return err == OUTRIDER_E_NOMEM ? otr_fail(diag, err, "out of memory") : err;
    }
    count_row(report, &row);
    report->rows[report->row_count++] = row;
    return OUTRIDER_OK;
}

void otr_report_clear(otr_report *report)
{
    for (size_t i = 0; i < report->root_count; i++) {
        X509_free(report->roots[i].cert);
        otr_anchors_free(report->roots[i].after);
    }
    for (size_t i = 0; i < report->ca_count; i++)
        X509_free(report->cas[i].cert);
    for (size_t i = 0; i < report->row_count; i++)
        clear_row(&report->rows[i]);
    for (size_t i = 0; i < report->change_count; i++) {
        free(report->changes[i].domain);
        free(report->changes[i].host);
        X509_free(report->changes[i].to);
    }
    free(report->roots);
    free(report->cas);
    free(report->rows);
    free(report->changes);
    *report = (otr_report){ 0 };
}
