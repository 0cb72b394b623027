/*
 * options.h - the configuration in the words of each layer: what the daemon and `outrider query --direct` hand to
 * the resolver, the fetcher, discover and decide.
 */
#ifndef OTR_DAEMON_OPTIONS_H
#define OTR_DAEMON_OPTIONS_H

#include "daemon/conf/conf.h"
#include "sts/fetch.h"
#include "verdict/decide.h"
#include "verdict/discover.h"
#include "verdict/render.h"

/* All pointers in the results are borrowed from conf. */
otr_unbound_options otr_conf_unbound(const otr_conf *conf);
otr_sts_pace otr_conf_pace(const otr_conf *conf);
otr_discover_settings otr_conf_discover(const otr_conf *conf);
otr_decide_settings otr_conf_decide(const otr_conf *conf);
otr_anchor_views otr_conf_views(const otr_conf *conf);

#endif
