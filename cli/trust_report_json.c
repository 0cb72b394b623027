/*
 * trust_report_json.c - `outrider trust report --json`: everything, nothing cut.
 */
#include "cli/trust_report.h"

#include "cli/trust_text.h"

#include <jansson.h>
#include <string.h>

static json_t *make_number(size_t number)
{
    return json_integer((json_int_t)number);
}

static json_t *make_counts(const size_t counts[OTR_EFFECT_COUNT])
{
    json_t *made = json_object();

    for (size_t i = 0; i < OTR_EFFECT_COUNT; i++)
        json_object_set_new(made, otr_effect_letters[i], make_number(counts[i]));
    return made;
}

static json_t *make_roles(const size_t by_role[OTR_ROLE_COUNT])
{
    json_t *made = json_object();

    for (size_t i = 0; i < OTR_ROLE_COUNT; i++)
        json_object_set_new(made, otr_role_names[i], make_number(by_role[i]));
    return made;
}

static json_t *make_cas(const otr_report *r, size_t root)
{
    json_t *list = json_array();

    for (size_t i = 0; i < r->ca_count; i++) {
        const otr_report_ca *ca = &r->cas[i];

        if (ca->root == root)
            json_array_append_new(list, json_pack("{s:o, s:o, s:o, s:o}", "ca", otr_root_json(ca->cert), "destinations",
                                                  make_number(ca->destinations), "roles", make_roles(ca->by_role), "first_end",
                                                  otr_time_json(ca->first_end)));
    }
    return list;
}

static json_t *make_roots(const otr_trust_report *t)
{
    const otr_report *r = &t->report;
    json_t *list = json_array();

    for (size_t i = 0; i < r->root_count; i++) {
        const otr_report_root *root = &r->roots[i];
        json_t *made = json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:f, s:o, s:o, s:o, s:o}", "root", otr_root_json(root->cert),
                                 "destinations", make_number(root->destinations), "roles", make_roles(root->by_role), "dane",
                                 make_number(root->counts[OTR_EFFECT_DANE]), "other_path",
                                 make_number(root->counts[OTR_EFFECT_OTHER_PATH]), "counts", make_counts(root->counts), "traffic",
                                 root->traffic, "first_end", otr_time_json(root->first_end), "last_end",
                                 otr_time_json(root->last_end), "came", make_number(root->came), "left", make_number(root->left));

        if (t->has_cas)
            json_object_set_new(made, "intermediates", make_cas(r, i));
        json_array_append_new(list, made);
    }
    return list;
}

static json_t *make_links(const otr_report *r, const otr_report_row *row)
{
    json_t *list = json_array();

    for (size_t i = 0; i < row->link_count; i++) {
        const otr_report_link *link = &row->links[i];

        json_array_append_new(list, json_pack("{s:s, s:s, s:o, s:o}", "sha256", r->roots[link->root].sha256, "class",
                                              otr_effect_letters[link->class], "hosts", make_roles(link->hosts), "expires_at",
                                              otr_time_json(link->expires_at)));
    }
    return list;
}

static json_t *make_rows(const otr_report *r)
{
    json_t *list = json_array();

    for (size_t i = 0; i < r->row_count; i++) {
        const otr_report_row *row = &r->rows[i];

        json_array_append_new(
            list, json_pack("{s:s, s:s, s:s, s:o, s:f, s:b, s:b, s:o, s:o, s:o, s:b, s:o}", "domain", row->domain, "class",
                            otr_effect_letters[row->class], "mode", otr_sts_mode_names[row->mode], "policy_expires_at",
                            otr_time_json(row->policy_expires_at), "traffic", row->traffic, "is_own", (int)row->is_own, "dane",
                            (int)row->has_only_dane, "hosts_dane", make_number(row->dane), "hosts_refused",
                            make_number(row->refused), "hosts_unseen", make_number(row->unseen), "worth_asking_for_dane",
                            (int)(row->class == OTR_EFFECT_DEFERRED), "roots", make_links(r, row)));
    }
    return list;
}

static json_t *make_changes(const otr_trust_report *t)
{
    json_t *list = json_array();
    char from[OTR_CERT_NAME_SIZE];

    for (size_t i = 0; i < t->report.change_count; i++) {
        const otr_report_change *c = &t->report.changes[i];

        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:o}", "domain", c->domain, "role",
                                              otr_role_names[c->role], "host", c->host, "from_sha256", c->from, "from",
                                              otr_trust_report_name(t, c->from, from), "to", otr_root_json(c->to), "at",
                                              otr_time_json(c->at)));
    }
    return list;
}

static json_t *make_concentration(const otr_concentration *c)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:f, s:f}", "destinations", make_number(c->destinations), "covered",
                     make_number(c->covered), "roots", make_number(c->roots), "owners", make_number(c->owners), "traffic", c->traffic,
                     "traffic_covered", c->traffic_covered);
}

json_t *otr_trust_report_json(const otr_trust_report *t)
{
    const otr_report *r = &t->report;
    json_t *unrecorded = json_array();

    for (size_t i = 0; t->unrecorded[i] != NULL; i++)
        json_array_append_new(unrecorded, otr_text_json(t->unrecorded[i]));
    return json_pack("{s:o, s:o, s:b, s:i, s:o, s:f, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "at", otr_time_json(r->at), "store",
                     otr_text_json(t->store_path), "is_recorded", (int)t->is_recorded, "recent_days", (int)t->recent_days,
                     "recorded", make_number(r->row_count), "traffic", r->traffic, "counts", make_counts(r->counts), "unseen",
                     make_number(r->unseen), "refused", make_number(r->refused), "concentration",
                     make_concentration(&r->concentration), "roots", make_roots(t), "changes", make_changes(t), "destinations",
                     make_rows(r), "unrecorded", unrecorded);
}
