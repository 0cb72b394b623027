/*
 * service_look.h - go and see what an MX host of ours shows: each address, through STARTTLS, with the SNI of its TLSA base domain, once as
 * it likes and once for the other kind of key. No mail is sent.
 */
#ifndef OTR_PUBLISH_SERVICE_LOOK_H
#define OTR_PUBLISH_SERVICE_LOOK_H

#include "publish/authority.h"
#include "publish/service.h"

/* Runs the event base until the end. `ehlo`: the name of this machine. False: out of memory. */
bool otr_service_look(struct event_base *base, const otr_authority *authority, const char *ehlo, unsigned timeout_ms,
                      otr_service *service);

#endif
