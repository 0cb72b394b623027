/*
 * control_accept.c - see control_accept.h.
 */
#include "daemon/flow/control_accept.h"

#include "daemon/flow/record.h"

struct listing {
    json_t *list;
    const char *domain; /* NULL: all */
};

static void append_hold(void *arg, const otr_hold *h)
{
    struct listing *listing = arg;
    char since[OTR_TIME_TEXT];

    if (listing->domain != NULL && strcmp(h->domain, listing->domain) != 0)
        return;
    json_array_append_new(listing->list,
                          json_pack("{s:s, s:s, s:s, s:{s:s, s:s}, s:{s:s, s:s}, s:s}",
                                    "domain", h->domain,
                                    "role", otr_role_names[h->role],
                                    "host", h->host,
                                    "from", "sha256", h->from, "name", h->from_name,
                                    "to", "sha256", h->to, "name", h->to_name,
                                    "since", otr_time_text(h->since, since)));
}

static json_t *list_holds(const otr_worker *worker, const char *domain)
{
    struct listing listing = { json_array(), domain };

    if (listing.list != NULL)
        otr_holds_each(worker->flow->holds, append_hold, &listing);
    return listing.list;
}

json_t *otr_control_holds(const otr_worker *worker)
{
    return list_holds(worker, NULL);
}

/* Nobody else adds a hold of this domain meanwhile: it belongs to this thread. */
outrider_err otr_control_accept(otr_worker *worker, const char *domain, int64_t uid, json_t **accepted, outrider_diag *diag)
{
    json_t *list = list_holds(worker, domain);
    outrider_err err = otr_record_accept(worker, domain, uid, diag);

    if (err == OUTRIDER_OK)
        *accepted = list;
    else
        json_decref(list);
    return err;
}
