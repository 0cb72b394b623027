/*
 * trust_explain_json.c - the answer of `outrider trust explain` for scripts: everything, whatever the size.
 */
#include "cli/trust_explain.h"

#include "cli/trust_text.h"

#include <jansson.h>
#include <string.h>

static json_t *make_names(const char *const *names)
{
    json_t *list;

    if (names == NULL)
        return json_null();
    list = json_array();
    for (; *names != NULL; names++)
        json_array_append_new(list, otr_text_json(*names));
    return list;
}

static json_t *make_rule_name(const otr_anchor_rule *rule)
{
    return rule != NULL ? otr_text_json(rule->name) : json_null();
}

/* The root of an exception; a rule of the configuration has a file. */
static json_t *make_root_of(const otr_anchor_rule *rule)
{
    char sha256[OTR_SHA256_TEXT];

    if (rule->until == 0 || sk_X509_num(rule->roots) != 1)
        return json_null();
    otr_cert_fingerprint(sk_X509_value(rule->roots, 0), sha256);
    return json_string(sha256);
}

static json_t *make_rule(const otr_explanation *e, const otr_rule_reason *r)
{
    return json_pack("{s:o, s:s, s:o, s:o, s:o, s:b, s:o, s:s, s:I, s:I, s:o, s:o, s:o}", "name", otr_text_json(r->rule->name),
                     "state", otr_rule_state_names[r->state], "file", otr_text_json(r->rule->file), "sha256",
                     make_root_of(r->rule), "for", make_names(r->rule->names), "only", (int)r->rule->is_only, "confine", make_names(r->rule->confine),
                     "on_change", otr_on_change_names[r->rule->on_change], "roots", (json_int_t)r->root_count, "counting",
                     (json_int_t)r->counting, "until", otr_time_json(r->rule->until), "reason", otr_text_json(r->rule->reason),
                     "barred_by", make_rule_name(r->state == OTR_RULE_NOT_ONLY ? e->only : NULL));
}

static json_t *make_rules(const otr_explanation *e)
{
    json_t *list = json_array();

    for (size_t i = 0; i < e->rule_count; i++)
        json_array_append_new(list, make_rule(e, &e->rules[i]));
    return list;
}

static json_t *make_root(const otr_root_reason *r, const otr_fitness *fitness)
{
    json_t *rules = json_array(), *root = otr_root_json(r->cert);

    for (size_t i = 0; r->rules[i] != NULL; i++)
        json_array_append_new(rules, make_rule_name(r->rules[i]));
    json_object_set_new(root, "not_before", otr_time_json(otr_cert_not_before(r->cert)));
    json_object_set_new(root, "state", json_string(otr_root_state_names[r->state]));
    json_object_set_new(root, "rules", rules);
    json_object_set_new(root, "barred_by", make_rule_name(r->barred_by));
    json_object_set_new(root, "ended_at", otr_time_json(r->state == OTR_ROOT_ENDED ? r->brought_by->until : 0));
    json_object_set_new(root, "usable", json_boolean(fitness->is_usable));
    json_object_set_new(root, "why_not", fitness->is_usable ? json_null() : json_string(fitness->why_not));
    return root;
}

static json_t *make_roots(const otr_explanation *e)
{
    json_t *list = json_array();

    for (size_t i = 0; i < e->root_count; i++)
        json_array_append_new(list, make_root(&e->roots[i], &e->fitness[i]));
    return list;
}

static json_t *make_holds(const otr_explanation *e)
{
    json_t *list = json_array();

    for (size_t i = 0; i < e->hold_count; i++) {
        const otr_hold *h = &e->holds[i];

        json_array_append_new(list, json_pack("{s:s, s:o, s:{s:o, s:o}, s:{s:o, s:o}, s:o}", "role", otr_role_names[h->role],
                                              "host", otr_text_json(h->host), "from", "subject", otr_text_json(h->from_name),
                                              "sha256", otr_text_json(h->from), "to", "subject", otr_text_json(h->to_name),
                                              "sha256", otr_text_json(h->to), "since", otr_time_json(h->since)));
    }
    return list;
}

static json_t *make_handed(const otr_handed *handed)
{
    bool has_file = handed->how == OTR_HANDS_FILE;

    return json_pack("{s:s, s:o, s:o, s:o}", "state", otr_handing_names[handed->how], "file", otr_text_json(handed->file), "path",
                     otr_text_json(handed->path), "exists",
                     !has_file || handed->is_there == OTR_IS_UNKNOWN ? json_null() : json_boolean(handed->is_there == OTR_IS_THERE));
}

static json_t *make_crls(const otr_explanation *e)
{
    return e->crl_count == 0 ? json_null() : json_pack("{s:o, s:I}", "file", otr_text_json(e->view->conf->anchors.crls), "count",
                                                       (json_int_t)e->crl_count);
}

json_t *otr_explanation_json(const otr_explanation *e)
{
    json_t *set = json_pack("{s:o, s:o, s:I, s:s}", "rules", make_names(e->set->rules), "file", otr_text_json(e->set->file), "count",
                            (json_int_t)e->set->count, "name", e->set->name);

    return json_pack("{s:s, s:o, s:o, s:o, s:b, s:s, s:b, s:o, s:o, s:o, s:o, s:o, s:o}", "domain", e->domain, "at",
                     otr_time_json(e->view->at), "anchors", set, "store", otr_text_json(e->view->conf->store.path), "has_store",
                     (int)(e->view->store != NULL), "on_change", otr_on_change_names[e->set->on_change], "held", (int)e->is_held,
                     "holds", make_holds(e), "exim", make_handed(&e->handed[OTR_OWN_EXIM]), "postfix",
                     make_handed(&e->handed[OTR_OWN_POSTFIX]), "crls", make_crls(e), "rules", make_rules(e), "roots", make_roots(e));
}
