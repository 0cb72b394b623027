/*
 * options.c - from settings to options.
 */
#include "daemon/conf/options.h"

otr_unbound_options otr_conf_unbound(const otr_conf *conf)
{
    return (otr_unbound_options){
        .is_recursive = conf->dns.mode == OTR_DNS_RECURSIVE,
        .forwarders = conf->dns.forwarders.count > 0 ? conf->dns.forwarders.values : NULL,
        .resolv_conf = conf->dns.resolv_conf,
        .root_hints = conf->dns.root_hints,
        .trust_anchor = conf->dns.trust_anchor,
        .extra_anchors = conf->dns.extra_anchors.count > 0 ? conf->dns.extra_anchors.values : NULL,
        .stubs = conf->dns.stub_count > 0 ? conf->dns.stubs : NULL,
        .allow_localhost = conf->dns.allow_localhost,
        .timeout_ms = conf->dns.timeout * 1000,
    };
}

otr_sts_pace otr_conf_pace(const otr_conf *conf)
{
    otr_sts_pace pace = OTR_STS_PACE_INIT;

    pace.recheck_floor = conf->sts.recheck;
    pace.refresh_after = conf->sts.refresh;
    pace.retry_first = conf->sts.retry;
    if (pace.retry_most < pace.retry_first)
        pace.retry_most = pace.retry_first;
    return pace;
}

otr_discover_settings otr_conf_discover(const otr_conf *conf)
{
    return (otr_discover_settings){
        .dane_on_insecure_mx = conf->dane.insecure_mx,
        .mx_hosts_max = conf->limits.mx_hosts,
        .tlsa_max = conf->limits.tlsa_records,
        .own_hosts = conf->own_hosts.count > 0 ? conf->own_hosts.values : NULL,
    };
}

otr_decide_settings otr_conf_decide(const otr_conf *conf)
{
    return (otr_decide_settings){
        .is_dane_on_insecure_mx = conf->dane.insecure_mx,
        .is_both = conf->combine == OTR_COMBINE_BOTH,
        .defer_on_unknown_sts = conf->sts.on_unknown == OTR_ON_UNKNOWN_DEFER,
        .minimum = &conf->minimum,
    };
}

otr_anchor_views otr_conf_views(const otr_conf *conf)
{
    return (otr_anchor_views){
        .exim_dir = *conf->anchors.exim_dir != '\0' ? conf->anchors.exim_dir : NULL,
        .postfix_dir = *conf->anchors.postfix_dir != '\0' ? conf->anchors.postfix_name : NULL,
    };
}
