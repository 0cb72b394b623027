/*
 * offer.c - a record on its way to Redis.
 */
#include "daemon/fleet/inside.h"

#include "daemon/metrics.h"

#include <stdlib.h>

otr_offer *otr_offer_new(const otr_fleet_record *record)
{
    otr_offer *offer = calloc(1, sizeof(*offer));

    if (offer == NULL)
        return NULL;
    otr_fleet_record_name(record, offer->name);
    offer->end = otr_fleet_record_end(record);
    if (otr_fleet_record_write(record, &offer->octets) == OUTRIDER_OK)
        return offer;
    otr_offer_free(offer);
    return NULL;
}

void otr_offer_free(otr_offer *offer)
{
    if (offer == NULL)
        return;
    otr_buf_clear(&offer->octets);
    free(offer);
}

bool otr_fleet_is_status(const redisReply *reply, int type)
{
    return reply != NULL && reply->type == type;
}

static void on_put(void *arg, const redisReply *reply)
{
    otr_fleet *fleet = arg;

    if (!otr_fleet_is_status(reply, REDIS_REPLY_INTEGER) || reply->integer != 1)
        return;
    fleet->sent++;
    otr_count(OTR_CELL_FLEET_RECORDS + OTR_FLEET_SENT);
}

void otr_fleet_offer(otr_fleet *fleet, const otr_offer *offer)
{
    (void)otr_fleet_put(fleet, offer, on_put, fleet); /* not up: the comparison finds it */
}
