/*
 * publishing.c - see publishing.h.
 */
#include "daemon/publishing.h"

outrider_err otr_publishing_start(otr_publishing *publishing, const otr_conf *conf, const otr_sockets *sockets, otr_store *store,
                                  otr_clock *clock, outrider_diag *diag)
{
    outrider_err err = otr_publisher_new(conf, store, clock, &publishing->publisher, diag);

    (void)sockets;
    return err == OUTRIDER_OK ? otr_publisher_start(publishing->publisher, diag) : err;
}

void otr_publishing_stop(otr_publishing *publishing)
{
    otr_publisher_stop(publishing->publisher);
}

void otr_publishing_clear(otr_publishing *publishing)
{
    otr_publisher_free(publishing->publisher);
    publishing->publisher = NULL;
}
