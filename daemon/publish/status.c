/*
 * status.c - one of our domains as JSON (docs/protocols.md, "Control"): everything that is known of it here, without a look outside.
 */
#include "daemon/publish/inside.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define NETWORKS_SHOWN 20

static json_t *time_or_null(otr_time at)
{
    char text[OTR_TIME_TEXT];

    return at > 0 ? json_string(otr_time_text(at, text)) : json_null();
}

static json_t *text_or_null(const char *text)
{
    return *text != '\0' ? json_string(text) : json_null();
}

/* Versions -------------------------------------------------------------------------------------------------------- */

static json_t *version_object(const otr_version *v, bool is_serving)
{
    return json_pack("{s:s, s:s, s:I, s:o, s:o, s:o, s:o, s:b}",
                     "id", v->id,
                     "mode", otr_sts_mode_names[v->mode],
                     "max_age", (json_int_t)v->max_age,
                     "since", time_or_null(v->since),
                     "last", time_or_null(v->last),
                     "horizon", time_or_null(v->horizon),
                     "ends", time_or_null(otr_version_end(v)),
                     "serving", is_serving);
}

static json_t *serving_object(const otr_edition *e)
{
    otr_sts_policy *policy = NULL;
    json_t *mx = json_array();
    json_t *object;

    if (otr_sts_policy_parse(e->v.body, strlen(e->v.body), &policy, NULL) == OUTRIDER_OK)
        for (size_t i = 0; i < policy->mx_count; i++)
            json_array_append_new(mx, json_string(policy->mx[i]));
    otr_sts_policy_free(policy);
    object = json_pack("{s:s, s:s, s:I, s:o, s:s, s:o, s:o, s:o}",
                       "id", e->v.id,
                       "mode", otr_sts_mode_names[e->v.mode],
                       "max_age", (json_int_t)e->v.max_age,
                       "mx", mx,
                       "text", e->v.body,
                       "since", time_or_null(e->v.since),
                       "last", time_or_null(otr_edition_last(e)),
                       "horizon", time_or_null(atomic_load(&e->served.horizon)));
    return object;
}

/* Its clocks and versions, the youngest first. */
static void add_versions(json_t *object, const otr_own_domain *d, otr_time now)
{
    size_t count = 0;
    otr_version *versions = otr_own_versions(d, &count);
    otr_time exit = otr_exit_clock(versions, count), memory = otr_memory_clock(versions, count);
    json_t *list = json_array();

    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, version_object(&versions[i], d->serving != NULL && strcmp(versions[i].id, d->serving->v.id) == 0));
    json_object_set_new(object, "versions", list);
    json_object_set_new(object, "exit", time_or_null(exit));
    json_object_set_new(object, "exit_seconds", json_integer(exit > now ? exit - now : 0));
    json_object_set_new(object, "memory", time_or_null(memory));
    json_object_set_new(object, "memory_seconds", json_integer(memory > now ? memory - now : 0));
    free(versions);
}

/* Fetches --------------------------------------------------------------------------------------------------------- */

struct network {
    char text[OTR_FETCH_NETWORK_SIZE];
    uint64_t count;
};

struct fetches {
    int64_t from, days;
    uint64_t by_day[OTR_CONTROL_DAYS_MAX];
    struct network *networks; /* owned; one of a day each, until they are added up */
    size_t count, room;
    bool is_short;
};

static void take_fetches(void *arg, const otr_fetch_count *f)
{
    struct fetches *found = arg;
    size_t room = found->room * 2 + 32;

    if (f->day < found->from || f->day >= found->from + found->days)
        return;
    found->by_day[f->day - found->from] += f->count;
    if (found->count == found->room) {
        struct network *networks = reallocarray(found->networks, room, sizeof(*networks));

        found->is_short |= networks == NULL;
        if (networks == NULL)
            return;
        found->networks = networks;
        found->room = room;
    }
    found->networks[found->count] = (struct network){ .count = f->count };
    strcpy(found->networks[found->count++].text, f->network);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(((const struct network *)a)->text, ((const struct network *)b)->text);
}

static int by_count(const void *a, const void *b)
{
    const struct network *x = a, *y = b;

    return x->count != y->count ? (x->count < y->count ? 1 : -1) : strcmp(x->text, y->text);
}

static void add_up(struct fetches *found)
{
    size_t kept = 0;

    if (found->count == 0)
        return;
    qsort(found->networks, found->count, sizeof(found->networks[0]), by_text);
    for (size_t i = 1; i < found->count; i++) {
        if (strcmp(found->networks[i].text, found->networks[kept].text) == 0)
            found->networks[kept].count += found->networks[i].count;
        else
            found->networks[++kept] = found->networks[i];
    }
    found->count = kept + 1;
    qsort(found->networks, found->count, sizeof(found->networks[0]), by_count);
}

static json_t *days_list(const struct fetches *found)
{
    json_t *list = json_array();

    for (int64_t i = found->days - 1; i >= 0; i--) {
        char text[OTR_TIME_TEXT];

        otr_time_text((found->from + i) * OTR_DAY_S, text);
        text[strlen("2026-01-31")] = '\0';
        json_array_append_new(list, json_pack("{s:s, s:I}", "day", text, "count", (json_int_t)found->by_day[i]));
    }
    return list;
}

/* The busiest networks. A store that cannot be read is said to be so. */
static json_t *fetches_object(const otr_publisher *p, const otr_own_domain *d, otr_time now, int64_t days)
{
    struct fetches found = { .from = now / OTR_DAY_S - days + 1, .days = days };
    outrider_diag diag = { 0 };
    outrider_err err = otr_store_each_fetches(p->store, d->domain, found.from, take_fetches, &found, &diag);
    json_t *networks = json_array(), *object;

    for (size_t i = 0; i < p->tally->count; i++) /* what could not be written yet */
        if (strcmp(p->tally->rows[i].domain, d->domain) == 0)
            take_fetches(&found, &p->tally->rows[i]);
    add_up(&found);
    for (size_t i = 0; i < found.count && i < NETWORKS_SHOWN; i++)
        json_array_append_new(networks, json_pack("{s:s, s:I}", "network", found.networks[i].text, "count",
                                                  (json_int_t)found.networks[i].count));
    object = json_pack("{s:o, s:o, s:I, s:o}", "days", days_list(&found), "networks", networks, "network_count", (json_int_t)found.count,
                       "error", err != OUTRIDER_OK ? json_string(diag.message)
                                : found.is_short   ? json_string("out of memory")
                                                   : json_null());
    free(found.networks);
    return object;
}

/* The whole ------------------------------------------------------------------------------------------------------- */

static json_t *certificate_object(const otr_own_domain *d, otr_time now)
{
    otr_time end = d->certificate != NULL ? otr_certificate_not_after(d->certificate) : 0;

    if (d->pair == NULL)
        return json_null();
    return json_pack("{s:s, s:s, s:o, s:o, s:o}",
                     "file", d->pair->certificate_path,
                     "state", *d->certificate_error == '\0' ? "good" : d->certificate != NULL ? "former" : "none",
                     "not_after", time_or_null(end),
                     "days", end > 0 ? json_integer((end - now) / OTR_DAY_S - (end < now)) : json_null(),
                     "error", text_or_null(d->certificate_error));
}

static json_t *withheld_object(otr_holding held)
{
    if (held == OTR_HOLD_NOTHING)
        return json_null();
    return json_pack("{s:s, s:s}", "what", otr_holding_names[held], "why", otr_holding_words[held]);
}

json_t *otr_own_domain_object(const otr_publisher *p, const otr_own_domain *d, otr_time now, int64_t days)
{
    json_t *object = json_pack("{s:s, s:s, s:b, s:s, s:o, s:o, s:b, s:o}",
                               "domain", d->domain,
                               "host", d->host,
                               "configured", d->conf != NULL,
                               "phase", otr_phase_names[d->life.phase],
                               "phase_since", time_or_null(d->life.since),
                               "uid", d->life.uid >= 0 ? json_integer(d->life.uid) : json_null(),
                               "forced", d->life.is_forced,
                               "reason", text_or_null(d->life.reason));

    if (object == NULL)
        return NULL;
    json_object_set_new(object, "serving", d->conf != NULL && d->serving != NULL ? serving_object(d->serving) : json_null());
    json_object_set_new(object, "withheld", withheld_object(d->held));
    json_object_set_new(object, "fault", text_or_null(d->fault));
    add_versions(object, d, now);
    json_object_set_new(object, "certificate", certificate_object(d, now));
    json_object_set_new(object, "fetches", fetches_object(p, d, now, days));
    return object;
}
