/*
 * schema.c - every setting of outrider.conf: section, name, type, default and bounds. The one place where a
 * setting is born; outrider.conf(5) is compared with this table.
 */
#include "daemon/conf/schema.h"

#include "daemon/conf/conf.h"

#include <string.h>

static const char *const no_values[] = { NULL };
static const char *const socketmap_listen[] = { "unix:/run/outrider/postfix.sock", "inet:[127.0.0.1]:8461", NULL };
static const char *const line_listen[] = { "unix:/run/outrider/exim.sock", NULL };
static const char *const control_listen[] = { "unix:/run/outrider/control.sock", NULL };
static const char *const root_programs[] = { "system", NULL };
static const char *const dns_modes[] = { "forward", "recursive", NULL };
static const char *const unknown_words[] = { "proceed", "defer", NULL };
static const char *const combine_words[] = { "dane-first", "both", NULL };

#define AT(member) offsetof(otr_conf, member)
#define NUMBER(section, name, member, least, most, preset) \
    { section, name, OTR_SET_NUMBER, AT(member), least, most, NULL, preset, NULL }
#define FLAG(section, name, member, preset) { section, name, OTR_SET_FLAG, AT(member), 0, 0, NULL, preset, NULL }
#define CHOICE(section, name, member, words, preset) \
    { section, name, OTR_SET_CHOICE, AT(member), 0, 0, words, preset, NULL }
#define WORD(section, name, kind, member, preset) { section, name, kind, AT(member), 0, 0, NULL, preset, NULL }
#define LIST(section, name, kind, member, presets) { section, name, kind, AT(member), 0, 0, NULL, NULL, presets }

const otr_setting otr_settings[] = {
    LIST("socketmap", "listen", OTR_SET_LISTEN, socketmap.listen, socketmap_listen),
    WORD("socketmap", "group", OTR_SET_GROUP, socketmap.group, ""),
    { "socketmap", "mode", OTR_SET_MODE, AT(socketmap.mode), 0, 0777, NULL, "0660", NULL },

    LIST("line", "listen", OTR_SET_LISTEN, line.listen, line_listen),
    WORD("line", "group", OTR_SET_GROUP, line.group, ""),
    { "line", "mode", OTR_SET_MODE, AT(line.mode), 0, 0777, NULL, "0660", NULL },

    LIST("http", "listen", OTR_SET_LISTEN, http.listen, no_values),
    WORD("http", "group", OTR_SET_GROUP, http.group, ""),
    { "http", "mode", OTR_SET_MODE, AT(http.mode), 0, 0777, NULL, "0660", NULL },

    LIST("control", "listen", OTR_SET_LISTEN, control.listen, control_listen),
    WORD("control", "group", OTR_SET_GROUP, control.group, ""),
    { "control", "mode", OTR_SET_MODE, AT(control.mode), 0, 0777, NULL, "0600", NULL },

    CHOICE("dns", "mode", dns.mode, dns_modes, "forward"),
    LIST("dns", "forwarders", OTR_SET_SERVERS, dns.forwarders, no_values),
    { "dns", "resolv_conf", OTR_SET_PATH, AT(dns.resolv_conf), 1, 0, NULL, "/etc/resolv.conf", NULL },
    { "dns", "root_hints", OTR_SET_PATH, AT(dns.root_hints), 1, 0, NULL, "/usr/share/dns/root.hints", NULL },
    { "dns", "trust_anchor", OTR_SET_PATH, AT(dns.trust_anchor), 1, 0, NULL, "/usr/share/dns/root.key", NULL },
    LIST("dns", "extra_anchors", OTR_SET_FILES, dns.extra_anchors, no_values),
    FLAG("dns", "allow_localhost", dns.allow_localhost, "false"),
    FLAG("dns", "self_test", dns.self_test, "true"),
    NUMBER("dns", "timeout", dns.timeout, 1, 60, "12"),

    FLAG("dane", "insecure_mx", dane.insecure_mx, "true"),

    CHOICE("sts", "on_unknown", sts.on_unknown, unknown_words, "proceed"),
    FLAG("sts", "allow_private", sts.allow_private, "false"),
    NUMBER("sts", "recheck", sts.recheck, 1, 86400, "300"),
    NUMBER("sts", "refresh", sts.refresh, 60, 2592000, "86400"),
    NUMBER("sts", "retry", sts.retry, 1, 86400, "300"),
    NUMBER("sts", "fetch_timeout", sts.fetch_timeout, 1, 60, "10"),

    { "anchors", "roots", OTR_SET_PATH, AT(rules[0].roots), 1, 0, NULL, "system", NULL },
    LIST("anchors", "for", OTR_SET_DOMAINS, rules[0].names, no_values),
    FLAG("anchors", "only", rules[0].is_only, "false"),
    LIST("anchors", "confine", OTR_SET_DOMAINS, rules[0].confine, no_values),
    CHOICE("anchors", "on_change", rules[0].on_change, otr_on_change_names, "log"),
    WORD("anchors", "exim_dir", OTR_SET_PATH, anchors.exim_dir, "/run/outrider/ta"),
    WORD("anchors", "postfix_dir", OTR_SET_PATH, anchors.postfix_dir, ""),
    WORD("anchors", "postfix_name", OTR_SET_TEXT, anchors.postfix_name, "outrider/ta"),
    WORD("anchors", "exim_own", OTR_SET_PATH, anchors.exim_own, "system"),
    WORD("anchors", "postfix_own", OTR_SET_PATH, anchors.postfix_own, "system"),
    WORD("anchors", "crls", OTR_SET_PATH, anchors.crls, ""),

    LIST("policy_host", "listen", OTR_SET_LISTEN, policy_host.https.listen, no_values),
    LIST("policy_host", "plain", OTR_SET_LISTEN, policy_host.plain.listen, no_values),
    LIST("policy_host", "acme", OTR_SET_LISTEN, policy_host.acme.listen, no_values),
    WORD("policy_host", "acme_directory", OTR_SET_PATH, policy_host.acme_directory, ""),
    LIST("policy_host", "addresses", OTR_SET_ADDRESSES, policy_host.addresses, no_values),
    LIST("policy_host", "root_programs", OTR_SET_FILES, policy_host.root_programs, root_programs),
    WORD("policy_host", "group", OTR_SET_GROUP, policy_host.plain.group, ""),
    { "policy_host", "mode", OTR_SET_MODE, AT(policy_host.plain.mode), 0, 0777, NULL, "0660", NULL },
    NUMBER("policy_host", "connections", policy_host.connections, 1, 100000, "1000"),
    NUMBER("policy_host", "connections_per_address", policy_host.connections_per_address, 1, 100000, "20"),
    NUMBER("policy_host", "timeout", policy_host.timeout, 1, 60, "10"),

    CHOICE("publish", "mode", publish[0].mode, otr_sts_mode_names, "testing"),
    LIST("publish", "mx", OTR_SET_PATTERNS, publish[0].mx, no_values),
    { "publish", "max_age", OTR_SET_DURATION, AT(publish[0].max_age), 3600, 31557600, NULL, "2w", NULL },
    WORD("publish", "certificate", OTR_SET_PATH, publish[0].certificate, ""),
    WORD("publish", "key", OTR_SET_PATH, publish[0].key, ""),
    LIST("publish", "tlsrpt", OTR_SET_URIS, publish[0].tlsrpt, no_values),

    NUMBER("tlsa", "port", tlsa[0].port, 1, 65535, "25"),
    LIST("tlsa", "certificates", OTR_SET_FILES, tlsa[0].certificates, no_values),
    LIST("tlsa", "next_keys", OTR_SET_FILES, tlsa[0].next_keys, no_values),
    { "tlsa", "ttl", OTR_SET_DURATION, AT(tlsa[0].ttl), 60, 604800, NULL, "1h", NULL },
    WORD("tlsa", "hook", OTR_SET_PATH, tlsa[0].hook, ""),

    WORD("fleet", "name", OTR_SET_MEMBER, fleet.name, ""),
    { "fleet", "prefix", OTR_SET_MEMBER, AT(fleet.prefix), 1, 0, NULL, "outrider", NULL },
    WORD("fleet", "password_file", OTR_SET_PATH, fleet.password_file, ""),
    { "fleet", "ca", OTR_SET_PATH, AT(fleet.ca), 1, 0, NULL, "system", NULL },

    { "store", "path", OTR_SET_PATH, AT(store.path), 1, 0, NULL, "/var/lib/outrider/outrider.db", NULL },

    NUMBER("limits", "request", limits.request, 320, 16384, "1024"),
    NUMBER("limits", "mx_hosts", limits.mx_hosts, 1, OTR_MX_HOSTS_CEILING, "50"),
    NUMBER("limits", "tlsa_records", limits.tlsa_records, 1, OTR_TLSA_MAX, "100"),
    NUMBER("limits", "answer", limits.answer, 1, 90, "15"),
    NUMBER("limits", "waiting", limits.waiting, 1, 1000000, "10000"),
    NUMBER("limits", "idle", limits.idle, 1, 86400, "300"),
    NUMBER("limits", "connections", limits.connections, 1, 100000, "2000"),
    NUMBER("limits", "cache", limits.cache, 100, 10000000, "100000"),

    NUMBER("threads", "front", threads.front, 1, 64, "1"),
    NUMBER("threads", "resolver", threads.resolver, 1, 64, "1"),

    WORD("", "store", OTR_SET_STORE, fleet.store, ""),
    CHOICE("", "combine", combine, combine_words, "dane-first"),
    LIST("", "own_hosts", OTR_SET_NAMES, own_hosts, no_values),
    WORD("", "user", OTR_SET_USER, user, ""),
    WORD("", "group", OTR_SET_GROUP, group, ""),
    FLAG("", "sandbox", sandbox, "true"),
    CHOICE("", "log", log, otr_log_level_names, "notice"),
    CHOICE("", "log_to", log_to, otr_log_sink_names, "auto"),
};
const size_t otr_setting_count = sizeof(otr_settings) / sizeof(otr_settings[0]);

/*
 * "stub" holds one setting per title; it has no place in otr_conf of its own and is gathered in read.c. The section
 * "minimum" is not here: its keys are names of domains, and minimum.c reads it before libconfuse sees the text.
 */
const otr_section otr_sections[] = {
    { "", "socketmap", 0 }, { "", "line", 0 },    { "", "dns", 0 },   { "dns", "stub", 1 }, { "", "dane", 0 },
    { "", "sts", 0 },       { "", "anchors", 1 }, { "", "store", 0 }, { "", "limits", 0 },  { "", "threads", 0 },
    { "", "http", 0 },      { "", "control", 0 }, { "", "policy_host", 0 }, { "", "publish", 1 }, { "", "tlsa", 1 },
    { "", "fleet", 0 },
};
const size_t otr_section_count = sizeof(otr_sections) / sizeof(otr_sections[0]);

const otr_titled otr_titled_sections[OTR_TITLED_COUNT] = {
    [OTR_TITLED_ANCHORS] = { "anchors", AT(rules), sizeof(otr_anchor_conf) },
    [OTR_TITLED_PUBLISH] = { "publish", AT(publish), sizeof(otr_publish_conf) },
    [OTR_TITLED_TLSA] = { "tlsa", AT(tlsa), sizeof(otr_tlsa_conf) },
};

const otr_titled *otr_setting_titled(const otr_setting *s)
{
    for (size_t i = 0; i < OTR_TITLED_COUNT; i++)
        if (s->offset >= otr_titled_sections[i].at && s->offset < otr_titled_sections[i].at + otr_titled_sections[i].size)
            return &otr_titled_sections[i];
    return NULL;
}

const otr_setting *otr_setting_find(const char *section, const char *name)
{
    for (size_t i = 0; i < otr_setting_count; i++)
        if (strcmp(otr_settings[i].section, section) == 0 && strcmp(otr_settings[i].name, name) == 0)
            return &otr_settings[i];
    return NULL;
}
